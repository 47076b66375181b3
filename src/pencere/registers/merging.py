"""Two records found to be one subject: one clerk proposes, another confirms. Decision 0040.

The absorbed record ends with a pointer to the survivor and keeps its history and its keys, by
which the survivor is found from then on. A merge is undone by an act of the same form.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.registers.caller import Caller
from pencere.registers.changes import Change, Writer
from pencere.registers.disclosure import Register
from pencere.registers.engine import Registers
from pencere.registers.keeping import keep, lock
from pencere.registers.records import Operation
from pencere.registers.serving import in_transaction
from pencere.registers.store import Connection, Current

MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """A record in the version that a clerk looked at."""

    id: int
    version: int


@dataclass(frozen=True)
class Act:
    """A merge, or the undoing of one, as proposed and decided: `proposed`, `done`, `refused`.

    It names records by their ids alone: no data of a person, no officer.
    """

    id: int
    undoes: int | None
    absorbed: Seen
    survivor: Seen
    reason: str
    state: str

    def as_json(self) -> dict[str, object]:
        """Return it as the wire has it."""
        return {
            "merge": str(self.id),
            "undoes": str(self.undoes) if self.undoes is not None else None,
            "absorbed": {"id": str(self.absorbed.id), "version": self.absorbed.version},
            "survivor": {"id": str(self.survivor.id), "version": self.survivor.version},
            "reason": self.reason,
            "state": self.state,
        }


async def propose(  # noqa: PLR0913  # an act is all of these
    registers: Registers,
    code: str,
    caller: Caller,
    *,
    absorbed: Seen,
    survivor: Seen,
    reason: str,
) -> Act:
    """Propose that `absorbed` is the same as `survivor`; nothing changes yet.

    Raises:
        Refused: `merge.not_allowed`.
        Invalid: `merge.self`, `header.missing`: it is not said who acts.
        Missing: `record.unknown`; also when neither record is about the exchange's person.
        Conflict: `version.stale`, `record.annulled`, `merge.merged`, `merge.into_merged`,
            `merge.proposed`.
    """
    register = merging_register(registers, code, caller)
    if absorbed.id == survivor.id:
        raise Invalid("merge.self")

    async def act(connection: Connection) -> Act:
        one, other = await _both(connection, register, caller, (absorbed.id, survivor.id))
        _refuse_ended(one, other)
        _refuse_stale((one, absorbed), (other, survivor))
        return await _keep_proposal(
            connection, _Proposal(registers, register, caller, None, one, other, reason)
        )

    return await in_transaction(registers.connection, act)


async def propose_undoing(
    registers: Registers, code: str, caller: Caller, *, merge: int, reason: str
) -> Act:
    """Propose that a merge is taken back.

    Raises:
        Refused, Invalid, Missing: as `propose`; `merge.unknown`.
        Conflict: `merge.not_done`: it is not in force; `merge.proposed`.
    """
    register = merging_register(registers, code, caller)

    async def act(connection: Connection) -> Act:
        done = await _act(connection, register, merge)
        one, other = await _both(connection, register, caller, (done.absorbed.id, done.survivor.id))
        await _refuse_unless_standing(connection, done, one)
        return await _keep_proposal(
            connection, _Proposal(registers, register, caller, done.id, one, other, reason)
        )

    return await in_transaction(registers.connection, act)


async def decide(  # noqa: PLR0913  # an act is all of these
    registers: Registers, code: str, caller: Caller, *, merge: int, outcome: str, reason: str
) -> Act:
    """Do what was proposed (`outcome` is `done`), or refuse or withdraw it (`refused`).

    Raises:
        Refused: `merge.not_allowed`, `merge.same_person`.
        Invalid: `header.missing`.
        Missing: `merge.unknown`, `record.unknown`.
        Conflict: `merge.decided`, `version.stale`, `record.annulled`, `merge.merged`,
            `merge.into_merged`, `merge.not_done`.
    """
    register = merging_register(registers, code, caller)

    async def act(connection: Connection) -> Act:
        proposed = await _act(connection, register, merge)
        one, other = await _both(
            connection, register, caller, (proposed.absorbed.id, proposed.survivor.id)
        )
        # Read again: whoever decides holds the records until the decision is there.
        proposed = await _act(connection, register, merge)
        if proposed.state != "proposed":
            raise Conflict("merge.decided")
        if outcome == "done":
            await _do(connection, Writer(register, caller, registers.clock.now()),
                      proposed, one, other)  # fmt: skip
        await connection.execute(
            "insert into registers.merge_decision values"
            " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            merge, outcome, *signature(caller), reason, registers.clock.now(),
        )  # fmt: skip
        return dataclasses.replace(proposed, state=outcome)

    return await in_transaction(registers.connection, act)


async def proposals(registers: Registers, code: str, caller: Caller) -> Sequence[Act]:
    """Return what waits for a decision, oldest first.

    Raises:
        Refused: `merge.not_allowed`.
    """
    register = merging_register(registers, code, caller)
    async with registers.connection() as connection:
        rows = await connection.fetch(
            f"{_ACTS} where m.register = $1 and d.merge is null order by m.id limit $2",
            register.number, MAX_LISTED,
        )  # fmt: skip
    return [_of_row(row) for row in rows]


def merging_register(registers: Registers, code: str, caller: Caller) -> Register:
    """Return the register, when the caller may merge in it and says who acts."""
    register = registers.register(code)
    if not register.definition.may_merge(caller.client, caller.purpose):
        raise Refused("merge.not_allowed", register=code)
    if caller.actor is None:
        raise Invalid("header.missing", header="x-road-userid")
    return register


def signature(caller: Caller) -> tuple[str | None, ...]:
    """Return who acts for what, as the tables of acts have it."""
    return (caller.actor, caller.client, caller.purpose, caller.basis, caller.case, caller.exchange)


_ACTS = """
    select m.id, m.undoes, m.absorbed, m.absorbed_version, m.survivor, m.survivor_version, m.reason,
        m.actor, coalesce(d.outcome, 'proposed') as state
    from registers.merge m left join registers.merge_decision d on d.merge = m.id
