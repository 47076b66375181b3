"""Changes in a register: all operations of a request, or none.

The state of a record is locked, checked, and replaced; its new version, its keys and the leaf
of the log stand in the same transaction.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

import asyncpg

from pencere.kernel.canonical import sha256_of
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused, Unavailable
from pencere.registers import store
from pencere.registers.caller import Caller
from pencere.registers.chain import SALT_BYTES, Version
from pencere.registers.document import validate
from pencere.registers.engine import Register, Registers
from pencere.registers.keys import key_values
from pencere.registers.records import Operation, Record

# Two writers that lock each other's records: one is sent back by PostgreSQL and tries again.
ATTEMPTS = 4
_T = TypeVar("_T")
_ONE_TICK = timedelta(microseconds=1)


async def write(
    registers: Registers,
    code: str,
    caller: Caller,
    operations: Sequence[Operation],
    idempotency_key: str | None = None,
) -> list[Record]:
    """Do all `operations` in order and return the records as they stand; or do none.

    With an idempotency key that was used before, nothing is done and the first answer returned.

    Raises:
        Refused: `write.not_allowed`, `field.not_allowed`, `person.mismatch`.
        Invalid: `data.invalid`, `valid_from.future`, `valid_from.before_current`,
            `valid_from.after_current`, `valid_to.after_current`, `subject.changed`.
        Missing: `record.unknown`.
        Conflict: `version.stale`, `record.annulled`, `key.taken`, `idempotency.reused`,
            `numbering.exhausted`.
    """
    register = _writable(registers, code, caller)
    asked = _repeatable(code, caller, idempotency_key, [each.as_json() for each in operations])

    async def act(connection: store.Connection) -> list[Record]:
        if asked and (first := await store.first_answer(connection, asked)) is not None:
            return [await _again(connection, register, caller, result) for result in first]
        writing = _Writing(connection, register, caller, registers.clock.now())
        records = [await writing.perform(operation) for operation in operations]
        if asked:
            results = [[record.id, record.version] for record in records]
            await store.keep_answer(connection, asked, results, writing.at)
        return records

    return await _in_transaction(registers, act)


async def give_number(registers: Registers, code: str, caller: Caller, idempotency_key: str) -> str:
    """Return the next number of the register; the same again for the same key.

    Raises:
        Refused: `write.not_allowed`.
        Missing: `numbering.none`.
        Conflict: `numbering.exhausted`, `idempotency.reused`.
    """
    register = _writable(registers, code, caller)
    numbering = register.definition.numbering
    if numbering is None:
        raise Missing("numbering.none", register=code)
    asked = _repeatable(code, caller, idempotency_key, "number")
    assert asked is not None  # noqa: S101  # there is a key

    async def act(connection: store.Connection) -> str:
        first = await store.first_answer(connection, asked)
        if first is not None:
            return str(first[0])
        number = numbering.number(await store.take_number(connection, register.number))
        await store.keep_answer(connection, asked, [number], registers.clock.now())
        return number

    return await _in_transaction(registers, act)


async def _in_transaction(
    registers: Registers, act: Callable[[store.Connection], Awaitable[_T]]
) -> _T:
    for _ in range(ATTEMPTS):
        async with registers.connection() as connection:
            try:
                async with connection.transaction():
                    return await act(connection)
            except asyncpg.DeadlockDetectedError:
                continue
    raise Unavailable("database.contended")


def _writable(registers: Registers, code: str, caller: Caller) -> Register:
    register = registers.register(code)
    if not register.definition.may_write(caller.client, caller.purpose):
        raise Refused("write.not_allowed", register=code)
    register.disclosed_to(caller)
    return register


def _repeatable(
    code: str, caller: Caller, key: str | None, request: object
) -> store.Repeatable | None:
    if key is None:
        return None
    digest = sha256_of({"register": code, "person": caller.person, "request": request})
    return store.Repeatable(caller.client, key, digest)


async def _again(
    connection: store.Connection, register: Register, caller: Caller, result: object
) -> Record:
    assert isinstance(result, list)  # noqa: S101  # as `write` kept it
    record, version = result
    state, valid_from, data = await store.version_of(connection, record, version)
    return Record(
        record, version, state, valid_from, store.ordered(data, register.disclosed_to(caller))
    )


@dataclass(frozen=True)
class _Writing:
    """One request at work on one connection."""

    connection: store.Connection
    register: Register
    caller: Caller
    at: datetime

    @property
    def today(self) -> date:
        return local_date(self.at)

    async def perform(self, operation: Operation) -> Record:
        if operation.valid_from is not None and operation.valid_from > self.today:
            raise Invalid("valid_from.future")
        now = await self._done(operation)
        data = store.ordered(now.data, self.register.disclosed_to(self.caller))
        return Record(now.id, now.version, now.state, now.valid_from, data)

    async def _done(self, operation: Operation) -> store.Current:
        match operation.op:
            case "create":
                return await self._create(operation)
            case "amend":
                return await self._amend(operation, await self._locked(operation))
            case "correct":
                return await self._correct(operation, await self._locked(operation))
            case "annul":
                return await self._annul(operation, await self._locked(operation))

    async def _create(self, operation: Operation) -> store.Current:
        data = self._merged(operation.data, {})
        numbering = self.register.definition.numbering
        if numbering and numbering.field not in data:
            index = await store.take_number(self.connection, self.register.number)
            data[numbering.field] = numbering.number(index)
        validate(self.register.definition, data)
        subject = self.register.definition.subject
        if subject is not None and data[subject] != self.caller.person:
            raise Refused("person.mismatch", register=self.register.definition.code)
        record = await store.next_record_id(self.connection)
        nothing = store.Current(
            record, 0, "valid", operation.valid_from or self.today, self.at - _ONE_TICK, b"", {}
        )
        now = await self._say(operation, nothing, data, valid_from=nothing.valid_from)
        await self._rekey(now.id, {}, data)
        return now

    async def _locked(self, operation: Operation) -> store.Current:
        definition = self.register.definition
        record = operation.record or 0
        current = await store.lock(self.connection, self.register.number, record)
        if current is None or (
            definition.subject is not None
            and current.data[definition.subject] != self.caller.person
        ):
            raise Missing("record.unknown", register=definition.code)
        if current.version != operation.version:
            raise Conflict("version.stale", current=current.version)
        if current.state == "annulled":
            raise Conflict("record.annulled")
        return current

    async def _amend(self, operation: Operation, current: store.Current) -> store.Current:
        valid_from = operation.valid_from or self.today
        if valid_from < current.valid_from:
            raise Invalid("valid_from.before_current")
        data = self._changed(operation, current)
        now = await self._say(operation, current, data, valid_from=valid_from)
        await self._rekey(now.id, current.data, data)
        return now

    async def _correct(self, operation: Operation, current: store.Current) -> store.Current:
        valid_from = operation.valid_from or current.valid_from
        if valid_from > current.valid_from:
            raise Invalid("valid_from.after_current")
        data = self._changed(operation, current)
        if operation.valid_to is None:
            now = await self._say(operation, current, data, valid_from=valid_from)
            await self._rekey(now.id, current.data, data)
            return now
        # A period that is over: what is so now stays as it is.
        if not valid_from < operation.valid_to <= current.valid_from:
            raise Invalid("valid_to.after_current")
        return await self._say(operation, current, data, valid_from=valid_from)

    async def _annul(self, operation: Operation, current: store.Current) -> store.Current:
        valid_from = operation.valid_from or self.today
        now = await self._say(operation, current, current.data, valid_from=valid_from)
        unique = [
            key.number for key in self.register.definition.keys.values() if key.kind == "unique"
        ]
        await store.release_keys(self.connection, now.id, unique)
        return now

    def _changed(self, operation: Operation, current: store.Current) -> dict[str, object]:
        definition = self.register.definition
        data = validate(definition, self._merged(operation.data, current.data))
        if definition.subject and data[definition.subject] != current.data[definition.subject]:
            raise Invalid("subject.changed")
        return data

    def _merged(
        self, given: Mapping[str, object] | None, current: Mapping[str, object]
    ) -> dict[str, object]:
        """Replace the fields the purpose opens; what the writer cannot see stays."""
        opened = set(self.register.disclosed_to(self.caller))
        for field in sorted((given or {}).keys() - opened):
            raise Refused("field.not_allowed", field=field[:40])
        hidden = {field: value for field, value in current.items() if field not in opened}
        return {**hidden, **(given or {})}

    async def _say(
        self,
        operation: Operation,
        current: store.Current,
        data: dict[str, object],
        *,
        valid_from: date,
    ) -> store.Current:
        """Write the version; return what is so after it."""
        version = Version(
            register=self.register.definition.code,
            record=current.id,
            version=current.version + 1,
            schema_version=self.register.definition.version,
            op=operation.op,
            state="annulled" if operation.op == "annul" else current.state,
            valid_from=valid_from,
            valid_to=operation.valid_to,
            # Never two versions of a record at one instant: as-of asks by it.
            recorded_at=max(self.at, current.recorded_at + _ONE_TICK),
            actor=self.caller.actor,
            client=self.caller.client,
            purpose=self.caller.purpose,
            basis=self.caller.basis,
            case=self.caller.case,
            exchange=self.caller.exchange,
            reason=operation.reason,
            salt=secrets.token_bytes(SALT_BYTES),
            data=data,
            prev=current.head or None,
        )
        over = operation.valid_to is not None
        now = store.Current(
            id=current.id,
            version=version.version,
            state=version.state,
            valid_from=current.valid_from if over else valid_from,
            recorded_at=version.recorded_at,
            head=version.hash(),
            data=current.data if over else data,
        )
        new = version.version == 1
        await store.store_current(self.connection, self.register.number, now, new=new)
        await store.store_version(self.connection, version, now.head)
        if not over:
            await self._tell(version, current.data)
        return now

    async def _tell(self, version: Version, before: Mapping[str, object]) -> None:
        """Keep what others subscribe to, in the transaction of the write."""
        definition = self.register.definition
        system, _, _ = definition.code.partition("/")
        for rule in definition.events:
            said = rule.content(version.op, version.purpose, before, version.data)
            if said is not None:
                await store.keep_event(
                    self.connection,
                    system=f"{definition.owner}/{system}",
                    type=rule.type,
                    record=version.record,
                    key=f"{definition.code}/{version.record}/{version.version}/{rule.type}",
                    person=str(version.data[definition.subject]) if definition.subject else None,
                    data=said,
                    at=version.recorded_at,
                )

    async def _rekey(
        self, record: int, before: Mapping[str, object], after: Mapping[str, object]
    ) -> None:
        definition, register = self.register.definition, self.register.number
        kinds = {key.number: key.kind for key in definition.keys.values()}
        old = key_values(definition, before).items()
        new = key_values(definition, after).items()
        for number, value in sorted(old - new):
            keep = kinds[number] == "forever"
            await store.drop_key(self.connection, register, record, (number, value), keep=keep)
        rows = [
            (number, value, number in definition.enforced) for number, value in sorted(new - old)
        ]
        for number in await store.add_keys(self.connection, register, record, rows):
            names = [key.name for key in definition.keys.values() if key.number == number]
            raise Conflict("key.taken", register=definition.code, key=names[0])
