"""A case on its own page: received, the clock, what happened, documents, answering again."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Conflict, Missing
from pencere.services import forms
from pencere.services.forms import FieldError, FieldErrors
from pencere.services.model.casework import Action
from pencere.services.model.common import Role
from pencere.services.model.question import UPLOADS, QuestionType
from pencere.services.places import Places
from pencere.web.cases.domain import acting, attachments, reading
from pencere.web.cases.domain.messages import unread
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Case, Draft
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.country import country
from pencere.web.issued.domain import finding
from pencere.web.mandates.words import said_of
from pencere.web.portal.applications import sent
from pencere.web.portal.applications.shown import answer_shown, shown_fact
from pencere.web.portal.window import appointment
from pencere.web.portal.window.explained import explained
from pencere.web.portal.window.own import case_for
from pencere.web.portal.window.receipt import receipt_pdf
from pencere.web.portal.window.timeline import clock_of, history_of, kind_of, unfinished
from pencere.web.rules import party, rule, visit_of
from pencere.web.satisfaction.domain.answering import may_answer
from pencere.web.texts import current_language, t

RELOAD_S = 3
LONGEST_VERSION = 9


@rule(party)
@require_safe
def case(request: HttpRequest, number: str) -> HttpResponse:
    """Show a case to its applicant."""
    found = case_for(request, number)
    return _page(request, found)


@rule(party)
@require_safe
def state(request: HttpRequest, number: str) -> HttpResponse:
    """Tell a waiting page to load again when what it waits for is there."""
    found = case_for(request, number)
    waits = unfinished(found) == "preparing"
    return JsonResponse({"address": None if waits else reverse("case", args=[number])})


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, number: str) -> HttpResponse:
    """Answer again what the body asked for."""
    found = case_for(request, number)
    opened = reading.open_case(found, at=settings.CLOCK.now())
    action = _own_action(opened, withdraws=False)
    if request.method != "POST" or action is None:
        return HttpResponseRedirect(reverse("case", args=[number]) + "#answer")
    answers: dict[str, object] = {}
    errors: list[FieldError] = []
    for asked in opened.machine.asked:
        try:
            answers[asked] = _answer(request, opened, asked)
        except FieldErrors as refusal:
            errors += refusal.errors
    if errors:
        return _page(request, found, errors=errors, status=422)
    try:
        acting.resubmit(
            case=found,
            sender=visit_of(request).person,
            power=visit_of(request).acting,
            action=action.id,
            answers=answers,
            version=_version(request, opened),
            at=settings.CLOCK.now(),
        )
    except Conflict:  # answered already, in another tab
        return HttpResponseRedirect(reverse("case", args=[number]))
    messages.success(request, t("case.sent_again"))
    return HttpResponseRedirect(reverse("case", args=[number]))


@rule(party)
@require_POST
def withdraw(request: HttpRequest, number: str) -> HttpResponse:
    """Take an application back where the service allows it."""
    found = case_for(request, number)
    opened = reading.open_case(found, at=settings.CLOCK.now())
    action = _own_action(opened, withdraws=True)
    if action is None:
        return HttpResponseRedirect(reverse("case", args=[number]))
    try:
        acting.resubmit(
            case=found,
            sender=visit_of(request).person,
            power=visit_of(request).acting,
            action=action.id,
            answers={},
            version=_version(request, opened),
            at=settings.CLOCK.now(),
        )
    except Conflict:  # answered or decided meanwhile: the page shows how it stands
        return HttpResponseRedirect(reverse("case", args=[number]))
    messages.info(request, t("case.withdrawn"))
    return HttpResponseRedirect(reverse("case", args=[number]))


@rule(party)
@require_safe
def receipt(request: HttpRequest, number: str) -> HttpResponse:
    """Give the receipt of an application as a PDF."""
    found = case_for(request, number)
    opened = reading.open_case(found, at=settings.CLOCK.now())
    response = HttpResponse(
        receipt_pdf(opened, language=current_language()), content_type="application/pdf"
    )
    response["Content-Disposition"] = f'attachment; filename="{number}.pdf"'
    return response


def _page(
    request: HttpRequest, found: Case, *, errors: list[FieldError] | None = None, status: int = 200
) -> HttpResponse:
    opened = reading.open_case(found, at=settings.CLOCK.now())
    language, definition = current_language(), opened.definition
    now_in = definition.states[found.state]
    waits = unfinished(found)
    said = errors or []
    page = {
        "case": found,
        "sent_by": said_of(opened.application, language),
        "definition": definition,
        "state": now_in,
        "kind": kind_of(now_in, found.outcome),
        "body": country().body(found.body).names.in_language(language),
        "clock": clock_of(found, opened.machine, at=settings.CLOCK.now()),
        "history": history_of(found, definition),
        "waits": waits,
        "is_received": "received" in request.GET,
        "submitted_at": format_instant(found.submitted_at, language),
        "documents": list(
            finding.documents_of(found.person).filter(case=found.number).order_by("issued_at")
        ),
        "answers": _answers(opened),
        "facts": _facts(opened),
        "asked": [definition.question(name) for name in opened.machine.asked]
        if _own_action(opened, withdraws=False)
        else [],
        "withdraws": _own_action(opened, withdraws=True),
        "comment": _comment(found) if now_in.final or opened.machine.asked else "",
        "explained": explained(opened, Role.APPLICANT),
        "reasons": _reasons(opened),
        "regions": [
            {"value": code, "label": names.in_language(language)}
            for code, names in Places.of(country()).regions.items()
        ],
        "errors": {error.field: error.say.in_language(language) for error in said},
        "summary": [
            {"text": error.say.in_language(language), "name": error.field} for error in said
        ],
        "version": opened.machine.version,
        "unread": unread(case=found, as_body=False),
        "offers": _offers(opened),
        "asks_how": may_answer(found),
        "appointment": appointment.summary_of(opened, current_language()),
        "reload_s": RELOAD_S,
    }
    return render(request, "portal/window/case.jinja", page, status=status)


def _answer(request: HttpRequest, opened: Opened, asked: str) -> object:
    question = opened.definition.question(asked)
    if question is None:
        raise Missing("question.missing")
    raw = sent.raw_of(request, question)
    if question.type in UPLOADS:
        draft = Draft.objects.get(number=opened.case.number)
        most = 1 if question.type is not QuestionType.FILES else (question.maximum or 1) + 1
        taken = [
            attachments.add(
                draft=draft,
                question=question,
                name=given.name or "",
                file=given,
                at=settings.CLOCK.now(),
            )
            for given in request.FILES.getlist(asked)[-most:]
        ]
        raw = {asked: taken if question.type is QuestionType.FILES else next(iter(taken), None)}
    return forms.clean(question, raw, opened.context)


def _version(request: HttpRequest, opened: Opened) -> int:
    given = request.POST.get("version", "")
    is_number = given.isascii() and given.isdigit() and len(given) <= LONGEST_VERSION
    return int(given) if is_number else opened.machine.version


def _own_action(opened: Opened, *, withdraws: bool) -> Action | None:
    actions = opened.definition.states[opened.machine.state].actions
    own = (action for action in actions if action.by is Role.APPLICANT)
    return next((action for action in own if action.danger is withdraws), None)


def _answers(opened: Opened) -> list[dict[str, str]]:
    return [
        {
            "label": question.ask.in_language(current_language()),
            "value": answer_shown(question, opened.answers[question.id]),
        }
        for question in opened.definition.questions
        if question.id in opened.answers
    ]


def _facts(opened: Opened) -> list[Any]:
    shown = (
        shown_fact(opened.definition, known.id, fact["value"], fact["asked_at"], Role.APPLICANT)
        for known in opened.definition.facts
        if (fact := opened.application["facts"].get(known.id)) is not None
    )
    return [fact for fact in shown if fact is not None]


def _comment(found: Case) -> str:
    """Return what the officer wrote with their last act, for the applicant to read."""
    event = found.events.filter(kind="acted", by_role="officer").exclude(words_sealed=None).last()
    return "" if event is None else str(reading.words_of(event).get("comment", ""))


def _reasons(opened: Opened) -> list[str]:
    decision = opened.machine.decision
    if decision is None:
        return []
    return [
        reason.text.in_language(current_language())
        for state in opened.definition.states.values()
        for action in state.actions
        if action.id == decision.action
        for reason in action.reasons
        if reason.id in decision.reasons
    ]


def _offers(opened: Opened) -> list[dict[str, str]]:
    if opened.case.outcome != "granted":
        return []
    known = catalogue()
    found = []
    for name in opened.definition.offers:
        try:
            entry = known.get(name)
        except Missing:
            continue
        found.append(
            {
                "href": reverse("service", args=[name]),
                "label": entry.names.in_language(current_language()),
                "icon": "document",
            }
        )
    return found