"""

# One that was made for versions that are gone can never be done, and stands in nobody's way.
_OPEN = """
    select m.id from registers.merge m
        join registers.record a on a.id = m.absorbed and a.version = m.absorbed_version
        join registers.record s on s.id = m.survivor and s.version = m.survivor_version
        left join registers.merge_decision d on d.merge = m.id
    where d.merge is null and (m.absorbed = $1 or (m.absorbed = $2 and m.survivor = $1))
    order by m.id limit 1
"""


def _of_row(row: asyncpg.Record) -> Act:
    return Act(
        row["id"],
        row["undoes"],
        Seen(row["absorbed"], row["absorbed_version"]),
        Seen(row["survivor"], row["survivor_version"]),
        row["reason"],
        row["state"],
    )


async def _act(connection: Connection, register: Register, merge: int) -> Act:
    row = await connection.fetchrow(
        f"{_ACTS} where m.id = $1 and m.register = $2", merge, register.number
    )
    if row is None:
        raise Missing("merge.unknown")
    return _of_row(row)


async def _both(
    connection: Connection, register: Register, caller: Caller, ids: tuple[int, int]
) -> tuple[Current, Current]:
    """Lock both records; the exchange's person must be of one of them."""
    found = await lock(connection, [(register.number, each) for each in ids])
    one, other = (found.get((register.number, each)) for each in ids)
    subject = register.definition.subject
    if one is None or other is None:
        raise Missing("record.unknown", register=register.definition.code)
    if subject and caller.person not in {one.data[subject], other.data[subject]}:
        raise Missing("record.unknown", register=register.definition.code)
    return one, other


def _refuse_ended(absorbed: Current, survivor: Current) -> None:
    if absorbed.merged_into is not None:
        raise Conflict("merge.merged", survivor=str(absorbed.merged_into))
    if survivor.merged_into is not None:
        raise Conflict("merge.into_merged", survivor=str(survivor.merged_into))
    if "annulled" in {absorbed.state, survivor.state}:
        raise Conflict("record.annulled")


