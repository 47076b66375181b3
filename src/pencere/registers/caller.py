"""Who asks a register, for what: the headers that every exchange brings from the node."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin

_MAX_HEADER = 200
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Caller:
    """One exchange as the node vouches for it. `person`: whom the data is about.

    `fields`: the only ones the agreement (or the person's consent) allows; none, no narrowing.
    """

    client: str
    exchange: str
    purpose: str
    basis: str
    actor: str | None = None
    case: str | None = None
    person: str | None = None
    fields: frozenset[str] = frozenset()
    # The version of the definition whose form the caller reads; None: the newest.
    schema: int | None = None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "Caller":
        """Read the headers of an exchange; names in small letters.

        Raises:
            Invalid: `header.missing`, `header.invalid` with the name of the header.
        """
        person = _optional(headers, "pencere-person")
        if person is not None:
            try:
                person = parse_fin(person)
            except Invalid as error:
                raise Invalid("header.invalid", header="pencere-person") from error
        return cls(
            client=_required(headers, "x-road-client"),
            exchange=_required(headers, "x-road-id"),
            purpose=_required(headers, "pencere-purpose"),
            basis=_required(headers, "pencere-legal-basis"),
            actor=_optional(headers, "x-road-userid"),
            case=_optional(headers, "pencere-case"),
            person=person,
            fields=_fields(headers),
        )


def _fields(headers: Mapping[str, str]) -> frozenset[str]:
    """Read `Pencere-Fields`; there but empty or unreadable is refused, not taken for all."""
    value = headers.get("pencere-fields")
    if value is None:
        return frozenset()
    names = frozenset(name.strip() for name in value.split(","))
    if not all(_FIELD.match(name) for name in names):
        raise Invalid("header.invalid", header="pencere-fields")
    return names


def _optional(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name, "").strip()
    if not value:
        return None
    if len(value) > _MAX_HEADER or not value.isascii() or not value.isprintable():
        raise Invalid("header.invalid", header=name)
    return value


def _required(headers: Mapping[str, str], name: str) -> str:
    value = _optional(headers, name)
    if value is None:
        raise Invalid("header.missing", header=name)
    return value
