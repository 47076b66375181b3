"""What a service that can be applied for costs today, as far as no answer decides it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pencere.kernel.errors import Missing
from pencere.services.fees import fee_for
from pencere.services.model.common import Basis
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions


@dataclass(frozen=True, slots=True)
class FeeNow:
    """A sum in qəpik, the acts of its items, and whether one of them is provisional."""

    amount: int
    grounds: tuple[Basis, ...]


def fee_now(
    definition: Definition, *, on: date, applicant: Mapping[str, object] | None = None
) -> FeeNow | None:
    """Return the fee of the day; None when answers or registers decide it.

    `applicant` is what is known of who is signed in, without asking a register.
    """
    context: dict[str, object] = {"today": on, "answers": {}, "facts": {}}
    known = {"today"}
    if applicant is not None:
        context["applicant"] = dict(applicant)
        known.add("applicant")
    try:
        fee = fee_for(definition, context, on, definitions.law())
    except Missing:  # no parameter is in force that day: the application will say so
        return None
    given = fee.trace.given if fee.trace is not None else {}
    if any(path.partition(".")[0] not in known for path in given):
        return None
    grounds = (Basis(line.act, line.article, line.provisional) for line in fee.lines)
    return FeeNow(fee.amount, tuple(dict.fromkeys(grounds)))
