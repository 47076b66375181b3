"""Terms and figures of the law that the register keeps to: dated rows with act and article."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.kernel.errors import Misconfigured
from pencere.rules.parameters import Row
from pencere.services.clock import end_of_term
from pencere.services.model.common import TermUnit
from pencere.web.cases.domain.definitions import law
from pencere.web.country import country

_UNITS = {"calendar": TermUnit.DAYS, "working": TermUnit.WORKING_DAYS}


@dataclass(frozen=True, slots=True)
class Term:
    """A term: how long, counted how, and where that stands."""

    length: int
    counted: str
    act: str
    article: str
    is_provisional: bool

    def last_day(self, start: date) -> date:
        """Return the last lawful day; the term begins the day after `start`.

        One in calendar days that ends on a day off ends on the next working day.
        """
        return end_of_term(start, self.length, _UNITS[self.counted], country().calendar.working)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept beside a due date."""
        return {
            "length": self.length,
            "counted": self.counted,
            "act": self.act,
            "article": self.article,
            "provisional": self.is_provisional,
        }


def term(name: str, *, on: date) -> Term:
    """Return the term `state_register.<name>_days` as it is in force on a day."""
    row = _row(f"{name}_days", on)
    if isinstance(row.value, Mapping) and len(row.value) == 1:
        ((counted, length),) = row.value.items()
        if counted in _UNITS:
            return Term(int(length), counted, row.act, row.article, row.provisional)
    raise Misconfigured(
        file="state_register.yaml", key=name, value=row.value, example={"calendar": 20}
    )


def persons_threshold(*, on: date) -> int:
    """Return the number of persons from which a system of personal data must be registered."""
    value = _row("persons_threshold", on).value
    if not isinstance(value, int):
        raise Misconfigured(
            file="state_register.yaml", key="persons_threshold", value=value, example=1000
        )
    return value


def _row(name: str, on: date) -> Row:
    return law().parameters[f"state_register.{name}"].on(on)
