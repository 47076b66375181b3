"""Beginning an application, going on with it, leaving it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import Unavailable
from pencere.services import eligibility
from pencere.web.cases.domain import drafts, housekeeping
from pencere.web.cases.domain import reuse as earlier
from pencere.web.cases.models import Draft
from pencere.web.exchange import gateway
from pencere.web.mandates import acting
from pencere.web.portal.applications.opening import (
    now,
    open_writing,
    sorry,
    with_draft,
    written_by,
)
from pencere.web.portal.applications.shown import facts_of, instead_of
from pencere.web.rules import party, rule, visit_of
from pencere.web.texts import t


@rule(party)
@require_safe
def begin(request: HttpRequest, service: str) -> HttpResponse:
    """Begin, or go on where the person stopped; one open application for a service."""
    visit = visit_of(request)
    try:
        acting.make_sure(visit, service, gateway=gateway(), at=now())
        draft = drafts.start_draft(person=visit.party, service=service, at=now(), agent=visit.agent)
        return _next(request, written_by(visit, draft))
    except Unavailable as error:
        return sorry(request, error)


@rule(party)
@require_safe
@with_draft
def go_on(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Lead to the first page that is not done."""
    return _next(request, draft)


@rule(party)
@require_POST
@with_draft
def leave(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Delete an application that was not sent; what was paid for it goes back."""
    housekeeping.let_expire(draft=draft, at=now())
    messages.info(request, t("application.deleted"))
    return HttpResponseRedirect(reverse("window"))


@rule(party)
@require_POST
@with_draft
def reuse(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Take over the answers of the person's last application that still fit."""
    writing = open_writing(draft)
    case = earlier.earlier_of(writing)
    if case is not None:
        taken = earlier.take_over(writing=writing, case=case, at=now())
        messages.info(request, t("application.reused", n=len(taken)))
    return HttpResponseRedirect(reverse("application", args=[draft.id]))


def _next(request: HttpRequest, draft: Draft) -> HttpResponse:
    writing = open_writing(draft)
    verdict = eligibility.check(writing.definition, writing.context)
    if isinstance(verdict, eligibility.NotEligible):
        page = {
            "definition": writing.definition,
            "draft": draft,
            "say": verdict.say,
            "instead": instead_of(verdict),
            "facts": facts_of(writing),
        }
        return render(request, "portal/applications/not_eligible.jinja", page)
    question = writing.next_question
    if question is None:
        return HttpResponseRedirect(reverse("application_check", args=[draft.id]))
    return HttpResponseRedirect(reverse("application_question", args=[draft.id, question.id]))
