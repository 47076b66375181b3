"""Accords at the desk: drafted, agreed, checked."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, PencereError
from pencere.web.country import country
from pencere.web.middleware.errors import fault_of
from pencere.web.office.number import as_version
from pencere.web.office.state_register import said
from pencere.web.office.state_register.accord_signing import signatures_said
from pencere.web.office.state_register.agreements import rights_said
from pencere.web.office.state_register.steps import done
from pencere.web.office.state_register.who import registrar_of_systems
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import accords, reading, signing
from pencere.web.stateregister.domain.accord_terms import checks, fields_offered, holds
from pencere.web.stateregister.domain.exchange_data import DEMANDS
from pencere.web.stateregister.domain.offices import APPROVER, PROPOSER, actor_of
from pencere.web.stateregister.models import Accord, AccordState, Service
from pencere.web.texts import current_language, t

PAGES = "office/state_register/pages"
Step = Callable[..., Accord]


@rule(registrar_of_systems)
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """Ask which of the body's systems wants which service."""
    actor = actor_of(visit_of(request))
    own = [one for one in reading.systems() if one.owner_id in actor.bodies(PROPOSER)]
    offered = Service.objects.filter(is_active=True, system__is_active=True).select_related(
        "system__owner"
    )
    form = {key: request.POST.get(key, request.GET.get(key, "")) for key in ("consumer", "service")}
    problem = ""
    if request.method == "POST":
        try:
            row = accords.begin(
                consumer=_system(form["consumer"]),
                provider=_system(form["service"].rpartition("/")[0]),
                service=form["service"].rpartition("/")[2],
                actor=actor,
                at=settings.CLOCK.now(),
            )
            return HttpResponseRedirect(reverse("register_accord_edit", args=[row.number]))
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            problem = fault_of(refusal).sentence(current_language())
    page = {
        "form": form,
        "summary": [{"text": problem, "name": "consumer"}] if problem else [],
        "problem": problem,
        "systems": [
            {"value": one.key, "label": said.here(one.names)}
            for one in own
            if one.stage != "closed"
        ],
        "services": [
            {
                "value": f"{one.system.key}/{one.code}",
                "label": f"{said.here(one.system.names)}: {said.here(one.names)}",
            }
            for one in offered.order_by("system__owner_id", "code")
        ],
    }
    return render(request, f"{PAGES}/accord_begin.jinja", page, status=409 if problem else 200)


@rule(registrar_of_systems)
@require_safe
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show an accord: its terms, the register's checks, signatures, what one may do."""
    visit = visit_of(request)
    actor = actor_of(visit)
    row = accords.accord(number, actor=actor)
    on = local_date(settings.CLOCK.now())
    consumer, provider = row.consumer.owner_id, row.provider.owner_id
    is_asking = row.state == AccordState.DRAFT and actor.holds(PROPOSER, consumer)
    is_asked = row.state == AccordState.OFFERED and actor.holds(PROPOSER, provider)
    is_checking = row.state == AccordState.ACCEPTED and actor.holds(APPROVER)
    fits = holds(row, on=on)
    page = {
        "row": row,
        "state": said.tag("accord", row.state),
        "consumer": said.here(row.consumer.names),
        "consumer_body": said.here(row.consumer.owner.names),
        "provider": said.here(row.provider.names),
        "provider_body": said.here(row.provider.owner.names),
        "terms": terms_said(row),
        "checks": [
            {
                "label": said.word("check", one.code),
                "value": t("stateregister.check.holds")
                if one.holds
                else t("stateregister.check.fails"),
                "note": "" if one.holds else one.detail,
                "kind": "good" if one.holds else "bad" if one.is_hard else "warn",
            }
            for one in checks(row, on=on)
        ],
        "may_edit": is_asking or is_asked,
        "may_offer": is_asking and fits,
        "may_accept": is_asked and fits,
        "may_return": is_asked or is_checking,
        "may_clear": is_checking and fits,
        "may_withdraw": row.state in accords.OPEN and actor.holds(PROPOSER, consumer),
        "side": signing.side_of(row, actor),
        "phone": visit.person.phone,
        "signatures": signatures_said(row),
        "has_document": row.document_sha256 is not None,
        "steps": said.steps(reading.acts_of(accords.ABOUT, number)),
    }
    return render(request, f"{PAGES}/accord.jinja", page)


