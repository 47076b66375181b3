"""How long a case is kept after it ended, by how it ended."""

import re
from datetime import date, timedelta

from pencere.services.clock import plus_months
from pencere.services.model.definition import Definition

_DURATION = re.compile(r"P([0-9]{1,4})([YMD])")


def forget_on(definition: Definition, outcome: str, closed: date) -> date | None:
    """Return the first day on which nobody needs the case; None when the definition says none.

    A month that is too short gives its last day, as in the legal clock.
    """
    found = _DURATION.fullmatch(definition.retention.get(outcome, ""))
    if found is None:
        return None
    length = int(found[1])
    if found[2] == "D":
        return closed + timedelta(days=length + 1)
    return plus_months(closed, length * (12 if found[2] == "Y" else 1)) + timedelta(days=1)
