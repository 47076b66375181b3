"""What an accountant sees and may do: the keeper of the book all of it, others their body's."""

from datetime import date

from pencere.kernel.errors import Missing, Refused
from pencere.web.payments.domain.policy import policy
from pencere.web.people.domain.visit import Visit


def bodies_of(visit: Visit) -> frozenset[str] | None:
    """Return the bodies whose money is shown; None is all."""
    return None if keeps_book(visit) else _bodies(visit)


def keeps_book(visit: Visit) -> bool:
    """Say whether the person is an accountant of the body that keeps the book."""
    return policy().keeper in _bodies(visit)


def check_keeper(visit: Visit) -> None:
    """Let only the keeper's accountants go on. Raises Refused("money.keeper")."""
    if not keeps_book(visit):
        raise Refused("money.keeper")


def day_of(said: str) -> date:
    """Return the day an address names. Raises Missing("day.unknown")."""
    try:
        found = date.fromisoformat(said)
    except ValueError as error:
        raise Missing("day.unknown") from error
    if found.isoformat() != said or not date(2000, 1, 1) <= found < date(3000, 1, 1):
        raise Missing("day.unknown")
    return found


def _bodies(visit: Visit) -> frozenset[str]:
    return frozenset(office.body for office in visit.offices if office.role == "accountant")
