"""Changes in a register: all operations of a request, or none.

Requests that arrive together are written in one transaction (`serving`); each is answered as if
it had come alone.
"""

from collections.abc import Sequence

from pencere.kernel.canonical import sha256_of
from pencere.kernel.errors import Missing, PencereError, Refused
from pencere.registers import candidates, store
from pencere.registers.caller import Caller
from pencere.registers.disclosure import Register
from pencere.registers.engine import Registers
from pencere.registers.keeping import Repeatable, first_answers, keep_answers
from pencere.registers.records import Operation, Record
from pencere.registers.serving import Request, in_transaction


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
    request = Request(register, caller, operations, asked)
    records = await registers.writes.ask(request, request.shape, request.claims)
    await candidates.note(registers, register, [each.id for each in records])
    return records


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
        first = (await first_answers(connection, [asked]))[asked]
        if isinstance(first, PencereError):
            raise first
        if first is not None:
            return str(first[0])
        series = await store.lock_series(connection, {register.number})
        number = numbering.number(series[register.number].next)
        series[register.number].next += 1
        await store.keep_series(connection, series)
        await keep_answers(connection, [(asked, [number])], registers.clock.now())
        return number

    return await in_transaction(registers.connection, act)


def _writable(registers: Registers, code: str, caller: Caller) -> Register:
    register = registers.register(code)
    if not register.definition.may_write(caller.client, caller.purpose):
        raise Refused("write.not_allowed", register=code)
    register.disclosed_to(caller)
    return register


def _repeatable(code: str, caller: Caller, key: str | None, request: object) -> Repeatable | None:
    if key is None:
        return None
    digest = sha256_of({"register": code, "person": caller.person, "request": request})
    return Repeatable(caller.client, key, digest)
