"""The one gate through which a record leaves: the fields of the purpose, masked where it says so.

Answers, what a writer gets back, and exports are all made by `Register.shown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from pencere.kernel.errors import Invalid, Refused
from pencere.registers.caller import Caller
from pencere.registers.definition import Definition
from pencere.registers.masks import masked
from pencere.registers.records import Record
from pencere.registers.steps import History


class Stored(Protocol):
    """A record as the store has it."""

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def valid_from(self) -> date: ...  # noqa: D102
    @property
    def schema_version(self) -> int | None: ...  # noqa: D102
    @property
    def data(self) -> Mapping[str, object]: ...  # noqa: D102
    @property
    def merged_into(self) -> int | None: ...  # noqa: D102
    @property
    def merged_from(self) -> tuple[int, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Register:
    """A register with its short number in the database."""

    definition: Definition
    number: int
    history: History = field(default_factory=lambda: History({}, {}))

    def opened_for(self, purpose: str) -> Sequence[str]:
        """Return the fields a purpose opens.

        Raises:
            Refused: `purpose.not_disclosed`.
        """
        fields = self.definition.disclosure.get(purpose)
        if fields is None:
            raise Refused("purpose.not_disclosed", register=self.definition.code)
        return fields

    def disclosed_to(self, caller: Caller) -> Sequence[str]:
        """Return the fields the caller's purpose opens, of them those the agreement names.

        Raises:
            Refused: `purpose.not_disclosed`, `fields.not_disclosed`: the agreement names none
                of what the purpose opens.
            Invalid: `header.missing`, for want of the person; `schema.unknown`.
        """
        fields = self.opened_for(caller.purpose)
        if caller.schema is not None and caller.schema not in self.history.disclosed:
            raise Invalid("schema.unknown", register=self.definition.code)
        if self.definition.subject is not None and caller.person is None:
            raise Invalid("header.missing", header="pencere-person")
        if not caller.fields:
            return fields
        agreed = self.history.names(caller.fields, caller.schema or self.definition.version)
        narrowed = tuple(field for field in fields if field in agreed)
        if not narrowed:
            raise Refused("fields.not_disclosed", register=self.definition.code)
        return narrowed

    def shown(self, caller: Caller, stored: Stored) -> Record:
        """Return what the caller may see of a record, in the order of the purpose's fields.

        Raises:
            Refused, Invalid: as `disclosed_to`.
        """
        data = stored.data
        if stored.schema_version is not None:
            data = self.history.forward(data, stored.schema_version)
        data = self.seen(caller.purpose, self.disclosed_to(caller), data)
        if caller.schema is not None:
            # Only what both forms open: the newer one decides, the older one is understood.
            older = self.history.backward(data, caller.schema)
            opened = self.history.disclosed[caller.schema].get(caller.purpose, ())
            data = {field: older[field] for field in opened if field in older}
        return Record(stored.id, stored.version, stored.state, stored.valid_from, data,
            stored.merged_into, stored.merged_from)  # fmt: skip

    def seen(
        self, purpose: str, fields: Sequence[str], data: Mapping[str, object]
    ) -> dict[str, object]:
        """Return those of `fields` that are there, masked as the purpose sees them."""
        masks = self.definition.masks.get(purpose, {})
        return {
            field: masked(masks[field], data[field]) if field in masks else data[field]
            for field in fields
            if field in data
        }
