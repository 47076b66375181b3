"""Code lists as the country's data writes them: `countries/<country>/codelists/<id>.yaml`.

A version either lists its entries or says `from:` a base list of the country, so that nothing is
written twice. docs/specs/open-registry.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from pencere.countries.country import Country
from pencere.kernel.canonical import sha256_of
from pencere.kernel.datafile import Node
from pencere.kernel.text import Text


@dataclass(frozen=True, slots=True)
class Code:
    """A code; `parent` is "" or another code of the version. Both days are included."""

    code: str
    names: Text
    parent: str = ""
    valid_from: date | None = None
    valid_until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Say whether the code may be used on a day of its version."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published; a day that is not set is null."""
        return {
            "code": self.code,
            "names": self.names.as_mapping(),
            "parent": self.parent or None,
            "valid_from": None if self.valid_from is None else self.valid_from.isoformat(),
            "valid_until": None if self.valid_until is None else self.valid_until.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class VersionData:
    """A version as the data says it."""

    valid_from: date
    note: Text
    codes: tuple[Code, ...]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON of its codes."""
        return sha256_of([code.as_json() for code in self.codes])


@dataclass(frozen=True, slots=True)
class ListData:
    """A list as the data says it."""

    id: str
    names: Text
    about: Text
    owner: str
    source: str
    licence: str
    is_verified: bool
    versions: tuple[VersionData, ...]


def read_code_lists(country: Country) -> tuple[ListData, ...]:
    """Read every list of a country.

    Raises:
        Misconfigured: file, key, value and a valid example.
    """
    files = sorted((country.folder / "codelists").glob("*.yaml"))
    return tuple(_list(file.stem, Node.of_file(file), country) for file in files)


def _list(key: str, node: Node, country: Country) -> ListData:
    owner = node.string("owner", "cabmin")
    if owner not in country.bodies:
        raise node.wrong("owner", "cabmin")
    versions = node.values.get("versions")
    if not isinstance(versions, list) or not versions:
        raise node.wrong("versions", [{"valid_from": "2026-01-01", "entries": {}}])
    return ListData(
        id=key,
        names=node.text("names"),
        about=node.text("about"),
        owner=owner,
        source=node.string("source", "the act or the publisher"),
        licence=node.string("licence", "CC BY 4.0"),
        is_verified=node.values.get("verified") is True,
        versions=tuple(
            _version(Node(node.file, f"versions[{place}]", values), country)
            for place, values in enumerate(versions)
        ),
    )


def _version(node: Node, country: Country) -> VersionData:
    valid_from = _day(node, "valid_from")
    if valid_from is None:
        raise node.wrong("valid_from", "2026-01-01")
    if node.has("from"):
        made = BASE_LISTS.get(node.string("from", "regions"))
        if made is None:
            raise node.wrong("from", ", ".join(BASE_LISTS))
        codes = made(country)
    else:
        codes = tuple(_code(key, entry) for key, entry in node.children("entries").items())
    known = {code.code for code in codes}
    for code in codes:
        if code.parent and (code.parent not in known or code.parent == code.code):
            raise node.wrong("entries", f"{code.code}: parent {code.parent} is a code of the list")
    return VersionData(valid_from, node.text("note"), codes)


def _code(key: str, node: Node) -> Code:
    code = Code(
        str(key),
        node.own_text(),
        node.string("parent") if node.has("parent") else "",
        _day(node, "valid_from"),
        _day(node, "valid_until"),
    )
    if code.valid_from and code.valid_until and code.valid_until < code.valid_from:
        raise node.wrong("valid_until", code.valid_from.isoformat())
    return code


def _day(node: Node, key: str) -> date | None:
    value = node.values.get(key)
    if value is not None and not isinstance(value, date):
        raise node.wrong(key, "2026-01-01")
    return value


def _regions(country: Country) -> tuple[Code, ...]:
    return tuple(Code(one.code, one.names, one.parent or "") for one in country.regions.values())


def _economic_regions(country: Country) -> tuple[Code, ...]:
    top = Node.of_file(country.folder / "regions.yaml")
    return tuple(Code(key, node.own_text()) for key, node in
                 top.children("economic_regions").items())  # fmt: skip


def _plates(country: Country) -> tuple[Code, ...]:
    """Codes of plates; where a region of the country has the name, its names are taken."""
    called = {one.names.az: one.names for one in country.regions.values()}
    top = Node.of_file(country.folder / "plate_regions.yaml")
    return tuple(
        Code(key, called.get(name, Text(name, name, name)))
        for key, node in top.children("codes").items()
        for name in [node.string("name", "Bakı")]
    )


def _bodies(country: Country) -> tuple[Code, ...]:
    return tuple(Code(one.id, one.names, one.parent or "") for one in country.bodies.values())


def _acts(country: Country) -> tuple[Code, ...]:
    return tuple(Code(one.id, one.names, valid_from=one.adopted) for one in country.acts.values())


def _purposes(country: Country) -> tuple[Code, ...]:
    return tuple(Code(one.code, one.names) for one in country.purposes.values())


def _concepts(country: Country) -> tuple[Code, ...]:
    top = Node.of_file(country.folder / "concepts.yaml")
    return tuple(Code(key, node.own_text()) for key, node in top.children("concepts").items())


# What a version may be made of: lists that the country's base data has already.
BASE_LISTS: Mapping[str, Callable[[Country], tuple[Code, ...]]] = MappingProxyType(
    {
        "regions": _regions,
        "economic-regions": _economic_regions,
        "plate-regions": _plates,
        "bodies": _bodies,
        "acts": _acts,
        "purposes": _purposes,
        "concepts": _concepts,
    }
)
