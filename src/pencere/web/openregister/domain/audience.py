"""Who may read which part: `open_register.yaml` of the country, and what it leaves of a record.

What the table does not name is left out, so that a new part is closed until somebody decides.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from pencere.countries.country import Country
from pencere.kernel.datafile import Node
from pencere.web.country import country
from pencere.web.stateregister.domain.contacts import official


class Audience(StrEnum):
    """Who reads."""

    PUBLIC = "public"
    OFFICER = "officer"


AREAS = ("description", "version", "agreement", "traffic")
Table = Mapping[str, Any]


@cache
def table() -> Table:
    """Return the table of this installation's country."""
    return read(country())


def read(of: Country) -> Table:
    """Read the table.

    Raises:
        Misconfigured: an area is missing, or a word is no audience.
    """
    top = Node.of_file(of.folder / "open_register.yaml")
    return MappingProxyType({area: _checked(top.child(area)) for area in AREAS})


def _checked(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.values.items():
        if isinstance(value, dict):
            found[str(key)] = _checked(node.child(key))
        elif value in set(Audience):
            found[str(key)] = Audience(str(value))
        else:
            raise node.wrong(key, Audience.PUBLIC.value)
    return found


def may_read(audience: Audience, *path: str) -> bool:
    """Say whether an audience may read a part: `may_read(PUBLIC, "agreement", "rate")`."""
    found: Any = table()
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return _is_open(found, audience)


def open_part(area: str, record: Mapping[str, Any], audience: Audience) -> dict[str, Any]:
    """Return what an audience may read of a record, in the order of the table.

    Of contacts the public reads those of offices only.
    """
    found: dict[str, Any] = _part(table()[area], record, audience)
    if area == "description" and audience == Audience.PUBLIC and "contacts" in found:
        found["contacts"] = official(found["contacts"])
    return found


def _part(allowed: Mapping[str, Any], record: Mapping[str, Any], audience: Audience) -> Any:
    found: dict[str, Any] = {}
    for key, rule in allowed.items():
        if key not in record or not _is_open(rule, audience):
            continue
        found[key] = _value(rule, record[key], audience)
    return found


def _value(rule: Any, value: Any, audience: Audience) -> Any:
    if not isinstance(rule, Mapping):
        return value
    if isinstance(value, list):
        return [_part(rule, one, audience) for one in value if isinstance(one, Mapping)]
    return _part(rule, value, audience) if isinstance(value, Mapping) else None


def _is_open(rule: Any, audience: Audience) -> bool:
    if isinstance(rule, Mapping):
        return any(_is_open(one, audience) for one in rule.values())
    return rule == Audience.PUBLIC or audience == Audience.OFFICER
