"""Deciding: choose what to do, then see what it means, give reasons, and do it."""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused, Unavailable
from pencere.services.case import Actor
from pencere.services.model import Action
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.reading import Opened
from pencere.web.exchange import gateway
from pencere.web.middleware.errors import fault_of
from pencere.web.office.who import caseworker
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

LONGEST_COMMENT = 4000


@dataclass(slots=True)
class DecisionForm:
    """What the officer typed, kept as it was, with what is wrong in it."""

    reasons: list[str] = field(default_factory=list)
    comment: str = ""
    version: int = 0
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, sent: QueryDict, action: Action) -> "DecisionForm":
        """Read a sent form and look at each field."""
        version = sent.get("version", "")
        form = cls(
            reasons=sent.getlist("reasons"),
            comment=sent.get("comment", "").strip(),
            version=int(version) if version.isascii() and version.isdigit() else 0,
        )
        if action.reasons and not form.reasons:
            form.errors["reasons"] = t("office.decide.reason_needed")
        if "comment" in action.needs and not form.comment:
            form.errors["comment"] = t("office.decide.comment_needed")
        if len(form.comment) > LONGEST_COMMENT:
            form.errors["comment"] = t("office.decide.comment_long", n=LONGEST_COMMENT)
        return form

    @property
    def summary(self) -> list[dict[str, str]]:
        """The errors as the summary shows them."""
        return [{"text": text, "name": name} for name, text in self.errors.items()]


@rule(caseworker)
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, number: str) -> HttpResponse:
    """Show what an action asks for; do it when the form is whole."""
    visit = visit_of(request)
    case = reading.case_of_body(bodies=visit.bodies, number=number)
    actor = acting.officer_of(visit, case)
    if case.officer_id != visit.person.pk:
        messages.warning(request, t("office.case.take_first"))
        return _back(number)
    now = settings.CLOCK.now()
    try:
        opened = reading.open_case(case, at=now, officer=visit.person, gateway=gateway())
    except Unavailable:
        messages.error(request, t("office.case.register_silent"))
        return _back(number)
    sent = request.POST if request.method == "POST" else request.GET
    allowed = {action.id: action for action in acting.actions_for(opened, actor)}
    action = allowed.get(sent.get("action", ""))
    if action is None:
        messages.warning(request, t("office.decide.choose"))
        return _back(number)
    if request.method == "POST":
        return _do(request, opened, action, actor, at=now)
    return _page(request, opened, action, DecisionForm(version=case.version))


def _do(
    request: HttpRequest, opened: Opened, action: Action, actor: Actor, *, at: datetime
) -> HttpResponse:
    form = DecisionForm.read(request.POST, action)
    if form.errors:
        return _page(request, opened, action, form, status=422)
    number = opened.case.number
    try:
        acting.act(
            case=opened.case,
            action=action.id,
            by=actor,
            officer=visit_of(request).person,
            version=form.version,
            reasons=form.reasons,
            comment=form.comment,
            gateway=gateway(),
            at=at,
        )
    except (Conflict, Refused, Unavailable, Invalid) as refusal:
        messages.error(request, _sentence(refusal))
    else:
        done = action.name.in_language(current_language())
        messages.success(request, t("office.decide.done", action=done, number=number))
    return _back(number)


def _page(
    request: HttpRequest, opened: Opened, action: Action, form: DecisionForm, status: int = 200
) -> HttpResponse:
    page = {"case": opened.case, "opened": opened, "action": action, "form": form}
    return render(request, "office/case/pages/decide.jinja", page, status=status)


@rule(caseworker)
@require_POST
def answer_proposal(request: HttpRequest, number: str) -> HttpResponse:
    """Agree with a colleague's proposal, or send it back with a word."""
    visit = visit_of(request)
    case = reading.case_of_body(bodies=visit.bodies, number=number)
    actor = acting.officer_of(visit, case)
    now = settings.CLOCK.now()
    version = request.POST.get("version", "")
    expected = int(version) if version.isascii() and version.isdigit() else 0
    answer = request.POST.get("answer")
    if answer not in {"confirm", "decline"}:
        raise Missing("case.no_proposal")
    try:
        if answer == "confirm":
            acting.confirm(case=case, by=actor, officer=visit.person, version=expected,
                           gateway=gateway(), at=now)  # fmt: skip
        else:
            acting.decline(case=case, by=actor, officer=visit.person, version=expected,
                           comment=request.POST.get("comment", "")[:LONGEST_COMMENT],
                           at=now)  # fmt: skip
    except (Conflict, Refused, Unavailable) as refusal:
        messages.error(request, _sentence(refusal))
    else:
        messages.success(request, t("office.decide.answered", number=number))
    return _back(number)


def _sentence(refusal: Conflict | Refused | Unavailable | Invalid) -> str:
    return fault_of(refusal).sentence(current_language())


def _back(number: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("office_case", args=[number]))
