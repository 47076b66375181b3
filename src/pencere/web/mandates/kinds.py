"""Kinds of powers, from the country's `powers.yaml`: which register says who may act for whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.datafile import Node
from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.exchange.registers import register

_PRINCIPAL = frozenset({"fin", "voen", "given_name", "surname"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of power. `keys` find its records by the number of who acts.

    `of` names the fields that say for whom: `fin` or `voen`, `surname`, `given_name`. The last
    day stands in `until`, or is the day before so many `years` after it. A record with the field
    `gone` gives no power. `scope` lists what it reaches, `but` are services it never does. Under
    `given_by` its giver finds it.
    """

    id: str
    names: Text
    register: str
    keys: tuple[str, ...]
    of: Mapping[str, str]
    since: str = ""
    until: str = ""
    years: int = 0
    gone: str = ""
    scope: str = ""
    but: frozenset[str] = frozenset()
    given_by: str = ""
    gives_all: bool = False


@dataclass(frozen=True, slots=True)
class Kinds:
    """All kinds of a country, and for what purpose registers are asked."""

    purpose: str
    by_id: Mapping[str, Kind]


def kinds() -> Kinds:
    """Return the kinds of this country.

    Raises:
        Misconfigured: `powers.yaml` names a register, field or purpose that is not there.
    """
    return _load(country().folder)


@cache
def _load(folder: Path) -> Kinds:
    file = folder / "powers.yaml"
    if not file.exists():
        return Kinds("", MappingProxyType({}))
    top = Node.of_file(file)
    purpose = top.string("purpose", "act-for-another")
    found = {name: _kind(name, node, purpose) for name, node in top.children("powers").items()}
    return Kinds(purpose, MappingProxyType(found))


def _kind(name: str, node: Node, purpose: str) -> Kind:
    known = register(node.string("register", "population/person"))
    if purpose not in known.purposes:
        raise node.wrong("register", "a register that discloses for the purpose")
    of = node.child("of")
    until = node.child("until") if node.has("until") else None
    kind = Kind(
        id=name,
        names=node.text("names"),
        register=known.id,
        keys=node.strings("keys", ("mother", "father")),
        of=MappingProxyType({str(part): of.string(str(part)) for part in of.values}),
        since=node.string_or("from", ""),
        until="" if until is None else until.string("field", "until"),
        years=0 if until is None else _years(until),
        gone=node.string_or("gone", ""),
        scope=node.string_or("scope", ""),
        but=frozenset(node.strings("but", ("power-of-attorney",))),
        given_by=node.string_or("given_by", ""),
        gives_all=node.values.get("gives_all") is True,
    )
    if not kind.keys:
        raise node.wrong("keys", ["agent"])
    if not {"surname"} <= set(kind.of) <= _PRINCIPAL or not {"fin", "voen"} & set(kind.of):
        raise node.wrong("of", {"fin": "fin", "given_name": "given", "surname": "family"})
    fields = {*kind.of.values(), kind.since, kind.until, kind.gone, kind.scope} - {""}
    unknown = sorted(fields - known.fields.keys())
    if unknown:
        raise node.wrong("of", f"fields of {known.id}, not {unknown[0]!r}")
    return kind


def _years(until: Node) -> int:
    years = until.values.get("years", 0)
    if not isinstance(years, int) or isinstance(years, bool) or not 0 <= years <= 100:
        raise until.wrong("years", 18)
    return years
