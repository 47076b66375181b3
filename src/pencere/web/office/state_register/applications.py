"""Applications at the desk: begun, written section by section, sent, decided."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, PencereError
from pencere.web.country import country
from pencere.web.middleware.errors import fault_of
from pencere.web.office.number import as_version
from pencere.web.office.state_register import openapi_form, said, sections
from pencere.web.office.state_register.systems import bodies
from pencere.web.office.state_register.who import registrar_of_systems
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import applications, reading
from pencere.web.stateregister.domain.description import (
    SECTIONS,
    differences,
    gaps,
    is_personal,
    must_be_registered,
)
from pencere.web.stateregister.domain.exchange_data import DEMANDS, EVENTS
from pencere.web.stateregister.domain.offices import PROPOSER, actor_of
from pencere.web.stateregister.domain.once import undecided
from pencere.web.stateregister.domain.terms import term
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Application, Kind, State
from pencere.web.texts import current_language, t

PAGES = "office/state_register/pages"
_WRITTEN_ON = (State.DRAFT, State.RETURNED)


@rule(registrar_of_systems)
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """Ask what is applied for; a second press leads to the same application."""
    actor = actor_of(visit_of(request))
    own = sorted(actor.bodies(PROPOSER))
    form = {
        "owner": request.POST.get("owner") or (own[0] if own else ""),
        "code": request.POST.get("code", "").strip().lower()[:40],
        "kind": request.POST.get("kind", Kind.ESTABLISH),
    }
    problem = ""
    if request.method == "POST":
        try:
            row = applications.begin(**form, actor=actor, at=settings.CLOCK.now())
            return HttpResponseRedirect(reverse("register_application", args=[row.number]))
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            problem = fault_of(refusal).sentence(current_language())
    lawful = term("apply", on=local_date(settings.CLOCK.now()))
    page = {
        "form": form,
        "problem": problem,
        "summary": [{"text": problem, "name": "code"}] if problem else [],
        "owners": [{"value": one, "label": said.body_name(one)} for one in own],
        "days": lawful.length,
        "act": said.act_name(lawful.act),
        "is_provisional": lawful.is_provisional,
    }
    return render(request, f"{PAGES}/begin.jinja", page, status=409 if problem else 200)


@rule(registrar_of_systems)
@require_safe
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show an application with everything that whoever decides must see."""
    actor = actor_of(visit_of(request))
    row = applications.application(number, actor=actor)
    on = local_date(settings.CLOCK.now())
    is_written_on = row.state in _WRITTEN_ON and actor.holds(PROPOSER, row.owner_id)
    is_close = row.kind == Kind.CLOSE
    lacking = [] if is_close else gaps(row.content, on=on)
    findings = [] if is_close else applications.findings_of(row)
    given = {
        one.role: one.person.name for one in applications.approvals(row) if one.person is not None
    }
    mine = applications.may_approve(row, actor)
    before = (
        reading.description_of(row.system, row.base).content if row.system and row.base else None
    )
    lack_in = {one.section for one in lacking}
    page = {
        "row": row,
        "kind": said.word("kind", row.kind),
        "name": said.here(applications.name_of(row)),
        "owner": said.here(row.owner.names),
        "state": said.tag("application", row.state),
        "left": said.left(row.due if row.state == State.SUBMITTED else None),
        "term": _term_said(row),
        "is_written_on": is_written_on,
        "is_close": is_close,
        "sections": [
            {
                "code": code,
                "label": said.word("section", code),
                "href": reverse("register_section", args=[number, code]),
                "lacks": code in lack_in,
            }
            for code in SECTIONS
        ],
        "gaps": [
            {
                "text": said.word("gap", one.code),
                "href": reverse("register_section", args=[number, one.section]),
            }
            for one in lacking
        ],
        "findings": [
            {
                "key": one.key,
                "field": one.field,
                "owner": said.here(one.holder.owner.names),
                "system": said.here(one.holder.names),
                "href": reverse("register_system", args=[one.holder.owner_id, one.holder.code]),
                "held_as": one.held_as,
                "services": ", ".join(said.here(service.names) for service in one.services),
                "is_hint": one.is_hint,
                "decision": one.decision,
                "decision_said": said.word("decision", one.decision or "none"),
                "reason": one.reason,
            }
            for one in findings
        ],
        "may_send": is_written_on and not lacking and not undecided(findings),
        "roles": [
            {
                "label": one.names.in_language(current_language()),
                "value": said.body_name(one.body),
                "note": t("stateregister.approved_by", name=given[one.role])
                if one.role in given
                else t("stateregister.waits"),
                "is_provisional": one.is_provisional,
            }
            for one in applications.needed(row)
        ],
        "mine": [
            {"value": one.role, "label": one.names.in_language(current_language())} for one in mine
        ],
        "may_withdraw": row.state in {State.DRAFT, State.RETURNED, State.SUBMITTED}
        and actor.holds(PROPOSER, row.owner_id),
        "is_personal": is_personal(row.content, on=on),
        "must_register": must_be_registered(row.content, on=on),
        "described": said.described(row.content),
        "documents": row.content["documents"],
        "changes": [said.difference(one) for one in differences(before, row.content)]
        if before is not None
        else [],
        "steps": said.steps(reading.acts_of(applications.ABOUT, number)),
    }
    return render(request, f"{PAGES}/application.jinja", page)


