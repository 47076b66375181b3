"""May this person use the service? Asked before the form and again when it is submitted."""

from collections.abc import Mapping
from dataclasses import dataclass

from pencere.kernel.text import Text
from pencere.services.expressions import holds
from pencere.services.model.definition import Definition


@dataclass(frozen=True, slots=True)
class Eligible:
    """Nothing stands in the way."""


@dataclass(frozen=True, slots=True)
class NotEligible:
    """The first rule that is not met: what to say, which service helps instead."""

    say: Text
    instead: str | None
    key: str  # which rule, `eligible.0.unless`


def check(definition: Definition, context: Mapping[str, object]) -> Eligible | NotEligible:
    """Apply the rules in the order of the file, so a later one may rely on those before.

    Raises:
        Absent, Invalid: a rule reads something that is not there: a mistake of the definition or
            of a register, never taken for a yes or a no.
    """
    for condition in definition.eligible:
        if holds(condition.holds, context) is condition.negated:
            return NotEligible(condition.say, condition.instead, condition.holds.key)
    return Eligible()
