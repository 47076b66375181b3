"""What a service costs this person on this day, by the rule of the law it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pencere.kernel.money import Qepik
from pencere.rules.law import Law
from pencere.rules.trace import Line, Trace
from pencere.services.model.definition import Definition


@dataclass(frozen=True, slots=True)
class Fee:
    """A sum, its items with act and article, and the trace to keep with the case.

    `trace` None: the service has no fee by definition.
    """

    amount: Qepik
    lines: tuple[Line, ...]
    trace: Trace | None

    @property
    def is_free(self) -> bool:
        """Nothing is to be paid."""
        return self.amount == 0


FREE = Fee(Qepik(0), (), None)


def fee_for(definition: Definition, context: Mapping[str, object], on: date, law: Law) -> Fee:
    """Return the fee under the law of the day `on`.

    Raises:
        Missing: the rule does not exist, or a parameter has no value for that day.
    """
    if definition.fee is None:
        return FREE
    figure = law.compute(definition.fee.rule, context, on)
    return Fee(figure.amount, figure.lines, figure.trace)