def _refuse_stale(*pairs: tuple[Current, Seen]) -> None:
    for there, seen in pairs:
        if there.version != seen.version:
            raise Conflict("version.stale", current=there.version)


async def _refuse_unless_standing(connection: Connection, done: Act, absorbed: Current) -> None:
    """Only the newest merge of a record is in force, and only while the record is merged."""
    newest = await connection.fetchval(
        "select max(m.id) from registers.merge m join registers.merge_decision d on d.merge = m.id"
        " where m.absorbed = $1 and d.outcome = 'done'",
        absorbed.id,
    )
    if done.undoes is not None or newest != done.id or absorbed.merged_into is None:
        raise Conflict("merge.not_done")


@dataclass(frozen=True)
class _Proposal:
    registers: Registers
    register: Register
    caller: Caller
    undoes: int | None
    absorbed: Current
    survivor: Current
    reason: str


async def _keep_proposal(connection: Connection, one: _Proposal) -> Act:
    absorbed, survivor = one.absorbed, one.survivor
    there = await connection.fetchval(_OPEN, absorbed.id, survivor.id)
    if there is not None:
        raise Conflict("merge.proposed", merge=str(there))
    start = absorbed.valid_from
    if one.undoes is not None:
        start = await connection.fetchval(
            "select absorbed_from from registers.merge where id = $1", one.undoes
        )
    number = await connection.fetchval(
        "insert into registers.merge (register, undoes, absorbed, survivor, absorbed_version,"
        " survivor_version, absorbed_from, actor, client, purpose, basis, case_number, exchange,"
        " reason, at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning id",
        one.register.number, one.undoes, absorbed.id, survivor.id, absorbed.version,
        survivor.version, start, *signature(one.caller), one.reason, one.registers.clock.now(),
    )  # fmt: skip
    return await _act(connection, one.register, number)


async def _do(
    connection: Connection, writer: Writer, proposed: Act, absorbed: Current, survivor: Current
) -> None:
    row = await connection.fetchrow(
        "select actor, absorbed_from from registers.merge where id = $1", proposed.id
    )
    assert row is not None  # noqa: S101  # it was read before
    if row["actor"] == writer.caller.actor:
        raise Refused("merge.same_person")
    if proposed.undoes is None:
        _refuse_ended(absorbed, survivor)
        _refuse_stale((absorbed, proposed.absorbed), (survivor, proposed.survivor))
        change = writer.merge(Operation("merge", proposed.reason), absorbed, survivor.id)
        await keep(connection, [change])
        # Also what was merged into it before: look-ups go to the end of the way at once.
        await connection.execute(
            "update registers.record set merged_into = $2 where id = $1 or merged_into = $1",
            absorbed.id,
            survivor.id,
        )
        return
    await _refuse_unless_standing(
        connection, await _act(connection, writer.register, proposed.undoes), absorbed
    )
    _refuse_stale((absorbed, proposed.absorbed))
    await _undo(connection, writer.unmerge(Operation("unmerge", proposed.reason), absorbed,
                                           row["absorbed_from"]))  # fmt: skip


async def _undo(connection: Connection, change: Change) -> None:
    record = change.version.record
    await connection.execute("update registers.record set merged_into = null where id = $1", record)
    await keep(connection, [change])
    # What was merged into it before it was merged itself is found through it again.
    await connection.execute(
        """
        with recursive under as (
            select v.record from registers.record_version v
                join registers.record r on r.id = v.record and r.version = v.version
            where v.merged_into = $1
            union
            select v.record from under u
                join registers.record_version v on v.merged_into = u.record
                join registers.record r on r.id = v.record and r.version = v.version
        )
        update registers.record set merged_into = $1
        -- Not one that came apart while this waited for it.
        where id in (select record from under) and merged_into is not null
        """,
        record,
    )
