"""Reminding of the legal term: who decides before its last day, the head when it has passed.

Each is done once for each last day: the event in the case is the mark. A term that was lengthened
or begun anew has another last day, and is reminded of again.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date
from pencere.kernel.text import LANGUAGES, Text
from pencere.services.case import Event
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.transitions import SYSTEM, add_events
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.notifications.domain import inbox
from pencere.web.people.models.person import Person
from pencere.web.texts import texts

log = logging.getLogger(__name__)

WARNED, ESCALATED = "warned", "escalated"


@transaction.atomic
def remind(*, case_id: UUID, at: datetime) -> str | None:
    """Remind of one case when it is time; return what was done: `warned`, `escalated` or None."""
    case = Case.objects.select_for_update().get(pk=case_id)
    if case.closed_at is not None or case.due is None:
        return None
    kind = _due_now(case, case.due, local_date(at))
    if kind is None or _was_done(case, kind, case.due):
        return None
    event = Event(kind, case.state, at, facts={"due": case.due})
    add_events(case=case, events=(event,), by=SYSTEM)
    heads = _at(case, ("unit-head",))
    told = heads if kind == ESCALATED else _deciding(case) or heads
    for person in told:
        _tell(case, person, kind, case.due, at=at)
    log.info("case_%s number=%s told=%s", kind, case.number, len(told))
    return kind


def _due_now(case: Case, due: date, today: date) -> str | None:
    if today > due:
        return ESCALATED
    before = definitions.pinned(case).term.warn
    return WARNED if before and definitions.calendar().count(today, due) <= before else None


def _was_done(case: Case, kind: str, due: date) -> bool:
    return CaseEvent.objects.filter(case=case, kind=kind, facts__due=due.isoformat()).exists()


def _deciding(case: Case) -> list[Person]:
    """Return the officer who has the case, as long as they hold their office."""
    return [one for one in _at(case, ("officer", "unit-head")) if one.pk == case.officer_id]


def _at(case: Case, roles: Iterable[str]) -> list[Person]:
    found = Person.objects.filter(
        is_active=True, offices__body=case.body, offices__role__in=list(roles)
    )
    return list(found.exclude(pk__in=case.parties).distinct())


def _tell(case: Case, person: Person, kind: str, due: date, *, at: datetime) -> None:
    inbox.tell(
        person=person,
        key=f"{case.number}:{kind}:{due.isoformat()}:{person.pk}",
        kind="task",
        title=_said(f"reminder.{kind}_title", number=case.number),
        text=Text(
            **{
                language: texts().say(
                    f"reminder.{kind}_text",
                    language,
                    number=case.number,
                    date=format_date(due, language),
                )
                for language in LANGUAGES
            }
        ),
        at=at,
    )


def _said(key: str, **values: str) -> Text:
    return Text(**{language: texts().say(key, language, **values) for language in LANGUAGES})
