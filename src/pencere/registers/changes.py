"""What an operation makes of a record: decided here, without the database.

`change` takes the record as it stands, locked, and returns the version to write with its keys
and events. Reading and writing are done for many changes together, by `keeping`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.registers.caller import Caller
from pencere.registers.chain import SALT_BYTES, Version
from pencere.registers.definition import Definition
from pencere.registers.disclosure import Register
from pencere.registers.document import validate
from pencere.registers.keys import key_values
from pencere.registers.numbering import Series
from pencere.registers.records import Operation
from pencere.registers.store import Current

_ONE_TICK = timedelta(microseconds=1)
_STATE = {"annul": "annulled", "merge": "annulled", "unmerge": "valid"}


@dataclass(frozen=True)
class Event:
    """What others subscribe to, of one version."""

    type: str
    data: Mapping[str, object]


@dataclass(frozen=True)
class Change:
    """A version to be written, and all that goes with it.

    Keys are (number, value): `dropped` are deleted, `retired` stay barred for other records,
    `added` are found from now on. An annulled record keeps its keys without force.
    """

    register: Register
    version: Version
    now: Current
    dropped: tuple[tuple[int, str], ...] = ()
    retired: tuple[tuple[int, str], ...] = ()
    added: tuple[tuple[int, str], ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def annuls(self) -> bool:
        """Whether the record ends here."""
        return self.version.op == "annul"


@dataclass(frozen=True)
class Writer:
    """Who changes what, when."""

    register: Register
    caller: Caller
    at: datetime

    @property
    def definition(self) -> Definition:
        """The register's definition."""
        return self.register.definition

    @property
    def today(self) -> date:
        """The day of the act."""
        return local_date(self.at)

    def create(self, operation: Operation, record: int, numbers: Series | None) -> Change:
        """Return the first version of `record`.

        Raises:
            Conflict: `numbering.exhausted`.
            Refused: `field.not_allowed`, `person.mismatch`.
            Invalid: `valid_from.future`, `data.invalid`.
        """
        self._refuse_future(operation)
        data = self._merged(operation.data, {})
        numbering = self.definition.numbering
        if numbering and numbers is not None and numbering.field not in data:
            data[numbering.field] = numbering.number(numbers.next)
        validate(self.definition, data)
        subject = self.definition.subject
        if subject is not None and data[subject] != self.caller.person:
            raise Refused("person.mismatch", register=self.definition.code)
        start = operation.valid_from or self.today
        nothing = Current(record, 0, "valid", start, self.at - _ONE_TICK, b"", {})
        made = self._said(operation, nothing, data, start)
        # Taken last: a refused request leaves no hole in the series.
        if numbering and numbers is not None and numbering.field not in (operation.data or {}):
            numbers.next += 1
        return made

    def change(self, operation: Operation, current: Current | None) -> Change:
        """Return the next version of a record that is there.

        Raises:
            Missing: `record.unknown`.
            Conflict: `version.stale`, `record.annulled`.
            Refused: `field.not_allowed`.
            Invalid: `data.invalid`, `valid_from.*`, `valid_to.after_current`, `subject.changed`.
        """
        self._refuse_future(operation)
        there = self._checked(operation, current)
        if operation.op == "annul":
            return self._said(
                operation, there, dict(there.data), operation.valid_from or self.today
            )
        amends = operation.op == "amend"
        start = operation.valid_from or (self.today if amends else there.valid_from)
        if amends and start < there.valid_from:
            raise Invalid("valid_from.before_current")
        if not amends and start > there.valid_from:
            raise Invalid("valid_from.after_current")
        data = self._changed(operation, there)
        # With an end: a period that is over, and what is so now stays as it is.
        if operation.valid_to is not None and not start < operation.valid_to <= there.valid_from:
            raise Invalid("valid_to.after_current")
        return self._said(operation, there, data, start)

    def merge(self, operation: Operation, absorbed: Current, survivor: int) -> Change:
        """Return the version by which a record ends, with a pointer; it keeps its keys."""
        data = dict(absorbed.data)
        return self._said(operation, absorbed, data, self.today, merged_into=survivor)

    def unmerge(self, operation: Operation, absorbed: Current, valid_from: date) -> Change:
        """Return the version by which a merged record stands again, as if it had never ended."""
        return self._said(operation, absorbed, dict(absorbed.data), valid_from)

    def _refuse_future(self, operation: Operation) -> None:
        if operation.valid_from is not None and operation.valid_from > self.today:
            raise Invalid("valid_from.future")

    def _checked(self, operation: Operation, current: Current | None) -> Current:
        subject = self.definition.subject
        if current is None or (subject is not None and current.data[subject] != self.caller.person):
            raise Missing("record.unknown", register=self.definition.code)
        if current.version != operation.version:
            raise Conflict("version.stale", current=current.version)
        if current.state == "annulled":
            raise Conflict("record.annulled")
        return current

    def _changed(self, operation: Operation, current: Current) -> dict[str, object]:
        data = validate(self.definition, self._merged(operation.data, current.data))
        subject = self.definition.subject
        if subject and data[subject] != current.data[subject]:
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

    def _said(
        self,
        operation: Operation,
        current: Current,
        data: dict[str, object],
        valid_from: date,
        *,
        merged_into: int | None = None,
    ) -> Change:
        version = Version(
            register=self.definition.code,
            record=current.id,
            version=current.version + 1,
            schema_version=self.definition.version,
            op=operation.op,
            state=_STATE.get(operation.op, current.state),
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
            merged_into=merged_into,
        )
        over = operation.valid_to is not None
        now = Current(
            id=current.id,
            version=version.version,
            state=version.state,
            valid_from=current.valid_from if over else valid_from,
            recorded_at=version.recorded_at,
            head=version.hash(),
            data=current.data if over else data,
            merged_into=merged_into,
        )
        if over:
            return Change(self.register, version, now)
        return self._with_keys(Change(self.register, version, now), current.data)

    def _with_keys(self, change: Change, before: Mapping[str, object]) -> Change:
        version = change.version
        into = version.merged_into
        pointer = {} if into is None else {"merged_into": str(into)}
        events = tuple(
            Event(rule.type, {**said, **pointer})
            for rule in self.definition.events
            if (said := rule.content(version.op, version.purpose, before, version.data)) is not None
        )
        forever = {key.number for key in self.definition.keys.values() if key.kind == "forever"}
        old = key_values(self.definition, before).items()
        new = key_values(self.definition, version.data).items()
        gone = sorted(old - new)
        return Change(
            self.register,
            version,
            change.now,
            dropped=tuple(key for key in gone if key[0] not in forever),
            retired=tuple(key for key in gone if key[0] in forever),
            added=tuple(sorted(new - old)),
            events=events,
        )
