"""Accords at the desk: drafted, agreed, checked."""

from collections.abc import Callable, Iterable
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
from pencere.web.office.state_register import accord_form, said
from pencere.web.office.state_register.accord_signing import signatures_said
from pencere.web.office.state_register.agreements import rights_said
from pencere.web.office.state_register.steps import done
from pencere.web.office.state_register.who import registrar_of_systems
from pencere.web.openregister.domain.words import event_names
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import accords, reading, signing
from pencere.web.stateregister.domain.accord_terms import checks, fields_offered, holds
from pencere.web.stateregister.domain.agreements import OPEN
from pencere.web.stateregister.domain.exchange_data import DEMANDS, SUBSCRIPTION
from pencere.web.stateregister.domain.offices import APPROVER, PROPOSER, actor_of
from pencere.web.stateregister.domain.sides import (
    OF_EVERY_SYSTEM,
    asked,
    asking,
    endpoints_about,
)
from pencere.web.stateregister.models import Accord, AccordState, Service, Signature, System
from pencere.web.texts import current_language, t

PAGES = "office/state_register/pages"
Step = Callable[..., Accord]


@rule(registrar_of_systems)
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """Ask which of the body's systems wants which service."""
    actor = actor_of(visit_of(request))
    own = [one for one in reading.systems() if one.owner_id in actor.bodies(PROPOSER)]
    form = {key: request.POST.get(key, request.GET.get(key, "")) for key in ("consumer", "service")}
    problem = ""
    if request.method == "POST":
        try:
            row = accords.begin(
                wants=_system(form["consumer"]),
                holder=_system(form["service"].rpartition("/")[0]),
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
        "services": _offered(own),
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
    wants, holder = asking(row), asked(row)
    is_asking = row.state == AccordState.DRAFT and actor.holds(PROPOSER, wants.owner_id)
    is_asked = row.state == AccordState.OFFERED and actor.holds(PROPOSER, holder.owner_id)
    is_checking = row.state == AccordState.ACCEPTED and actor.holds(APPROVER)
    fits = holds(row, on=on)
    is_signed = row.signatures.count() == len(Signature.Side.values)
    page = {
        "row": row,
        "state": said.tag("accord", row.state),
        "consumer": said.here(wants.names),
        "consumer_body": said.here(wants.owner.names),
        "provider": said.here(holder.names),
        "provider_body": said.here(holder.owner.names),
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
        "may_withdraw": row.state in OPEN
        and not is_signed
        and actor.holds(PROPOSER, wants.owner_id),
        "begins": said.day_of(row.terms["from"]) if is_signed and row.state in OPEN else "",
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
    terms, typed, problems = row.terms, accord_form.typed(row.terms), {}
    if request.method == "POST":
        sent = accord_form.read(request.POST, row.terms)
        terms, typed, problems = row.terms | sent.terms, sent.typed, sent.problems
        if not problems:
            try:
                accords.save(
                    number,
                    version=as_version(request.POST.get("version")),
                    terms=sent.terms,
                    actor=actor,
                    at=settings.CLOCK.now(),
                )
                return HttpResponseRedirect(reverse("register_accord", args=[number]))
            except PencereError as refusal:
                if refusal.status >= 500:
                    raise
                problems = {"": fault_of(refusal).sentence(current_language())}
    language = current_language()
    holder, service = asked(row), terms["service"]
    is_subscription = service == SUBSCRIPTION
    page = {
        "row": row,
        "terms": terms,
        "typed": typed,
        "problems": problems,
        "summary": [{"text": text, "name": name} for name, text in problems.items()],
        "is_subscription": is_subscription,
        "consumer": said.here(asking(row).names),
        "provider": said.here(holder.names),
        "service": said.service_name(holder, service),
        "endpoints": [
            {
                "value": " ".join(one),
                "label": event_names(one[1].removeprefix("/")).in_language(language)
                if is_subscription
                else " ".join(one),
            }
            for one in endpoints_about(holder, service)
        ],
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
        "bases_besides": accord_form.bases_besides(terms),
        "field_groups": accord_form.field_groups(fields_offered(holder, service), terms["fields"]),
        "demands": [{"value": one, "label": said.word("demand", one)} for one in DEMANDS],
        "bodies": [{"value": key, "label": said.body_name(key)} for key in country().bodies],
        "represented": [one.partition("/")[2] for one in terms["represents"]],
        "hidden_by": terms["suppress"]["bases"] if terms.get("suppress") else [],
        "pers": [{"value": one, "label": said.word("per", one)} for one in ("day", "month")],
    }
    return render(request, f"{PAGES}/accord_edit.jinja", page, status=409 if problems else 200)


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
    name = said.service_name(asked(row), row.terms["service"])
    return [
        {"label": said.word("term", "service"), "value": name},
        *rights_said(row.terms, holder=asked(row), is_text=True),
    ]


def _offered(own: Iterable[System]) -> list[dict[str, str]]:
    """Return what the body may ask for: services of systems, and what is asked of any system."""
    mine = {one.pk for one in own}
    services = Service.objects.filter(is_active=True, system__is_active=True).select_related(
        "system__owner"
    )
    found, systems = [], {}
    for one in services.order_by("system__owner_id", "system__code", "code"):
        if {one.system_id} != mine:
            systems[one.system.key] = one.system
            found.append((one.system, one.code))
    found += [(one, code) for one in systems.values() for code in OF_EVERY_SYSTEM]
    return [
        {
            "value": f"{system.key}/{code}",
            "label": f"{said.here(system.names)}: {said.service_name(system, code)}",
        }
        for system, code in sorted(found, key=lambda one: one[0].key)
    ]


def _system(key: str) -> System:
    body, _, code = key.partition("/")
    return reading.system(body, code)
