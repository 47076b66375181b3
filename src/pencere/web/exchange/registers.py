"""What the portal must know of a register before asking: its owner and the names of its fields.

Read from the country's register definitions. No record of any register is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.datafile import read_yaml
from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.country import country


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its register's own name; `values` are the names of its codes."""

    name: Text
    is_date: bool
    values: Mapping[str, Text]


@dataclass(frozen=True, slots=True)
class Register:
    """A register as the portal sees it. `purposes` are those that open any field.

    `person_key` finds the records about one person; a question by any of `person_keys` is one
    about the person whose number it is.
    """

    id: str
    owner: str
    names: Text
    fields: Mapping[str, Field]
    purposes: frozenset[str]
    person_key: str | None
    person_keys: frozenset[str]

    @property
    def subsystem(self) -> str:
        """The part of the id that names the subsystem."""
        return self.id.partition("/")[0]


def register(register_id: str) -> Register:
    """Return a register, else raise Missing("register.unknown")."""
    try:
        return registers()[register_id]
    except KeyError:
        raise Missing("register.unknown", register=register_id[:80]) from None


def owner_of(register_id: str) -> str:
    """Return the id of the body that owns a register."""
    return register(register_id).owner


def about(register_id: str, by: Mapping[str, object], applicant: str) -> str:
    """Return the FIN of whom a question by a key is about: else it is about the applicant."""
    keys = register(register_id).person_keys
    return next((str(value) for key, value in by.items() if key in keys), applicant)


def registers() -> Mapping[str, Register]:
    """Return all registers of the country, by id."""
    return _load(country().folder)


@lru_cache(maxsize=4)
def _load(folder: Path) -> Mapping[str, Register]:
    found = {}
    for path in sorted((folder / "registers").glob("*/*.yaml")):
        value = read_yaml(path)
        if isinstance(value, dict) and "register" in value:
            one = _register(value)
            found[one.id] = one
    return MappingProxyType(found)


def _register(value: Mapping[str, object]) -> Register:
    data, disclosure = value.get("data"), value.get("disclosure")
    properties = data.get("properties", {}) if isinstance(data, dict) else {}
    fields = {
        name: Field(
            name=Text.from_mapping(about["x-names"]),
            is_date=about.get("format") == "date",
            values=MappingProxyType(
                {
                    str(code): Text.from_mapping(names)
                    for code, names in about.get("x-values", {}).items()
                }
            ),
        )
        for name, about in properties.items()
        if isinstance(about, dict) and "x-names" in about
    }
    names = value["names"]
    if not isinstance(names, dict):
        raise Missing("register.unknown", register=str(value.get("register"))[:80])
    return Register(
        id=str(value["register"]),
        owner=str(value["owner"]),
        names=Text.from_mapping(names),
        fields=MappingProxyType(fields),
        purposes=frozenset(disclosure) if isinstance(disclosure, dict) else frozenset(),
        person_key=_person_key(value),
        person_keys=_person_keys(value),
    )


def _person_key(value: Mapping[str, object]) -> str | None:
    """Return the name of the key that finds the records about one person."""
    keys, subject = value.get("keys"), value.get("subject")
    if not isinstance(keys, dict) or not isinstance(subject, str):
        return None
    for name, about in keys.items():
        if isinstance(about, dict) and about.get("fields") == [subject]:
            return str(name)
    return None


def _person_keys(value: Mapping[str, object]) -> frozenset[str]:
    keys = value.get("keys")
    if not isinstance(keys, dict):
        return frozenset()
    return frozenset(
        str(name)
        for name, said in keys.items()
        if isinstance(said, dict) and said.get("person") is True
    )
