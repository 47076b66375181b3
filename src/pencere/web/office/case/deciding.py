"""Deciding: choose what to do, then see what it means, give reasons, and do it."""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused, Unavailable
from pencere.services.case import Actor
from pencere.services.model.casework import Action, Reason
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.country import country
from pencere.web.exchange import gateway
from pencere.web.middleware.errors import fault_of
from pencere.web.office.case.asking import open_with_registers
from pencere.web.office.case.page import applicant_name
from pencere.web.office.number import as_version
from pencere.web.office.terms import state_name
from pencere.web.office.who import case_for, caseworker
from pencere.web.people.domain.visit import Visit
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
        known = {reason.id for reason in action.reasons}
        form = cls(
            reasons=[one for one in sent.getlist("reasons") if one in known],
            comment=as_words(sent.get("comment")),
            version=as_version(sent.get("version")),
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
        """The errors as the summary shows them; one of no field has no name."""
        return [{"text": text, "name": name} for name, text in self.errors.items()]


def as_words(sent: str | None) -> str:
    """Return what somebody typed, with line ends of one kind and no sign nobody can type."""
    lines = (sent or "").replace("\r\n", "\n").replace("\r", "\n")
    plain = (" " if sign.isspace() and sign != "\n" else sign for sign in lines)
    return "".join(sign for sign in plain if sign == "\n" or sign.isprintable()).strip()


@rule(caseworker)
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, number: str) -> HttpResponse:
    """Show what an action asks for; do it when the form is whole."""
    visit = visit_of(request)
    case = case_for(visit, number)
    actor = acting.officer_of(visit, case)
    now = settings.CLOCK.now()
    if request.method == "POST":
        return _do(request, reading.open_case(case, at=now), actor, at=now)
    if case.officer_id != visit.person.pk:
        messages.warning(request, t("office.case.take_first"))
        return _back(number)
    try:
        opened = open_with_registers(case, officer=visit.person, gateway=gateway(), at=now)
    except Unavailable:  # the page of the case says so
        return _back(number)
    asked = request.GET.get("action", "")
    allowed = {action.id: action for action in acting.actions_for(opened, actor)}
    if asked not in allowed:
        messages.warning(request, t("office.decide.choose"))
        return _back(number)
    seen = as_version(request.GET.get("version"))
    if seen not in {0, case.version}:
        messages.warning(request, t("error.case.changed"))
        return _back(number)
    return _page(request, opened, allowed[asked], DecisionForm(version=case.version))


def _do(request: HttpRequest, opened: Opened, actor: Actor, *, at: datetime) -> HttpResponse:
    """Act. Whatever stops it is said on the form, with everything typed still in it."""
    case, visit = opened.case, visit_of(request)
    asked = request.POST.get("action", "")
    if _is_done_already(opened, visit, asked, as_version(request.POST.get("version"))):
        messages.info(request, t("office.decide.done_already", number=case.number))
        return _back(case.number)
    action = opened.definition.states[case.state].action(asked)
    if action is None or action.by is Role.APPLICANT:
        messages.warning(request, t("error.case.changed"))
        return _back(case.number)
    form = DecisionForm.read(request.POST, action)
    if form.errors:
        return _page(request, opened, action, form, status=422)
    if case.officer_id != visit.person.pk:
        messages.warning(request, t("office.case.take_first"))
        return _back(case.number)
    try:
        acting.act(
            case=case,
            action=action.id,
            by=actor,
            officer=visit.person,
            version=form.version,
            reasons=form.reasons,
            comment=form.comment,
            gateway=gateway(),
            at=at,
        )
    except (Conflict, Refused, Unavailable, Invalid) as refusal:
        return _refused(request, opened, action, form, refusal)
    key = "office.decide.proposed" if action.four_eyes else "office.decide.done"
    messages.success(
        request, t(key, action=action.name.in_language(current_language()), number=case.number)
    )
    return _back(case.number)


def _refused(
    request: HttpRequest,
    opened: Opened,
    action: Action,
    form: DecisionForm,
    refusal: PencereError,
) -> HttpResponse:
    case, sent = opened.case, form.version
    case.version = form.version = Case.objects.values_list("version", flat=True).get(pk=case.pk)
    # Two presses of one moment: the other one was it.
    if _is_done_already(opened, visit_of(request), action.id, sent):
        messages.info(request, t("office.decide.done_already", number=case.number))
        return _back(case.number)
    form.errors[""] = _sentence(refusal)
    return _page(request, opened, action, form, status=refusal.status)


def _is_done_already(opened: Opened, visit: Visit, action: str, version: int) -> bool:
    """Say whether the same officer has just sent the same decision: a second press, a reload."""
    if opened.case.version == version:
        return False
    last = (
        CaseEvent.objects.filter(case=opened.case, kind__in=["acted", "proposed"])
        .order_by("-n")
        .first()
    )
    return last is not None and (last.by_id, last.action) == (visit.person.pk, action)


def _page(
    request: HttpRequest, opened: Opened, action: Action, form: DecisionForm, status: int = 200
) -> HttpResponse:
    page = {
        "case": opened.case,
        "applicant": applicant_name(opened),
        "action": action,
        "result": state_name(opened.definition, action.to),
        "effects": opened.definition.states[action.to].effects,
        "grounds": [ground(reason) for reason in action.reasons],
        "form": form,
    }
    return render(request, "office/case/pages/decide.jinja", page, status=status)


def ground(reason: Reason) -> dict[str, str]:
    """Return a ground of the law's list, with the act it stands in below it."""
    language, basis = current_language(), reason.basis
    act = country().acts.get(basis.act)
    name = act.names.in_language(language) if act is not None else basis.act
    return {
        "value": reason.id,
        "label": reason.text.in_language(language),
        "hint": f"{name}, {basis.article}" if basis.article else name,
    }


@rule(caseworker)
@require_POST
def answer_proposal(request: HttpRequest, number: str) -> HttpResponse:
    """Agree with a colleague's proposal, or send it back with a word."""
    visit = visit_of(request)
    case = case_for(visit, number)
    actor = acting.officer_of(visit, case)
    now = settings.CLOCK.now()
    expected = as_version(request.POST.get("version"))
    answer = request.POST.get("answer")
    if answer not in {"confirm", "decline"}:
        raise Missing("case.no_proposal")
    try:
        if answer == "confirm":
            acting.confirm(case=case, by=actor, officer=visit.person, version=expected,
                           gateway=gateway(), at=now)  # fmt: skip
        else:
            acting.decline(case=case, by=actor, officer=visit.person, version=expected,
                           comment=as_words(request.POST.get("comment"))[:LONGEST_COMMENT],
                           at=now)  # fmt: skip
    except (Conflict, Refused, Unavailable, Invalid) as refusal:
        messages.error(request, _sentence(refusal))
    else:
        messages.success(request, t("office.decide.answered", number=number))
    return _back(number)


def _sentence(refusal: PencereError) -> str:
    return fault_of(refusal).sentence(current_language())


def _back(number: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("office_case", args=[number]))
