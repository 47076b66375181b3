"""Who asks a register, for what: the headers that every exchange brings from the node."""

from collections.abc import Mapping
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin

_MAX_HEADER = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """One exchange as the node vouches for it. `person`: whom the data is about."""

    client: str
    exchange: str
    purpose: str
    basis: str
    actor: str | None = None
    case: str | None = None
    person: str | None = None

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
        )


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
