"""Asking registers what the state already has, through the gateway, for one application.

What they said is kept sealed in the draft for a few minutes, so that a page more is not an
access more; then it is asked again. It is never kept for another application.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pencere.services import facts as engine
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition, Fact
from pencere.web.exchange import Gateway, Purpose
from pencere.web.exchange.registers import about
from pencere.web.people.models.person import Person

FRESH = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Told:
    """What registers said, by fact, and when each was asked (ISO)."""

    values: Mapping[str, Any]
    asked_at: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the form that is sealed."""
        return {"values": dict(self.values), "asked_at": dict(self.asked_at)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Told":
        """Read what `as_json` gave."""
        return cls(values=value["values"], asked_at=value["asked_at"])


NOTHING = Told({}, {})


def for_applicant(definition: Definition) -> tuple[Fact, ...]:
    """Return the facts an applicant may see, in the order they are asked."""
    return tuple(fact for fact in definition.facts if Role.APPLICANT in fact.to)


def for_body_only(definition: Definition) -> tuple[Fact, ...]:
    """Return the facts that only the body may see."""
    return tuple(fact for fact in definition.facts if Role.APPLICANT not in fact.to)


def ask(  # noqa: PLR0913, an exchange names all of these
    *,
    facts: Iterable[Fact],
    number: str,
    applicant: Person,
    user: Person | None,
    represented: str | None,
    context: Mapping[str, Any],
    gateway: Gateway,
    at: datetime,
) -> Told:
    """Ask for each fact in turn; a key of one may come from one before.

    `user` is who acts, None for the system itself; `represented` the body it is done for, None
    where the applicant asks.

    Raises:
        Unavailable, Refused: see `Gateway`. Nothing is returned in part.
    """
    known = dict(context.get("facts") or {})
    own = _own(applicant, user)
    values: dict[str, Any] = {}
    asked_at: dict[str, str] = {}
    for fact in facts:
        current = {**context, "facts": known}
        request = engine.request(fact, current)
        if request is None:
            continue
        records = gateway.query(
            register=request.register,
            by=request.by,
            purpose=Purpose(
                code=request.purpose,
                legal_basis=request.basis,
                case=number,
                person=about(request.register, request.by, own),
                user=user.fin if user is not None else None,
                represented=represented,
            ),
        )
        value = engine.take(fact, [asdict(record) for record in records], current)
        asked_at[fact.id] = at.isoformat(timespec="seconds")
        if value is not None:
            known[fact.id] = value
            values[fact.id] = value
    return Told(values=values, asked_at=asked_at)


def _own(applicant: Person, user: Person | None) -> str:
    """Return the applicant's FIN; a company has none, and who acts stands for it."""
    if not applicant.is_company:
        return applicant.fin
    return "" if user is None else user.fin
