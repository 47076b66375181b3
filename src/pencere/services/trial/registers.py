"""Registers that live as long as one case: they answer, disclose and write as the real ones do.

A record of cases.yaml is its fields, and `_state`, `_valid_from`, `_version` where they matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jsonschema import Draft202012Validator

from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.registers.definition import Definition as Register
from pencere.services.effects import RecordRef, Write
from pencere.services.facts import FactRequest

_FIRST_DAY = "2020-01-01"


@dataclass(slots=True)
class Record:
    """One record and its number of versions."""

    id: str
    version: int
    state: str
    valid_from: str
    data: dict[str, object]

    def shown(self, fields: tuple[str, ...] | None) -> dict[str, object]:
        """Return the record with the fields disclosed; None: all."""
        data = {k: v for k, v in self.data.items() if fields is None or k in fields}
        return {
            "id": self.id,
            "version": self.version,
            "state": self.state,
            "valid_from": self.valid_from,
            "data": data,
        }


@dataclass(slots=True)
class Registers:
    """All registers of a case by their code."""

    definitions: Mapping[str, Register]
    records: dict[str, list[Record]] = field(default_factory=dict)
    numbered: int = 0

    def put(self, code: str, given: Mapping[str, object]) -> None:
        """Put a record of cases.yaml into a register.

        Raises:
            Invalid: `record.invalid`: it does not fit the register's schema.
        """
        data = {key: value for key, value in given.items() if not key.startswith("_")}
        self._check(code, data)
        records = self.records.setdefault(code, [])
        records.append(
            Record(
                id=f"{code}-{len(records) + 1}",
                version=int(str(given.get("_version", 1))),
                state=str(given.get("_state", "valid")),
                valid_from=str(given.get("_valid_from", _FIRST_DAY)),
                data=data,
            )
        )

    def query(self, request: FactRequest) -> list[dict[str, object]]:
        """Answer as the register would: records in force, only what the purpose opens."""
        register = self.definitions.get(request.register)
        fields = register.disclosure.get(request.purpose, ()) if register else None
        return [
            record.shown(fields)
            for record in self.records.get(request.register, [])
            if record.state == "valid"
            and all(record.data.get(key) == value for key, value in request.by.items())
        ]

    def write(self, write: Write, today: str) -> dict[str, object]:
        """Do one transaction; return the fields of the record made.

        Raises:
            Missing, Conflict: no such record, or it has another version.
            Invalid: `record.invalid`.
        """
        records = self.records.setdefault(write.register, [])
        if write.annul is not None:
            self._at(records, write.annul).state = "annulled"
        if write.amend is not None:
            amended = self._at(records, write.amend)
            amended.version += 1
            amended.data |= dict(write.data)
            self._check(write.register, amended.data)
            return {"id": amended.id, "version": amended.version, **amended.data}
        if not write.data:
            return {}
        data = dict(write.data)
        if write.number is not None:
            data[write.number] = self._number(write.register)
        self._check(write.register, data)
        made = Record(f"{write.register}-{len(records) + 1}", 1, "valid", today, data)
        records.append(made)
        return {"id": made.id, "version": 1, **data}

    def _at(self, records: list[Record], wanted: RecordRef) -> Record:
        for record in records:
            if record.id == wanted.id:
                if record.version != wanted.version or record.state != "valid":
                    raise Conflict("record.changed", record=wanted.id)
                return record
        raise Missing("record.unknown", record=wanted.id)

    def _number(self, code: str) -> str:
        self.numbered += 1
        register = self.definitions.get(code)
        if register is None or register.numbering is None:
            return str(self.numbered)
        return register.numbering.first

    def _check(self, code: str, data: Mapping[str, object]) -> None:
        register = self.definitions.get(code)
        if register is None:
            raise Missing("register.unknown", register=code)
        for error in Draft202012Validator(dict(register.schema)).iter_errors(dict(data)):
            raise Invalid(
                "record.invalid",
                register=code,
                field=".".join(map(str, error.path)) or "(record)",
                problem=error.message[:120],
            )
