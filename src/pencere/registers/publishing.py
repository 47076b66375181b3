"""Definitions are published into the database once; what was published never changes."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from pencere.kernel.errors import Misconfigured
from pencere.registers.definition import Definition

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy | asyncpg.Connection[asyncpg.Record]"


async def publish(
    connection: Connection, definitions: Mapping[str, Definition], at: datetime
) -> dict[str, int]:
    """Publish what is new; return the short number of each register by code.

    Raises:
        Misconfigured: a definition differs from what was published under its version, or is
            older than the newest published one.
    """
    async with connection.transaction():
        # Two processes that start at once take turns.
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('registers publish', 0))"
        )
        rows = await connection.fetch(
            "select distinct on (register) register, version, sha256"
            " from registers.definition order by register, version desc"
        )
        newest = {row["register"]: (row["version"], row["sha256"]) for row in rows}
        for definition in definitions.values():
            await _publish_one(connection, definition, newest.get(definition.code), at)
    numbers = await connection.fetch("select code, id from registers.register")
    return {row["code"]: row["id"] for row in numbers}


async def _publish_one(
    connection: Connection,
    definition: Definition,
    newest: tuple[int, bytes] | None,
    at: datetime,
) -> None:
    version, sha256 = newest or (0, b"")
    if definition.version < version or (
        definition.version == version and definition.sha256 != sha256
    ):
        raise Misconfigured(
            file=definition.file,
            key="version",
            value=f"{definition.version}, with content other than was published",
            example=version + 1,
        )
    if definition.version > version:
        await connection.execute(
            "insert into registers.definition (register, version, sha256, content, published_at)"
            " values ($1, $2, $3, $4, $5)",
            definition.code,
            definition.version,
            definition.sha256,
            json.dumps(definition.content),
            at,
        )
        await connection.execute(
            "insert into registers.register (code) values ($1) on conflict do nothing",
            definition.code,
        )