@rule(registrar_of_systems)
@require_http_methods(["GET", "HEAD", "POST"])
def section(request: HttpRequest, number: str, code: str) -> HttpResponse:
    """Show and save one section; what was typed stays when it cannot be saved."""
    actor = actor_of(visit_of(request))
    row = applications.application(number, actor=actor)
    if code not in SECTIONS:
        raise Invalid("stateregister.content")
    if row.state not in _WRITTEN_ON or not actor.holds(PROPOSER, row.owner_id):
        return HttpResponseRedirect(reverse("register_application", args=[number]))
    content, problem = row.content, ""
    version = row.version
    if request.method == "POST":
        version = as_version(request.POST.get("version"))
        try:
            change = sections.taken(
                code, request, row.content, by=actor.person, at=settings.CLOCK.now()
            )
            content = {**row.content, **change}
            applications.save(number, version=version, change=change, actor=actor)
            return HttpResponseRedirect(_next(request, number, code))
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            problem = fault_of(refusal).sentence(current_language())
            version = row.version
    order = list(SECTIONS)
    language = current_language()
    codes = {
        area: [{"value": key, "label": words.in_language(language)} for key, words in named.items()]
        for area, named in vocabulary().codes.items()
    }
    page = {
        "row": row,
        "version": version,
        "code": code,
        "label": said.word("section", code),
        "step": order.index(code) + 1,
        "steps": len(order),
        "content": content,
        "problem": problem,
        "codes": codes,
        "bodies": bodies() if code in {"general", "exchange"} else [],
        "acts": _acts() if code == "law" else [],
        "bases": [*content["legal_bases"], *[{"act": "", "article": ""}] * 2],
        "rows": sections.rows_of(content),
        "concepts": _concepts(),
        "systems": _systems(row) if code == "exchange" else [],
        "own": any(one["kind"] == "own" for one in content["sources"]),
        "sources": [one.get("system", "") for one in content["sources"]],
        "contact": (content["contacts"] or [{"unit": "", "phone": "", "email": ""}])[0],
        "demands": [{"value": one, "label": said.word("demand", one)} for one in DEMANDS],
        "purposes": _purposes() if code == "services" else [],
        "remove_documents": [
            {
                "value": one["sha256"],
                "label": one["name"],
                "hint": said.code_word("document", one["kind"]),
            }
            for one in content["documents"]
        ],
        "remove_services": [
            {
                "value": one["code"],
                "label": said.here(one["names"]),
                "hint": openapi_form.said_of(one)
                or ", ".join(" ".join(pair) for pair in one["endpoints"][:6]),
            }
            for one in content["services"]
        ],
        "document_services": [
            {"value": one["code"], "label": said.here(one["names"])}
            for one in content["services"]
            if one["code"] != EVENTS
        ],
    }
    return render(request, f"{PAGES}/section.jinja", page, status=409 if problem else 200)


