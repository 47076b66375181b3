"""Who looked at my data: each access with its purpose, and a proof worked out here and now."""

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import BAKU
from pencere.kernel.dates import format_instant, parse_date
from pencere.kernel.errors import Missing, Unavailable
from pencere.web.cases.domain import definitions, reading
from pencere.web.country import country
from pencere.web.exchange import Purpose, Usage, Usages, gateway
from pencere.web.people.models.person import Person
from pencere.web.portal.window.access_days import PORTAL, Access, access_of, by_day
from pencere.web.portal.window.data import PURPOSE, personal_registers
from pencere.web.portal.window.proof import verdict_of
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language

# Days are added to a page until it tells of so many accesses; a day is never split.
SHOWN = 60
# What one register is asked for at once, and at most for one page.
ASKED, ASKED_AT_MOST = 100, 1000
FIRST_YEAR, LAST_YEAR = 2000, 2999


@dataclass(frozen=True, slots=True)
class Told:
    """What one register's owner told: `oldest` is the day not told of in full, if there is one."""

    accesses: tuple[Access, ...]
    oldest: date | None


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List accesses to the person's data in every register, by day, newest first."""
    person, language = visit_of(request).person, current_language()
    before = _before(request.GET.get("before", ""))
    told: list[Told] = []
    silent: list[str] = []
    for owner, subsystem in _subsystems():
        try:
            told.append(_told(person, owner, subsystem, before))
        except Unavailable:
            silent.append(country().body(owner).names.in_language(language))
    shown, is_more = _page(told)
    page = {
        "days": by_day(shown, language),
        "names": _names(person, shown, language),
        "silent": silent,
        "is_first": before is None,
        "older": min(one.day for one in shown).isoformat() if is_more else "",
    }
    return render(request, "portal/window/access.jinja", page)


@rule(signed_in)
@require_safe
def proof(request: HttpRequest, subsystem: str, exchange: str) -> HttpResponse:
    """Show the proof of one access and work it out."""
    owner = next((owner for owner, name in _subsystems() if name == subsystem), None)
    if owner is None or not _is_exchange(exchange):
        raise Missing("access.missing")
    found = _ask(visit_of(request).person, owner, subsystem, exchange=exchange)
    usage = next((one for one in found.usages if one.exchange == exchange), None)
    if usage is None:
        raise Missing("access.missing")
    access = _access(usage, subsystem)
    page = {
        "access": access,
        "when": format_instant(access.at, current_language()),
        "usage": usage,
        "verdict": verdict_of(usage, subsystem),
    }
    return render(request, "portal/window/access_proof.jinja", page)


def _subsystems() -> list[tuple[str, str]]:
    """Return whom to ask: the registers of persons, and the portal itself, which is told events."""
    return sorted({PORTAL, *((one.owner, one.subsystem) for one in personal_registers())})


def _told(person: Person, owner: str, subsystem: str, before: datetime | None) -> Told:
    """Ask until a whole day and the beginning of another are known, or all there is."""
    accesses: list[Access] = []
    while True:
        found = _ask(person, owner, subsystem, before=before, offset=len(accesses))
        accesses += [_access(usage, subsystem) for usage in found.usages]
        is_all = not found.usages or len(accesses) >= found.total
        if is_all or len(accesses) >= ASKED_AT_MOST or accesses[0].day != accesses[-1].day:
            return Told(tuple(accesses), None if is_all else accesses[-1].day)


def _page(told: list[Told]) -> tuple[list[Access], bool]:
    """Return the newest days of which every register told all, and whether there are older."""
    every = sorted((one for part in told for one in part.accesses), key=lambda one: one.at)
    every.reverse()
    cut = [part.oldest for part in told if part.oldest is not None]
    shown: list[Access] = []
    for one in every:
        is_new_day = not shown or one.day != shown[-1].day
        if shown and is_new_day and (len(shown) >= SHOWN or (cut and one.day <= max(cut))):
            return shown, True
        shown.append(one)
    return shown, bool(shown and cut)


def _ask(  # noqa: PLR0913, a question is all of these
    person: Person,
    owner: str,
    subsystem: str,
    *,
    before: datetime | None = None,
    offset: int = 0,
    exchange: str | None = None,
) -> Usages:
    fin = person.fin
    purpose = Purpose(
        code=PURPOSE, legal_basis=country().purpose(PURPOSE).basis, case="", person=fin, user=fin
    )
    return gateway().find_usage(
        member=owner, subsystem=subsystem, purpose=purpose, limit=ASKED, offset=offset,
        before=before, exchange=exchange,
    )  # fmt: skip


def _access(usage: Usage, subsystem: str) -> Access:
    try:
        return access_of(usage, subsystem, current_language())
    except ValueError as error:
        raise Unavailable("register.unavailable", register=subsystem, problem="form") from error


def _names(person: Person, shown: list[Access], language: str) -> dict[str, str]:
    """Return what the person's applications are for, by number; a draft has none yet."""
    numbers = {one.case for one in shown if one.case}
    return {
        case.number: definitions.pinned(case).names.in_language(language)
        for case in reading.cases_of(person).filter(number__in=numbers)
    }


def _before(given: str) -> datetime | None:
    """Return the beginning in Baku of the day before which accesses are shown."""
    if not given:
        return None
    day = parse_date(given)
    year = min(max(day.year, FIRST_YEAR), LAST_YEAR)
    if year != day.year:
        day = date(year, 1, 1)
    return datetime.combine(day, time(), tzinfo=BAKU)


def _is_exchange(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
