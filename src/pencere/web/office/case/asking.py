"""Asking registers what only the body may see, and keeping what they said with the case.

Each asking is an access the applicant sees. So a page opened again within `FRESH` shows what was
told before, from the event of that asking; a decision asks anew (`acting.act`).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from pencere.services.model.common import Role
from pencere.web.cases.domain import facts, reading
from pencere.web.cases.domain.facts import Told
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.domain.sealing import seal
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.exchange import Gateway
from pencere.web.people.models.person import Person

KIND = "asked"
FRESH = timedelta(minutes=20)


def open_with_registers(case: Case, *, officer: Person, gateway: Gateway, at: datetime) -> Opened:
    """Open a case with what registers tell this officer, now or a short while ago.

    Raises:
        Unavailable: a register does not answer; nothing is kept.
    """
    opened = reading.open_case(case, at=at)
    if not facts.for_body_only(opened.definition):
        return opened
    told = _kept(case, officer, at=at)
    if told is None:
        opened = reading.open_case(case, at=at, officer=officer, gateway=gateway)
        _keep(opened, officer, at=at)
        return opened
    context = {**opened.context, "facts": {**opened.context["facts"], **told.values}}
    return replace(opened, told=told, context=context)


def open_as_decided(case: Case, *, at: datetime) -> Opened:
    """Open a closed case with what registers had said when it was decided."""
    return replace(reading.open_case(case, at=at), told=reading.told_before(case))


def _kept(case: Case, officer: Person, *, at: datetime) -> Told | None:
    event = (
        CaseEvent.objects.filter(case=case, kind=KIND, by=officer, at__gt=at - FRESH)
        .select_related("case")
        .order_by("-n")
        .first()
    )
    if event is None:
        return None
    return Told.from_json(reading.words_of(event)["facts"])


@transaction.atomic
def _keep(opened: Opened, officer: Person, *, at: datetime) -> None:
    case = Case.objects.select_for_update().get(pk=opened.case.pk)
    last = CaseEvent.objects.filter(case=case).order_by("-n").values_list("n", flat=True).first()
    asked = (opened.definition.fact(name) for name in opened.told.asked_at)
    CaseEvent.objects.create(
        case=case,
        n=(last or 0) + 1,
        at=at,
        kind=KIND,
        state=case.state,
        by_role=Role.OFFICER.value,
        by=officer,
        facts={"registers": [fact.register for fact in asked if fact is not None]},
        words_sealed=seal({"facts": opened.told.as_json()}, case.id.bytes),
    )
