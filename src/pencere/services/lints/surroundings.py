"""What the lints of a definition work with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured
from pencere.registers.definition import Definition as Register
from pencere.registers.lint import load_registers
from pencere.rules.law import Law
from pencere.rules.place import Place
from pencere.rules.yamlfile import load_yaml
from pencere.services.appointments import Appointments
from pencere.services.catalogue import Catalogue
from pencere.services.model.definition import Definition


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: where, what stands there, why it cannot be, what would be valid."""

    file: Path
    key: str
    value: object
    message: str
    example: object
    line: int | None = None

    def as_error(self) -> Misconfigured:
        """Return it as the error that stops a start."""
        return Misconfigured(
            file=self.file, line=self.line, key=self.key, value=self.value, example=self.example
        )


@dataclass(frozen=True)
class Surroundings:
    """What a definition may name: the country's own data."""

    country: Country
    registers: Mapping[str, Register]
    law: Law
    catalogue: Catalogue

    @staticmethod
    def of(country: Country) -> "Surroundings":
        """Read registers, law and catalogue of a country.

        Raises:
            Misconfigured: one of their files is wrong.
        """
        return Surroundings(
            country=country,
            registers=load_registers(country),
            law=law_of(country),
            catalogue=Catalogue.load(country.folder),
        )

    @property
    def acts(self) -> frozenset[str]:
        """Ids of the acts that may be named as a basis."""
        return frozenset(self.country.acts) | frozenset(self.catalogue.acts)

    @cached_property
    def concepts(self) -> Mapping[str, str]:
        """What fields and answers are about: concept -> class of personal data, or `none`."""
        place = self._place("concepts.yaml").node("concepts")
        return {name: place.node(name).maybe_text("personal") or "none" for name in place.content}

    @cached_property
    def holding(self) -> Mapping[str, tuple[str, ...]]:
        """Which fields of registers hold a concept: concept -> `population/person.born`, ..."""
        place = self._place("state_register.yaml").node("fields")
        found: dict[str, list[str]] = {}
        for register in place.content:
            for field, concept in place.mapping(register).items():
                found.setdefault(str(concept), []).append(f"{register}.{field}")
        return {concept: tuple(fields) for concept, fields in found.items()}

    @cached_property
    def appointments(self) -> Appointments:
        """Places and calendars of the country."""
        return Appointments.of(self.country)

    def _place(self, name: str) -> Place:
        """Return a file of the country; a small country may have none."""
        file = self.country.folder / name
        return Place(load_yaml(file) if file.is_file() else {}, file, "")


def law_of(country: Country) -> Law:
    """Return the rules and parameters of a country."""
    return Law.load(country.folder / "law", frozenset(country.acts))


# key, value, what is wrong, valid example
Problem = tuple[str, object, str, object]
Rule = Callable[[Definition, Surroundings], Iterator[Problem]]
