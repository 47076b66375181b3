"""A record as it is shown, and what may be done to one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pencere.kernel.errors import Invalid

Op = Literal["create", "amend", "correct", "annul", "merge", "unmerge"]
# What a request may say; merging is an act of two people, `merging`.
OPS: tuple[Op, ...] = ("create", "amend", "correct", "annul")
MAX_REASON = 1000
MAX_OPERATIONS = 20


@dataclass(frozen=True)
class Record:
    """What a caller is shown: `data` holds the fields of the purpose and no other.

    `merged_into`: it was found to be the same as that record. `merged_from`: it was found by the
    keys of these, which were found to be the same as it.
    """

    id: int
    version: int
    state: str
    valid_from: date
    data: Mapping[str, object]
    merged_into: int | None = None
    merged_from: tuple[int, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return it as the wire has it; the id is a text, since it may pass 2^53."""
        return {
            "id": str(self.id),
            "version": self.version,
            "state": self.state,
            "valid_from": self.valid_from.isoformat(),
            "data": dict(self.data),
            **({"merged_into": str(self.merged_into)} if self.merged_into is not None else {}),
            **(
                {"merged_from": [str(each) for each in self.merged_from]}
                if self.merged_from
                else {}
            ),
        }


@dataclass(frozen=True)
class Operation:
    """One thing to do.

    `create`: a new record with `data`. `amend`: the world has changed, from `valid_from` on.
    `correct`: we were wrong; from `valid_from` (the present version's, when absent) until
    `valid_to` the truth is `data`. `annul`: no longer in force from `valid_from` on.
    `version` is what the writer has seen: with another one there now, nothing is done.
    """

    op: Op
    reason: str
    valid_from: date | None = None
    valid_to: date | None = None
    record: int | None = None
    version: int | None = None
    data: Mapping[str, object] | None = None

    def as_json(self) -> dict[str, object]:
        """Return what an idempotency key is bound to."""
        return {
            "op": self.op,
            "reason": self.reason,
            "valid_from": self.valid_from.isoformat() if self.valid_from else None,
            "valid_to": self.valid_to.isoformat() if self.valid_to else None,
            "record": str(self.record) if self.record is not None else None,
            "version": self.version,
            "data": self.data,
        }


# date.fromisoformat also takes 2026-W01-1 and 20260101.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_ALLOWED: Mapping[str, frozenset[str]] = {
    "create": frozenset({"op", "reason", "valid_from", "data"}),
    "amend": frozenset({"op", "reason", "valid_from", "data", "id", "version"}),
    "correct": frozenset({"op", "reason", "valid_from", "valid_to", "data", "id", "version"}),
    "annul": frozenset({"op", "reason", "valid_from", "id", "version"}),
}
_NEEDED: Mapping[str, frozenset[str]] = {
    "create": frozenset({"reason", "valid_from", "data"}),
    "amend": frozenset({"reason", "data", "id", "version"}),
    "correct": frozenset({"reason", "data", "id", "version"}),
    "annul": frozenset({"reason", "id", "version"}),
}


def parse_operation(given: object) -> Operation:
    """Read one operation: `{"op", "id"?, "version"?, "valid_from"?, "reason", "data"?}`.

    Raises:
        Invalid: `operation.unknown`, `operation.missing`, `operation.superfluous`,
            `operation.invalid` with the name of the field.
    """
    if not isinstance(given, dict):
        raise Invalid("operation.invalid", field="operation")
    op = _op(given.get("op"))
    _first_of(_NEEDED[op] - given.keys(), "operation.missing")
    _first_of(given.keys() - _ALLOWED[op], "operation.superfluous")
    data = given.get("data")
    if "data" in given and not isinstance(data, dict):
        raise Invalid("operation.invalid", field="data")
    reason = given["reason"]
    if not isinstance(reason, str) or not 1 <= len(reason.strip()) <= MAX_REASON:
        raise Invalid("operation.invalid", field="reason")
    version = given.get("version")
    if "version" in given and (not isinstance(version, int) or isinstance(version, bool)):
        raise Invalid("operation.invalid", field="version")
    return Operation(
        op=op,
        reason=reason.strip(),
        valid_from=parse_day(given.get("valid_from"), "valid_from"),
        valid_to=parse_day(given.get("valid_to"), "valid_to"),
        record=parse_record_id(given["id"]) if "id" in given else None,
        version=version,
        data=data,
    )


def _op(given: object) -> Op:
    for op in OPS:
        if op == given:
            return op
    raise Invalid("operation.unknown")


def parse_day(given: object, field: str) -> date | None:
    """Read `2026-11-22`, or None when absent; other forms of ISO 8601 are refused."""
    if given is None:
        return None
    if isinstance(given, str) and _DAY.fullmatch(given):
        try:
            return date.fromisoformat(given)
        except ValueError:
            pass
    raise Invalid("operation.invalid", field=field)


def parse_record_id(given: object) -> int:
    """Read the id of a record: decimal digits in a text."""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 19:
        return int(given)
    raise Invalid("operation.invalid", field="id")


def _first_of(fields: Iterable[object], code: str) -> None:
    for field in sorted(str(name) for name in fields):
        raise Invalid(code, field=field[:40])