@rule(registrar_of_systems)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, number: str) -> HttpResponse:
    """Write the terms, as the body that has the text now."""
    actor = actor_of(visit_of(request))
    row = accords.accord(number, actor=actor)
    terms, problem = row.terms, ""
    if request.method == "POST":
        terms = {**row.terms, **_terms(request, row)}
        try:
            accords.save(
                number,
                version=as_version(request.POST.get("version")),
                terms=_terms(request, row),
                actor=actor,
                at=settings.CLOCK.now(),
            )
            return HttpResponseRedirect(reverse("register_accord", args=[number]))
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            problem = fault_of(refusal).sentence(current_language())
    language = current_language()
    service = Service.objects.filter(system=row.provider, code=terms["service"]).first()
    offered = service.endpoints if service is not None else []
    page = {
        "row": row,
        "terms": terms,
        "problem": problem,
        "consumer": said.here(row.consumer.names),
        "provider": said.here(row.provider.names),
        "service": said.here(service.names) if service is not None else terms["service"],
        "endpoints": [{"value": " ".join(one), "label": " ".join(one)} for one in offered],
        "chosen_endpoints": [" ".join(one) for one in terms["endpoints"]],
        "purposes": [
            {
                "value": one.code,
                "label": one.names.in_language(language),
                "hint": said.act_name(one.basis),
            }
            for one in country().purposes.values()
        ],
        "acts": [{"value": key, "label": said.act_name(key)} for key in country().acts],
        "fields": [
            {"value": code, "label": said.here(names), "hint": an_object}
            for code, (names, an_object) in fields_offered(row.provider, terms["service"]).items()
        ],
        "demands": [{"value": one, "label": said.word("demand", one)} for one in DEMANDS],
        "bodies": [{"value": key, "label": said.body_name(key)} for key in country().bodies],
        "represented": [one.partition("/")[2] for one in terms["represents"]],
        "suppress": terms.get("suppress") or {"bases": [], "days": ""},
        "first": said.day_typed(terms["from"]),
        "last": said.day_typed(terms["until"]),
        "pers": [{"value": one, "label": said.word("per", one)} for one in ("day", "month")],
    }
    return render(request, f"{PAGES}/accord_edit.jinja", page, status=409 if problem else 200)


@rule(registrar_of_systems)
@require_POST
def do(request: HttpRequest, number: str) -> HttpResponse:
    """Take one step with an accord."""
    steps: dict[str, Step] = {
        "offer": accords.offer, "accept": accords.accept, "clear": accords.clear,
        "withdraw": accords.withdraw, "return": accords.give_back, "refuse": accords.refuse,
    }  # fmt: skip
    name = request.POST.get("step", "")
    if name not in steps:
        raise Invalid("stateregister.content")
    facts: dict[str, Any] = {"reason": request.POST.get("reason", "")} if name in {
        "return", "refuse",
    } else {}  # fmt: skip

    def step() -> None:
        steps[name](
            number,
            version=as_version(request.POST.get("version")),
            actor=actor_of(visit_of(request)),
            at=settings.CLOCK.now(),
            **facts,
        )

    return done(request, reverse("register_accord", args=[number]), step)


def terms_said(row: Accord) -> list[dict[str, str]]:
    """Return an accord's terms as rows."""
    service = Service.objects.filter(system=row.provider, code=row.terms["service"]).first()
    name = said.here(service.names) if service is not None else row.terms["service"]
    return [{"label": said.word("term", "service"), "value": name}, *rights_said(row.terms)]


def _terms(request: HttpRequest, row: Accord) -> dict[str, Any]:
    sent = request.POST
    per_second, count = _number(sent.get("per_second")), _number(sent.get("count"))
    represented = [f"GOV/{one}" for one in sent.getlist("represents") if one in country().bodies]
    hidden_by = [one for one in sent.getlist("suppress_bases") if one in country().acts]
    return {
        "endpoints": [one.split(" ", 1) for one in sent.getlist("endpoints") if " " in one],
        "purposes": sent.getlist("purposes"),
        "legal_bases": sent.getlist("legal_bases"),
        "fields": sent.getlist("fields"),
        "persons": _number(sent.get("persons")),
        "demands": [one for one in sent.getlist("demands") if one in DEMANDS],
        "rate": {"per_second": per_second, "burst": per_second * 2} if per_second else None,
        "quota": {"per": sent.get("per") or "day", "count": count} if count else None,
        "represents": represented,
        "consent": sent.get("consent") == "yes",
        "suppress": {"bases": hidden_by, "days": _number(sent.get("suppress_days"))}
        if hidden_by
        else None,
        "from": said.day_read(sent.get("from", "")),
        "until": said.day_read(sent.get("until", "")),
        "note": sent.get("note", "").strip()[:1000],
    }


def _number(value: str | None) -> int:
    given = (value or "").replace(" ", "").replace("\u00a0", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 9 else 0


def _system(key: str) -> Any:
    body, _, code = key.partition("/")
    return reading.system(body, code)
