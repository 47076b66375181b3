"""How a figure came about: which rule, on which day, of which facts, by which rows of the law."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from pencere.kernel.errors import Invalid
from pencere.kernel.money import Qepik
from pencere.kernel.text import Text


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the law that was read; `part` names a value within a row of several."""

    parameter: str
    part: str | None
    value: int | Decimal
    start: date
    act: str
    article: str
    source: str
    provisional: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a sum, as the person sees it."""

    name: Text
    amount: Qepik
    act: str
    article: str
    provisional: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything needed to compute the figure again, and to explain it.

    `given` holds only the facts that the rule read, by path (`answers.reason`).
    """

    rule: str
    on: date
    given: Mapping[str, object]
    steps: tuple[Step, ...]
    amount: Qepik

    def to_mapping(self) -> dict[str, object]:
        """Return the trace as JSON."""
        return {
            "rule": self.rule,
            "on": self.on.isoformat(),
            "given": {
                key: value.isoformat() if isinstance(value, date) else value
                for key, value in self.given.items()
            },
            "steps": [
                {
                    "parameter": step.parameter,
                    "part": step.part,
                    "value": str(step.value),
                    "from": step.start.isoformat(),
                    "act": step.act,
                    "article": step.article,
                    "source": step.source,
                    "provisional": step.provisional,
                }
                for step in self.steps
            ],
            "amount": self.amount,
        }

    @classmethod
    def from_mapping(cls, stored: Mapping[str, object]) -> "Trace":
        """Return the trace of `to_mapping`.

        Raises:
            Invalid: `trace.corrupt`.
        """
        try:
            given, steps = stored["given"], stored["steps"]
            if not isinstance(given, Mapping) or not isinstance(steps, list):
                raise Invalid("trace.corrupt")
            return cls(
                rule=str(stored["rule"]),
                on=date.fromisoformat(str(stored["on"])),
                given=MappingProxyType(dict(given)),
                steps=tuple(_step(step) for step in steps),
                amount=Qepik(int(str(stored["amount"]))),
            )
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise Invalid("trace.corrupt") from error


@dataclass(frozen=True, slots=True)
class Figure:
    """A computed sum with its items and its trace."""

    amount: Qepik
    lines: tuple[Line, ...]
    trace: Trace

    @property
    def is_provisional(self) -> bool:
        """A row it stands on has not been confirmed with the act."""
        return any(step.provisional for step in self.trace.steps)


def _step(stored: Mapping[str, object]) -> Step:
    value = str(stored["value"])
    part = stored["part"]
    return Step(
        parameter=str(stored["parameter"]),
        part=None if part is None else str(part),
        value=int(value) if value.isdigit() else Decimal(value),
        start=date.fromisoformat(str(stored["from"])),
        act=str(stored["act"]),
        article=str(stored["article"]),
        source=str(stored["source"]),
        provisional=stored["provisional"] is True,
    )
