"""What the lints of a definition work with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured
from pencere.registers.definition import Definition as Register
from pencere.registers.lint import load_registers
from pencere.rules.law import Law
from pencere.services.catalogue import Catalogue
from pencere.services.model import Definition


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: where, what stands there, why it cannot be, what would be valid."""

    file: Path
    key: str
    value: object
    message: str
    example: object

    def as_error(self) -> Misconfigured:
        """Return it as the error that stops a start."""
        return Misconfigured(file=self.file, key=self.key, value=self.value, example=self.example)


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


def law_of(country: Country) -> Law:
    """Return the rules and parameters of a country."""
    return Law.load(country.folder / "law", frozenset(country.acts))


# key, value, what is wrong, valid example
Problem = tuple[str, object, str, object]
Rule = Callable[[Definition, Surroundings], Iterator[Problem]]
