"""Definitions are published into the database once; what was published never changes."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from pencere.kernel.errors import Misconfigured
from pencere.registers.definition import Definition
from pencere.registers.differences import RECORDS, differences
from pencere.registers.steps import History, history_of

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy | asyncpg.Connection[asyncpg.Record]"


async def publish(
    connection: Connection,
    definitions: Mapping[str, Definition],
    at: datetime,
    *,
    moving: bool = False,
) -> dict[str, int]:
    """Publish what is new; return the short number of each register by code.

    `moving`: the caller moves the records afterwards.

    Raises:
        Misconfigured: a definition differs from what was published under its version, is older
            than the newest published one, or asks for a move of records that is not finished.
    """
    async with connection.transaction():
        # Two processes that start at once take turns.
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('registers publish', 0))"
        )
        rows = await connection.fetch(
            "select distinct on (register) register, version, sha256, key_order"
            " from registers.definition order by register, version desc"
        )
        places = {(row["register"], row["version"]): row["key_order"] for row in rows}
        newest = {row["register"]: (row["version"], row["sha256"]) for row in rows}
        for definition in definitions.values():
            _refuse_other_places(definition, places.get((definition.code, definition.version)))
            if not moving:
                await _refuse_unmoved(connection, definition, newest.get(definition.code))
            await _publish_one(connection, definition, newest.get(definition.code), at)
    numbers = await connection.fetch("select code, id from registers.register")
    return {row["code"]: row["id"] for row in numbers}


def with_places(content: dict[str, object], order: list[str] | None) -> dict[str, object]:
    """Return a stored definition with its keys in their places."""
    keys = content.get("keys")
    if order is None or not isinstance(keys, dict):
        return content
    return {**content, "keys": {name: keys[name] for name in order}}


async def histories(connection: Connection) -> dict[str, History]:
    """Return the history of every register's definition."""
    rows = await connection.fetch("select register, version, content from registers.definition")
    contents: dict[str, dict[int, dict[str, object]]] = {}
    for row in rows:
        contents.setdefault(row["register"], {})[row["version"]] = json.loads(row["content"])
    return {register: history_of(versions) for register, versions in contents.items()}


def _refuse_other_places(definition: Definition, order: list[str] | None) -> None:
    """The digest does not see the order of keys, but the rows of keys do."""
    if order is not None and order != list(definition.keys):
        raise Misconfigured(
            file=definition.file, key="keys", value=list(definition.keys), example=order
        )


async def _refuse_unmoved(
    connection: Connection, definition: Definition, newest: tuple[int, bytes] | None
) -> None:
    begun = await connection.fetchval(
        "select m.version from registers.move m join registers.register g on g.id = m.register"
        " where g.code = $1 and m.finished_at is null",
        definition.code,
    )
    if begun is not None:
        raise _move_first(definition, f"{begun}: the move of records has not ended")
    if newest is None or definition.version <= newest[0]:
        return
    there = await connection.fetchval(
        "select exists (select from registers.record r join registers.register g"
        " on g.id = r.register where g.code = $1)",
        definition.code,
    )
    row = await connection.fetchrow(
        "select content, key_order from registers.definition where register = $1 and version = $2",
        definition.code,
        newest[0],
    )
    assert row is not None  # noqa: S101  # it is the newest one published
    content = with_places(json.loads(row["content"]), row["key_order"])
    found = differences(content, definition.content)
    broken = [f"{each.code} {each.where}" for each in found if RECORDS in each.breaks]
    if there and (broken or definition.move):
        said = ", ".join(broken) or "its steps"
        raise _move_first(definition, f"{definition.version} changes what is stored: {said}")


def _move_first(definition: Definition, value: str) -> Misconfigured:
    return Misconfigured(
        file=definition.file,
        key="version",
        value=value,
        example=f"pencere register move {definition.code}",
    )


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
            "insert into registers.definition"
            " (register, version, sha256, content, key_order, published_at)"
            " values ($1, $2, $3, $4, $5, $6)",
            definition.code,
            definition.version,
            definition.sha256,
            json.dumps(definition.content),
            list(definition.keys),
            at,
        )
        await connection.execute(
            "insert into registers.register (code) values ($1) on conflict do nothing",
            definition.code,
        )
