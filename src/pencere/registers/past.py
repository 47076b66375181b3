"""All versions of a record, newest first. docs/specs/registers.md, section 4."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pencere.kernel.errors import Missing
from pencere.registers.caller import Caller
from pencere.registers.endpoints import caller_of, code_of, record_id_of, registers_of
from pencere.registers.engine import Registers
from pencere.registers.store import Found

# A record with more is read by asking for days.
MAX_VERSIONS = 200


@dataclass(frozen=True, slots=True)
class Past:
    """One version: what was said about a period, when, why, and by whose act.

    `actor` and `case` are told only to who may write for the purpose: colleagues of the actor.
    """

    version: int
    op: str
    state: str
    valid_from: date
    valid_to: date | None
    recorded_at: datetime
    reason: str | None
    actor: str | None
    case: str | None
    data: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """Return it as the wire has it."""
        return {
            **dataclasses.asdict(self),
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat() if self.valid_to else None,
            "recorded_at": self.recorded_at.isoformat().replace("+00:00", "Z"),
            "data": dict(self.data),
        }


async def versions(registers: Registers, code: str, caller: Caller, record: int) -> Sequence[Past]:
    """Return the versions of a record, with the fields of the purpose, masked.

    Raises:
        Missing: `record.unknown`: none, erased, or somebody else's.
        Refused, Invalid: as reading the record.
    """
    register = registers.register(code)
    register.disclosed_to(caller)
    is_writer = register.definition.may_write(caller.client, caller.purpose)
    async with registers.connection() as connection:
        rows = await connection.fetch(
            _SHOW, record, register.number, register.definition.subject, caller.person,
            registers.clock.now(), caller.client, caller.actor, caller.purpose, caller.basis,
            caller.case, caller.exchange, MAX_VERSIONS,
        )  # fmt: skip
    if not rows:
        raise Missing("record.unknown", register=code)
    found = []
    for row in rows:
        stored = Found(record, row["version"], row["state"], row["valid_from"],
                       json.loads(row["data"]), row["schema_version"])  # fmt: skip
        found.append(
            Past(
                row["version"], row["op"], row["state"], row["valid_from"], row["valid_to"],
                row["recorded_at"], row["reason"] if is_writer else None,
                row["actor"] if is_writer else None, row["case_number"] if is_writer else None,
                register.shown(caller, stored).data,
            )
        )  # fmt: skip
    return found


async def history(request: Request) -> Response:
    """GET records/<id>/versions: what held when, who said so, and why."""
    found = await versions(
        registers_of(request), code_of(request), caller_of(request), record_id_of(request)
    )
    return JSONResponse({"versions": [each.as_json() for each in found]})


# A row of the log for each version shown; one without a record when nothing was found.
_SHOW = """
    with found as materialized (
        select v.* from registers.record r join registers.record_version v on v.record = r.id
        where r.id = $1 and r.register = $2 and r.erased_at is null and v.data is not null
            and ($3::text is null or r.data ->> $3 = $4::text)
        order by v.version desc limit $12
    ), logged as (
        insert into registers.read_log (at, register, record, version, client, actor, purpose,
            basis, case_number, exchange)
        select $5, $2, f.record, f.version, $6, $7, $8, $9, $10, $11
        from (select 1) asked left join found f on true
    )
    select version, op, state, valid_from, valid_to, recorded_at, reason, actor, case_number,
        data, schema_version
    from found order by version desc
"""
