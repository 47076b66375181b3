"""JSON Schemas of events: what a type states, and whether an event fits. docs/specs/events.md.

A schema comes from another body, so only a part of JSON Schema 2020-12 is taken, which costs no
more than schema times event: no references, no patterns, nothing that is fetched. Any other
keyword makes a schema unusable, since one that was passed over would restrict nothing.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError

from pencere.kernel.events.payload import check_payload, size_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LARGEST_BYTES = 16 * 1024
# Schema times event is what a check costs at most, in steps of some microseconds.
_MOST_PARTS = 500
_MOST_VALUES = 500
_DEEPEST = 16
_LONGEST_SHOWN = 100

_ONE = frozenset({"additionalProperties", "propertyNames", "items", "not"})
_LISTS = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties"})
_VALUES = frozenset(
    {
        "type", "enum", "const", "required", "minProperties", "maxProperties", "minItems",
        "maxItems", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "format",
    }
)  # fmt: skip
_SAID = frozenset({"title", "description", "$comment", "default", "examples", "deprecated"})
FORMATS = FormatChecker(formats=())


class UnusableSchema(ValueError):  # noqa: N818  # what it is
    """A type states a schema by which nothing can be checked; says why."""


class EventSchema:
    """One schema that may be used."""

    def __init__(self, stated: Mapping[str, Any]) -> None:
        """Read it; raises UnusableSchema."""
        try:
            check_payload(stated)
        except ValueError as problem:
            raise UnusableSchema(str(problem)) from problem
        if size_of(stated) > _MOST_PARTS or len(json.dumps(stated)) > LARGEST_BYTES:
            raise UnusableSchema(f"it has more than {_MOST_PARTS} values or {LARGEST_BYTES} bytes")
        if stated.get("$schema", DIALECT) != DIALECT:
            raise UnusableSchema(f"$schema is not {DIALECT}")
        content = {name: value for name, value in stated.items() if name != "$schema"}
        _check_parts(content)
        try:
            Draft202012Validator.check_schema(content)
        except SchemaError as problem:
            raise UnusableSchema(f"{_place(problem.absolute_path)}: {problem.message}") from problem
        self._validator = Draft202012Validator(content, format_checker=FORMATS)

    def misfit(self, data: Mapping[str, Any]) -> str:
        """Return what the schema demands and the event does not keep, empty when it fits.

        Only words of the schema: what the event says may be about a person.
        """
        if size_of(data) > _MOST_VALUES:
            return f"an event whose type states a schema has at most {_MOST_VALUES} values"
        for error in self._validator.iter_errors(data):
            demanded = json.dumps(error.validator_value, ensure_ascii=False)
            if len(demanded) > _LONGEST_SHOWN:
                demanded = f"{demanded[:_LONGEST_SHOWN]}..."
            return f"{_place(error.absolute_schema_path)} demands {demanded}"
        return ""


def _check_parts(schema: Any) -> None:
    """Walk what is a schema within the schema; refuse what is no keyword of ours."""
    left = [(schema, "", 1)]
    while left:
        part, place, depth = left.pop()
        if isinstance(part, bool):
            continue
        if not isinstance(part, dict):
            raise UnusableSchema(f"{place or '/'} is no schema")
        if depth > _DEEPEST:
            raise UnusableSchema(f"it has more than {_DEEPEST} levels")
        for keyword, value in part.items():
            left += [
                (one, f"{place}/{keyword}{under}", depth + 1)
                for under, one in _inner(keyword, value, place)
            ]


def _inner(keyword: str, value: Any, place: str) -> list[tuple[str, Any]]:
    where = f"{place}/{keyword}"
    if keyword in _ONE:
        return [("", value)]
    if keyword in _LISTS and isinstance(value, list):
        return [(f"/{at}", one) for at, one in enumerate(value)]
    if keyword in _NAMED and isinstance(value, dict):
        return [(f"/{name}", one) for name, one in value.items()]
    if keyword == "format" and value not in list(_FORMAT_CHECKS):
        raise UnusableSchema(f"{where}: known formats are {', '.join(sorted(_FORMAT_CHECKS))}")
    if keyword not in _VALUES | _SAID:
        raise UnusableSchema(f"{where} is not taken in a schema of events")
    return []


def _place(parts: Any) -> str:
    return "".join(f"/{part}" for part in parts) or "/"


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


_FORMAT_CHECKS = {"date": _is_date, "date-time": _is_instant, "uuid": _is_uuid}
for _name, _check in _FORMAT_CHECKS.items():
    FORMATS.checks(_name, raises=ValueError)(_check)
