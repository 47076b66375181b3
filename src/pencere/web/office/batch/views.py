"""Many cases: choose an action, see what will happen to each, confirm once, read what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.errors import Invalid, Missing, PencereError, Unavailable
from pencere.services.model.casework import Action
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import batches, definitions
from pencere.web.cases.domain.batches import Chosen
from pencere.web.cases.models import Batch, Case
from pencere.web.exchange import gateway
from pencere.web.middleware.errors import Fault, fault_of
from pencere.web.office.case.asking import open_with_registers
from pencere.web.office.case.deciding import DecisionForm, ground
from pencere.web.office.case.page import action_of, applicant_name
from pencere.web.office.terms import state_name
from pencere.web.office.who import caseworker, desk_bodies
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@dataclass(frozen=True, slots=True)
class Marked:
    """The cases of a form, read and found; they are of one service and state."""

    chosen: tuple[Chosen, ...]
    cases: dict[str, Case]
    actions: tuple[Action, ...]
    definition: Definition

    @property
    def service(self) -> str:
        """The name of the service."""
        return self.definition.names.in_language(current_language())

    @property
    def sent(self) -> list[str]:
        """The cases as a form sends them on."""
        return [f"{one.number}~{one.version}" for one in self.chosen]

    def action(self, action_id: str) -> Action | None:
        """Return the action of this id when all allow it."""
        return next((one for one in self.actions if one.id == action_id), None)


@dataclass(slots=True)
class Line:
    """One case of the confirmation page; `why` says what excludes it."""

    number: str
    href: str
    applicant: str = ""
    result: str = ""
    effects: list[str] = field(default_factory=list)
    why: str = ""


@rule(caseworker)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Choose an action for the marked cases; sent, show what it does to each of them."""
    visit = visit_of(request)
    sent = request.POST if request.method == "POST" else request.GET
    try:
        marked = _marked(visit, sent.getlist("case"))
    except Invalid as refusal:
        messages.warning(request, _sentence(refusal))
        return HttpResponseRedirect(reverse("queue"))
    action = marked.action(sent.get("action", ""))
    if request.method != "POST" or action is None:
        error = t("office.batch.choose_one") if request.method == "POST" else ""
        return _choice(request, marked, error)
    if "reasons" not in sent and "comment" not in sent:  # the action alone was chosen
        return _words(request, marked, action, DecisionForm())
    form = DecisionForm.read(request.POST, action)
    if form.errors:
        return _words(request, marked, action, form, status=422)
    return _confirmation(request, visit, marked, action, form)


@rule(caseworker)
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Do what was confirmed, each case by itself; sent again, nothing is done twice."""
    visit = visit_of(request)
    try:
        batch_id = UUID(request.POST.get("batch", ""))
    except ValueError as error:
        raise Missing("batch.missing") from error
    try:
        # A second press finds the batch, wherever its cases have gone meanwhile.
        batch = batches.find(batch_id=batch_id, visit=visit) or _begin(request, visit, batch_id)
    except Invalid as refusal:
        messages.warning(request, _sentence(refusal))
        return HttpResponseRedirect(reverse("queue"))
    batches.run(
        batch=batch,
        visit=visit,
        bodies=desk_bodies(visit),
        gateway=gateway(),
        at=settings.CLOCK.now(),
    )
    return HttpResponseRedirect(reverse("office_batch_result", args=[batch.id]))


@rule(caseworker)
@require_safe
def result(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Say of each case what happened."""
    visit = visit_of(request)
    batch = batches.find(batch_id=batch_id, visit=visit)
    if batch is None:
        raise Missing("batch.missing")
    said = dict(batch.lines.values_list("number", "refusal"))
    cases = {case.number: case for case in Case.objects.filter(number__in=said)}
    any_case = Case.objects.filter(number=batch.chosen[0][0]).first()
    action = action_of(definitions.pinned(any_case), batch.action) if any_case is not None else None
    rows = [_outcome(number, said.get(number), cases.get(number)) for number, _ in batch.chosen]
    page = {
        "batch": batch,
        "sent": [f"{number}~{version}" for number, version in batch.chosen],
        "action": action.name.in_language(current_language()) if action else batch.action,
        "rows": rows,
        "done": sum(1 for one in said.values() if not one),
        "left": len(batch.chosen) - len(said),
    }
    return render(request, "office/batch/pages/result.jinja", page)