@rule(registrar_of_systems)
@require_POST
def once(request: HttpRequest, number: str) -> HttpResponse:
    """Save what is used of others and what is collected all the same, and why."""
    actor = actor_of(visit_of(request))
    row = applications.application(number, actor=actor)
    answers = [
        {
            "key": one.key,
            "concept": one.concept,
            "holder": one.holder.key,
            "decision": decision,
            "reason": request.POST.get(f"reason:{one.key}", "").strip()[:2000],
        }
        for one in applications.findings_of(row)
        if (decision := request.POST.get(f"decision:{one.key}", "")) in {"use", "justify"}
    ]
    return _done(
        request,
        number,
        lambda: applications.save(
            number,
            version=as_version(request.POST.get("version")),
            change={"ask_once": answers},
            actor=actor,
        ),
    )


@rule(registrar_of_systems)
@require_POST
def submit(request: HttpRequest, number: str) -> HttpResponse:
    """Send it, with why it is asked for."""
    actor, at = actor_of(visit_of(request)), settings.CLOCK.now()
    version = as_version(request.POST.get("version"))
    why = request.POST.get("why", "")

    def send() -> Application:
        row = applications.application(number, actor=actor)
        if row.state in _WRITTEN_ON:
            row = applications.save(number, version=version, change={}, actor=actor, why=why)
        return applications.submit(number, version=row.version, actor=actor, at=at)

    return _done(request, number, send, t("stateregister.sent"))


@rule(registrar_of_systems)
@require_POST
def decide(request: HttpRequest, number: str) -> HttpResponse:
    """Approve, return or refuse in one of the person's roles."""
    decision = request.POST.get("decision", "")
    deciding: dict[str, Callable[..., Application]] = {
        "approve": applications.approve,
        "return": applications.give_back,
        "refuse": applications.refuse,
    }
    if decision not in deciding:
        raise Invalid("stateregister.content")
    return _done(
        request,
        number,
        lambda: deciding[decision](
            number,
            version=as_version(request.POST.get("version")),
            role=request.POST.get("role", ""),
            actor=actor_of(visit_of(request)),
            reason=request.POST.get("reason", ""),
            at=settings.CLOCK.now(),
        ),
        t("stateregister.decided"),
    )


@rule(registrar_of_systems)
@require_POST
def withdraw(request: HttpRequest, number: str) -> HttpResponse:
    """Take an application back."""
    return _done(
        request,
        number,
        lambda: applications.withdraw(
            number,
            version=as_version(request.POST.get("version")),
            actor=actor_of(visit_of(request)),
            at=settings.CLOCK.now(),
        ),
        t("stateregister.withdrawn"),
    )


def _done(
    request: HttpRequest, number: str, step: Callable[[], Any], success: str = ""
) -> HttpResponse:
    """Do a step and go back to the application; a refusal is said there."""
    try:
        step()
        if success:
            messages.success(request, success)
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(reverse("register_application", args=[number]))


def _next(request: HttpRequest, number: str, code: str) -> str:
    order = list(SECTIONS)
    if request.POST.get("stay"):
        return reverse("register_section", args=[number, code])
    if code == order[-1] or request.POST.get("back"):
        return reverse("register_application", args=[number])
    return reverse("register_section", args=[number, order[order.index(code) + 1]])


def _term_said(row: Application) -> str:
    if row.term is None:
        return ""
    said_term = t("stateregister.term", n=row.term["length"], act=said.act_name(row.term["act"]))
    provisional = t("stateregister.provisional") if row.term["provisional"] else ""
    return f"{said_term} {provisional}".strip()


def _acts() -> list[dict[str, str]]:
    return [{"value": key, "label": said.act_name(key)} for key in country().acts]


def _concepts() -> list[dict[str, str]]:
    language = current_language()
    return [
        {"value": one.id, "label": one.names.in_language(language)}
        for one in vocabulary().concepts.values()
    ]


def _systems(row: Application) -> list[dict[str, str]]:
    return [
        {"value": one.key, "label": said.here(one.names)}
        for one in reading.systems()
        if one.key != f"{row.owner_id}/{row.code}" and one.is_active
    ]


def _purposes() -> list[dict[str, str]]:
    language = current_language()
    return [
        {"value": one.code, "label": one.names.in_language(language)}
        for one in country().purposes.values()
    ]
