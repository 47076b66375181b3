"""Which registers a registrar works in, and for which purposes; the definition says both."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pencere.kernel.errors import Missing
from pencere.registers.definition import Definition, Key
from pencere.registers.lint import load_registers
from pencere.web.country import country
from pencere.web.exchange.gateway import CLIENT
from pencere.web.people.domain.visit import Visit

ROLE = "registrar"


def registers_for(visit: Visit) -> list[Definition]:
    """Return the registers of the bodies at which the person is a registrar."""
    return [
        one
        for one in _definitions(country().folder).values()
        if one.clerks and visit.holds(ROLE, one.owner)
    ]


def register_for(visit: Visit, code: str) -> Definition:
    """Return one of them.

    Raises:
        Missing: `register.unknown`; also another body's.
    """
    for one in registers_for(visit):
        if one.code == code:
            return one
    raise Missing("register.unknown", register=code[:80])


def may_change(definition: Definition, purpose: str) -> bool:
    """Say whether records are changed for this purpose, or only looked at."""
    return definition.may_write(CLIENT, purpose)


def search_keys(definition: Definition) -> list[Key]:
    """Return the keys one can ask by besides the personal number, each of one field."""
    return [
        key
        for key in definition.keys.values()
        if key.kind != "blocking" and not key.is_person and len(key.parts) == 1
        and key.parts[0].take is None
    ]  # fmt: skip


def person_key(definition: Definition) -> str | None:
    """Return the name of the key that finds the records about a person."""
    return next((key.name for key in definition.keys.values() if key.is_person), None)


@lru_cache(maxsize=4)
def _definitions(folder: Path) -> Mapping[str, Definition]:
    del folder  # what the cache is by
    return load_registers(country())
