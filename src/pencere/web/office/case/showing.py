"""The case on one page."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Unavailable
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.transitions import clock_of
from pencere.web.cases.models import Case
from pencere.web.exchange import gateway
from pencere.web.office.case import page as sheet
from pencere.web.office.case.taking import colleagues, may_hand_over
from pencere.web.office.terms import term_left
from pencere.web.office.who import caseworker
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@rule(caseworker)
@require_safe
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show a case; registers are asked for what only the body sees once the officer has it."""
    visit = visit_of(request)
    case = reading.case_of_body(bodies=visit.bodies, number=number)
    now = settings.CLOCK.now()
    is_mine = case.officer_id == visit.person.pk
    try:
        opened = reading.open_case(
            case,
            at=now,
            officer=visit.person if is_mine and case.closed_at is None else None,
            gateway=gateway() if is_mine and case.closed_at is None else None,
        )
        is_silent = False
    except Unavailable:
        opened, is_silent = reading.open_case(case, at=now), True
        messages.error(request, t("office.case.register_silent"))
    language = current_language()
    works_here = any(office.body == case.body for office in visit.offices)
    actor = acting.officer_of(visit, case) if works_here else None
    can_act = is_mine and actor is not None and not is_silent
    earlier = (
        Case.objects.filter(person=case.person, body=case.body)
        .exclude(pk=case.pk)
        .order_by("-submitted_at")[:10]
    )
    return render(
        request,
        "office/case/pages/case.jinja",
        {
            "case": case,
            "opened": opened,
            "applicant": sheet.applicant_name(opened),
            "registers": sheet.register_rows(opened, language),
            "hidden": sheet.body_rows(opened, language),
            "answers": sheet.answer_rows(opened, language),
            "pictures": sheet.files(opened, language),
            "checks": sheet.checks(opened, language),
            "timeline": sheet.timeline(opened, language),
            "effects": sheet.effects(opened, language),
            "term": term_left(clock_of(case), on=local_date(now)),
            "actions": acting.actions_for(opened, actor) if can_act and actor else (),
            "is_mine": is_mine,
            "may_take": actor is not None and case.officer_id is None and case.closed_at is None,
            "colleagues": colleagues(case)
            if case.closed_at is None and may_hand_over(visit, case)
            else [],
            "earlier": [sheet.earlier(one, language) for one in earlier],
            "proposal": opened.machine.proposal,
            "may_answer_proposal": opened.machine.proposal is not None
            and actor is not None
            and opened.machine.proposal.by != actor.id,
        },
    )
