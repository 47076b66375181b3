"""Acting for another at the portal: begun by who holds a power, looked at again, ended.

A session remembers the power by kind and record, and nothing of a register besides its days and
reach. The register is asked when acting begins, and again before something is sent when it was
asked longer ago than `FRESH`; a power that is not there any more ends the acting.
"""

from datetime import date, datetime, timedelta
from typing import Any

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Missing, Refused
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.exchange import Gateway
from pencere.web.mandates.kinds import kinds
from pencere.web.mandates.powers import Power, power_of
from pencere.web.people.domain import accounts, sessions
from pencere.web.people.domain.visit import Acting, Visit
from pencere.web.people.models.person import Person

FRESH = timedelta(minutes=20)
REMEMBERED = "acting"


def begin(visit: Visit, kind: str, record: str, *, gateway: Gateway, at: datetime) -> Power:
    """Let the person act by a power they hold, until they stop or the session ends.

    Raises:
        Missing: "power.missing".
        Unavailable: its register does not answer.
    """
    power = power_of(visit.person, kind, record, gateway=gateway, on=local_date(at))
    party = accounts.open_account(power.principal, at=at, language=visit.person.language)
    sessions.remember(visit, REMEMBERED, _kept(power, party, at))
    return power


def stop(visit: Visit) -> None:
    """Let the person go on for themselves."""
    sessions.remember(visit, REMEMBERED, None)


def of_session(visit: Visit, *, at: datetime) -> Acting | None:
    """Return for whom a session acts, as it remembers; None for themselves or past the last day."""
    kept = visit.remembered.get(REMEMBERED)
    if kept is None:
        return None
    acting = _read(kept)
    if acting is None or (acting.until is not None and acting.until < local_date(at)):
        return None
    return acting


def make_sure(visit: Visit, service: str, *, gateway: Gateway, at: datetime) -> Acting | None:
    """Make sure that who acts for another may do so now, for this service; return the power.

    Raises:
        Refused: "power.ended", "power.not_for_service".
        Unavailable: the register does not answer.
    """
    acting = visit.acting
    if acting is None:
        return None
    if not acting.reaches(service):
        raise Refused("power.not_for_service")
    if at - acting.asked_at < FRESH:
        return acting
    try:
        begin(visit, acting.kind, acting.record, gateway=gateway, at=at)
    except Missing:
        stop(visit)
        raise Refused("power.ended") from None
    return of_session(visit, at=at)


def _kept(power: Power, party: Person, at: datetime) -> dict[str, Any]:
    return {
        "asked_at": at.isoformat(),
        "kind": power.kind.id,
        "party": party.pk,
        "record": power.record,
        "scope": sorted(power.scope),
        "since": power.since.isoformat() if power.since else None,
        "until": power.until.isoformat() if power.until else None,
        "version": power.version,
    }


def _read(kept: dict[str, Any]) -> Acting | None:
    kind = kinds().by_id.get(kept["kind"])
    party = Person.objects.filter(pk=kept["party"], is_active=True).first()
    if kind is None or party is None:
        return None
    return Acting(
        kind=kind.id,
        register=kind.register,
        record=kept["record"],
        version=kept["version"],
        party=party,
        asked_at=datetime.fromisoformat(kept["asked_at"]),
        services=_services(party, frozenset(kept["scope"])) - kind.but,
        since=_day(kept["since"]),
        until=_day(kept["until"]),
        gives_all=kind.gives_all,
    )


def _services(party: Person, scope: frozenset[str]) -> frozenset[str]:
    """Return the services of the scope that are for such a party: a person, or a company."""
    audience = "business" if party.is_company else "citizen"
    return frozenset(
        entry.id
        for entry in catalogue().entries.values()
        if audience in entry.audience
        and (not scope or entry.id in scope or scope.intersection(entry.life_events))
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
