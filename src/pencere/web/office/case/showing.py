"""The case on one page."""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Refused, Unavailable
from pencere.services.case import Actor
from pencere.services.extending import may_extend
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.messages import unread
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Case
from pencere.web.exchange import gateway
from pencere.web.mandates.words import said_of
from pencere.web.office.case import page as sheet
from pencere.web.office.case import sources
from pencere.web.office.case.asking import open_as_decided, open_with_registers
from pencere.web.office.case.evidence import evidence
from pencere.web.office.case.taking import colleagues
from pencere.web.office.terms import state_name, term_left, term_story
from pencere.web.office.who import case_for, caseworker, decides_at, heads
from pencere.web.people.domain.visit import Visit
from pencere.web.portal.window.explained import explained
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

EARLIER = 10


@rule(caseworker)
@require_safe
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show a case; registers are asked for what only the body sees once the officer has it."""
    visit = visit_of(request)
    case = case_for(visit, number)
    now = settings.CLOCK.now()
    has_it = case.officer_id == visit.person.pk and case.closed_at is None
    opened, is_silent = _open(case, visit, has_it=has_it, at=now)
    facts = {
        **_sheet(opened, at=now),
        **_desk(opened, visit, can_act=has_it and not is_silent),
        "is_silent": is_silent,
        "has_it": has_it,
    }
    return render(request, "office/case/pages/case.jinja", facts)


def _open(case: Case, visit: Visit, *, has_it: bool, at: datetime) -> tuple[Opened, bool]:
    """Return the case and whether a register it needs was silent."""
    if case.closed_at is not None and decides_at(visit, case.body):
        return open_as_decided(case, at=at), False
    if not has_it:
        return reading.open_case(case, at=at), False
    try:
        opened = open_with_registers(case, officer=visit.person, gateway=gateway(), at=at)
    except Unavailable:
        return reading.open_case(case, at=at), True
    return opened, False


def _sheet(opened: Opened, *, at: datetime) -> dict[str, object]:
    """Return what everybody of the body sees."""
    case, definition, language = opened.case, opened.definition, current_language()
    clock = opened.machine.clock
    earlier = (
        Case.objects.filter(
            person=case.person_id, body=case.body, submitted_at__lt=case.submitted_at
        )
        .exclude(pk=case.pk)
        .order_by("-submitted_at")[:EARLIER]
    )
    return {
        "case": case,
        "opened": opened,
        "applicant": sheet.applicant_name(opened),
        "sent_by": said_of(opened.application, language),
        "state": state_name(definition, case.state),
        "compared": sources.compared(opened, language),
        "registers": sources.shown_to_applicant(opened, language),
        "hidden": sources.for_body(opened, language),
        "pictures": sheet.files(opened, language),
        "checks": evidence(opened, language, at=at),
        "explained": explained(opened, Role.OFFICER),
        "timeline": sheet.timeline(opened, language),
        "effects": sheet.effects(opened, language),
        "term": term_left(clock, definition, on=local_date(at)),
        "story": term_story(clock, definition),
        "earlier": sheet.earlier(earlier, language),
        "decision": sheet.decision(opened, opened.machine.decision, language),
        "proposal": sheet.decision(opened, opened.machine.proposal, language),
        "result_of": {
            action.id: state_name(definition, action.to)
            for action in definition.states[case.state].actions
        },
    }


def _desk(opened: Opened, visit: Visit, *, can_act: bool) -> dict[str, object]:
    """Return what this officer may do."""
    case = opened.case
    actor = _actor(visit, case)
    is_open = case.closed_at is None
    proposal = opened.machine.proposal
    actions = acting.actions_for(opened, actor) if can_act and actor is not None else ()
    state = opened.definition.states[case.state]
    return {
        "actions": actions,
        "barred": [one.name.in_language(current_language()) for one in state.actions
                   if can_act and one not in actions and proposal is None
                   and actor is not None and one.by in actor.roles],
        "may_take": is_open and case.officer_id is None and acting.may_take(visit, case),
        "colleagues": colleagues(case) if is_open and case.body in heads(visit) else [],
        "may_answer_proposal": proposal is not None
        and actor is not None
        and proposal.by != actor.id
        and decides_at(visit, case.body),
        "may_extend": can_act and actor is not None
        and may_extend(opened.definition, opened.machine, by=actor, at=settings.CLOCK.now()),
        "may_talk": actor is not None,
        "unread": unread(case=case, as_body=True) if actor is not None else 0,
        "why_waits": t("office.case.waits") if is_open and not state.queue else "",
    }  # fmt: skip


def _actor(visit: Visit, case: Case) -> Actor | None:
    """Return who acts; None where the case is with another body now, and is only read here."""
    try:
        return acting.officer_of(visit, case)
    except Refused:
        return None