def _outcome(number: str, refusal: str | None, case: Case | None) -> dict[str, str]:
    if refusal is None:
        told = t("office.batch.not_reached")
    elif refusal:
        told = _say(refusal)
    elif case is not None:
        told = state_name(definitions.pinned(case), case.state)
    else:
        told = ""
    return {
        "number": number,
        "href": reverse("office_case", args=[number]),
        "kind": "good" if refusal == "" else "warn",
        "tag": t("office.batch.done") if refusal == "" else t("office.batch.not_done"),
        "told": told,
    }


def _marked(visit: Visit, sent: Sequence[str]) -> Marked:
    chosen = batches.read_chosen(sent)
    cases = batches.cases_of(chosen=chosen, bodies=desk_bodies(visit))
    same = batches.alike(chosen, cases)
    return Marked(chosen, cases, batches.actions_for_all(same, visit), definitions.pinned(same[0]))


def _begin(request: HttpRequest, visit: Visit, batch_id: UUID) -> Batch:
    marked = _marked(visit, request.POST.getlist("case"))
    action = marked.action(request.POST.get("action", ""))
    if action is None:
        raise Invalid("case.action_unknown")
    form = DecisionForm.read(request.POST, action)
    if form.errors:
        raise Invalid("batch.form")
    return batches.begin(
        batch_id=batch_id,
        visit=visit,
        action=action.id,
        chosen=marked.chosen,
        bodies=desk_bodies(visit),
        reasons=form.reasons,
        comment=form.comment,
        at=settings.CLOCK.now(),
    )


def _choice(request: HttpRequest, marked: Marked, error: str) -> HttpResponse:
    language = current_language()
    page = {
        "marked": marked,
        "service": marked.service,
        "error": error,
        "options": [
            {"value": one.id, "label": one.name.in_language(language)} for one in marked.actions
        ],
    }
    status = 422 if error else 200
    return render(request, "office/batch/pages/choose.jinja", page, status=status)


def _words(
    request: HttpRequest, marked: Marked, action: Action, form: DecisionForm, status: int = 200
) -> HttpResponse:
    page = {
        "marked": marked,
        "service": marked.service,
        "action": action,
        "grounds": [ground(reason) for reason in action.reasons],
        "form": form,
    }
    return render(request, "office/batch/pages/words.jinja", page, status=status)


def _confirmation(
    request: HttpRequest, visit: Visit, marked: Marked, action: Action, form: DecisionForm
) -> HttpResponse:
    now = settings.CLOCK.now()
    lines = [
        _line(marked.cases.get(one.number), one, action.id, visit, at=now) for one in marked.chosen
    ]
    going = {line.number for line in lines if not line.why}
    grounds = [ground(one)["label"] for one in action.reasons if one.id in form.reasons]
    page = {
        "batch_id": uuid4(),
        "service": marked.service,
        "action": action,
        "form": form,
        "grounds": grounds,
        "lines": lines,
        "sent": [f"{one.number}~{one.version}" for one in marked.chosen if one.number in going],
    }
    return render(request, "office/batch/pages/confirm.jinja", page)


def _line(case: Case | None, chosen: Chosen, action_id: str, visit: Visit, *, at: datetime) -> Line:
    line = Line(chosen.number, reverse("office_case", args=[chosen.number]))
    if case is None:
        line.why = _say("case.missing")
        return line
    if case.is_of(visit.person.pk):
        line.why = _say("case.own_case")
        return line
    try:
        opened = open_with_registers(case, officer=visit.person, gateway=gateway(), at=at)
    except Unavailable as refusal:
        line.why = _sentence(refusal)
        return line
    line.applicant = applicant_name(opened)
    code = batches.why_not(opened, chosen, action_id, visit)
    if code:
        line.why = _say(code)
        return line
    found = opened.definition.states[case.state].action(action_id)
    if found is not None:
        line.result = state_name(opened.definition, found.to)
        effects = opened.definition.states[found.to].effects
        line.effects = [t(f"office.effect.{effect.kind}") for effect in effects]
    return line


def _say(code: str) -> str:
    return Fault(409, code, {}).sentence(current_language())


def _sentence(refusal: PencereError) -> str:
    return fault_of(refusal).sentence(current_language())
