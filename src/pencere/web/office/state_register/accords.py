"""Accords at the desk: drafted, agreed, checked, signed; agreements in force, stopped and ended."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.identifiers import Phone
from pencere.web.country import country
from pencere.web.identity.anchors import anchors, status_source
from pencere.web.middleware.errors import fault_of
from pencere.web.office.number import as_version
from pencere.web.office.state_register import said
from pencere.web.office.state_register.who import reader, registrar_of_systems
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit
from pencere.web.portal.applications.pen import pen
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import accords, reading, signing
from pencere.web.stateregister.domain.accord_terms import checks, fields_offered, holds
from pencere.web.stateregister.domain.exchange_data import DEMANDS
from pencere.web.stateregister.domain.offices import APPROVER, PROPOSER, SIGNATORY, actor_of
from pencere.web.stateregister.models import Accord, AccordState, Service
from pencere.web.texts import current_language, t

PAGES = "office/state_register/pages"
RELOAD_S = 3
_KEPT = "accord_signature"


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
        "signatures": _signatures(row),
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
        "first": said.day_typed(terms["from"]),
        "last": said.day_typed(terms["until"]),
        "pers": [{"value": one, "label": said.word("per", one)} for one in ("day", "month")],
    }
    return render(request, f"{PAGES}/accord_edit.jinja", page, status=409 if problem else 200)


@rule(registrar_of_systems)
@require_POST
def do(request: HttpRequest, number: str) -> HttpResponse:
    """Take one step with an accord."""
    steps: dict[str, Callable[..., Accord]] = {
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

    return _done(request, reverse("register_accord", args=[number]), step)


@rule(registrar_of_systems)
@require_POST
def sign(request: HttpRequest, number: str) -> HttpResponse:
    """Send the document to the officer's telephone; a second press asks nothing a second time."""
    visit = visit_of(request)
    actor = actor_of(visit)
    row = accords.accord(number, actor=actor)
    here = reverse("register_accord", args=[number])
    if _kept(visit, number) is not None:
        return HttpResponseRedirect(reverse("register_accord_wait", args=[number]))
    side = signing.side_of(row, actor)
    if side is None:
        return HttpResponseRedirect(here)

    def begin_signing() -> None:
        phone = visit.person.phone
        asked = pen().ask(
            document=signing.bytes_to_sign(row),
            fin=visit.person.fin,
            phone=None if phone is None else Phone(phone),
            text=t("stateregister.sign_text", number=number),
            language=current_language(),
        )
        state = dict(asked.state)
        # The person of the visit signs; no personal number is kept in clear.
        state["session"] = {k: v for k, v in state["session"].items() if k != "fin"}
        kept = {"accord": number, "side": side, "code": asked.code, "state": state}
        sessions.remember(visit, _KEPT, kept)

    answer = _done(request, here, begin_signing)
    if _kept(visit, number) is None:
        return answer
    return HttpResponseRedirect(reverse("register_accord_wait", args=[number]))


@rule(registrar_of_systems)
@require_safe
def wait(request: HttpRequest, number: str) -> HttpResponse:
    """Show the code; look how far it is each time the page is opened."""
    visit = visit_of(request)
    if _advance(request, visit, number):
        return HttpResponseRedirect(reverse("register_accord", args=[number]))
    kept = _kept(visit, number) or {}
    page = {"number": number, "code": kept.get("code", ""), "reload_s": RELOAD_S}
    return render(request, f"{PAGES}/accord_wait.jinja", page)


@rule(registrar_of_systems)
@require_safe
def state(request: HttpRequest, number: str) -> HttpResponse:
    """Tell a waiting page where to go: nowhere yet, or on."""
    is_over = _advance(request, visit_of(request), number)
    return JsonResponse({"address": reverse("register_accord", args=[number]) if is_over else None})


@rule(registrar_of_systems)
@require_POST
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    """Stop waiting; the accord stays to be signed."""
    sessions.remember(visit_of(request), _KEPT, None)
    return HttpResponseRedirect(reverse("register_accord", args=[number]))


@rule(registrar_of_systems)
@require_safe
def file(request: HttpRequest, number: str, kind: str) -> HttpResponse:
    """Return the document, or the container with the signatures that it has."""
    row = accords.accord(number, actor=actor_of(visit_of(request)))
    if kind == "pdf":
        answer = HttpResponse(signing.bytes_to_sign(row), content_type="application/pdf")
    else:
        answer = HttpResponse(
            signing.container(row), content_type="application/vnd.etsi.asic-s+zip"
        )
    answer["Content-Disposition"] = f'attachment; filename="{row.number}.{kind}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@rule(reader)
@require_safe
def agreement(request: HttpRequest, agreement_id: str) -> HttpResponse:
    """Show an agreement: the right that it gives, and its history."""
    actor = actor_of(visit_of(request))
    row = accords.agreement_for(agreement_id)
    service = Service.objects.filter(system=row.provider, code=row.service_code).first()
    is_signatory = any(actor.holds(SIGNATORY, one.owner_id) for one in (row.consumer, row.provider))
    is_living = row.is_active and row.force != "ended"
    page = {
        "row": row,
        "force": said.tag("force", row.force if row.is_active else "ended"),
        "consumer": said.here(row.consumer.names),
        "provider": said.here(row.provider.names),
        "service": said.here(service.names) if service is not None else row.service_code,
        "rows": rights_said(
            {
                "endpoints": row.endpoints, "purposes": row.purposes, "fields": row.fields,
                "legal_bases": row.legal_bases, "demands": row.demands, "rate": row.rate,
                "quota": row.quota, "represents": row.represents, "consent": row.consent,
                "from": row.first_day.isoformat(), "until": row.last_day.isoformat(),
            }
        ),
        "accord": row.accord.number
        if row.accord is not None and _is_open_to(row.accord, actor)
        else "",
        "is_by_law": row.accord is None,
        "may_guard": is_living and accords.may_guard(row, actor),
        "may_end": is_living and is_signatory,
        "may_amend": is_living and actor.holds(PROPOSER, row.consumer.owner_id),
        "steps": said.steps(reading.acts_of("agreement", row.id)),
    }  # fmt: skip
    return render(request, f"{PAGES}/agreement.jinja", page)


@rule(registrar_of_systems)
@require_POST
def agreement_do(request: HttpRequest, agreement_id: str) -> HttpResponse:
    """Suspend, resume, give notice, or draft an amendment."""
    actor, at = actor_of(visit_of(request)), settings.CLOCK.now()
    name, reason = request.POST.get("step", ""), request.POST.get("reason", "")
    here = reverse("register_agreement", args=[agreement_id])
    if name == "amend":
        row = accords.amend(agreement_id, actor=actor, at=at)
        return HttpResponseRedirect(reverse("register_accord_edit", args=[row.number]))
    steps = {"suspend": accords.suspend, "resume": accords.resume, "terminate": accords.terminate}
    if name not in steps:
        raise Invalid("stateregister.content")
    return _done(
        request, here, lambda: steps[name](agreement_id, actor=actor, reason=reason, at=at)
    )


def terms_said(row: Accord) -> list[dict[str, str]]:
    """Return an accord's terms as rows."""
    service = Service.objects.filter(system=row.provider, code=row.terms["service"]).first()
    name = said.here(service.names) if service is not None else row.terms["service"]
    return [{"label": said.word("term", "service"), "value": name}, *rights_said(row.terms)]


def rights_said(terms: dict[str, Any]) -> list[dict[str, str]]:
    """Return what a right says, as rows."""
    language = current_language()
    purposes = country().purposes
    nothing = t("stateregister.nothing")
    rate, quota = terms["rate"], terms["quota"]
    values = {
        "endpoints": ", ".join(" ".join(one) for one in terms["endpoints"]),
        "purposes": "; ".join(
            purposes[one].names.in_language(language) if one in purposes else one
            for one in terms["purposes"]
        ),
        "legal_bases": "; ".join(said.act_name(one) for one in terms["legal_bases"]),
        "fields": ", ".join(terms["fields"]) or t("stateregister.all_fields"),
        "demands": ", ".join(said.word("demand", one) for one in terms["demands"]),
        "rate": t("stateregister.rate", n=int(rate["per_second"])) if rate else "",
        "quota": f"{quota['count']} / {said.word('per', quota['per'])}" if quota else "",
        "represents": "; ".join(said.body_name(one.partition("/")[2])
                                for one in terms["represents"]),
        "consent": t("stateregister.yes") if terms["consent"] else t("stateregister.no"),
        "from": said.day_of(terms["from"]),
        "until": said.day_of(terms["until"]),
        "persons": str(terms.get("persons") or ""),
        "note": terms.get("note", ""),
    }  # fmt: skip
    return [
        {"label": said.word("term", key), "value": value or nothing}
        for key, value in values.items()
        if value or key not in {"persons", "note"}
    ]


def _terms(request: HttpRequest, row: Accord) -> dict[str, Any]:
    sent = request.POST
    per_second, count = _number(sent.get("per_second")), _number(sent.get("count"))
    represented = [f"GOV/{one}" for one in sent.getlist("represents") if one in country().bodies]
    return {
        "endpoints": [one.split(" ", 1) for one in sent.getlist("endpoints") if " " in one],
        "purposes": sent.getlist("purposes"),
        "legal_bases": sent.getlist("legal_bases"),
        "fields": sent.getlist("fields"),
        "persons": _number(sent.get("persons")),
        "demands": [one for one in sent.getlist("demands") if one in DEMANDS],
        "rate": {"per_second": per_second, "burst": per_second * 2} if per_second else None,
        "quota": {"per": sent.get("per") or "day", "count": count} if count else None,
        "represents": represented or row.terms["represents"],
        "consent": sent.get("consent") == "yes",
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


def _is_open_to(row: Accord, actor: Any) -> bool:
    try:
        accords.accord(row.number, actor=actor)
    except PencereError:
        return False
    return True


def _signatures(row: Accord) -> list[dict[str, str]]:
    if not row.signatures.exists():
        return []
    judged = signing.judge(row, verifier(), at=settings.CLOCK.now())
    return [
        {
            "label": said.word("side", one.side),
            "value": one.name,
            "note": f"{said.instant(one.signed_at)} · "
            + (
                t("stateregister.signature.bad")
                if one.problem
                else t("stateregister.signature.good")
            ),
        }
        for one in judged
    ]


def verifier() -> signing.Verifier:
    """Return how this installation judges signatures of persons."""
    return signing.Verifier(anchors(), status_source())


def _kept(visit: Visit, number: str) -> dict[str, Any] | None:
    kept: dict[str, Any] | None = visit.remembered.get(_KEPT)
    return kept if kept is not None and kept["accord"] == number else None


def _advance(request: HttpRequest, visit: Visit, number: str) -> bool:
    """Look at the telephone; say whether the waiting is over, and how in a notice."""
    kept = _kept(visit, number)
    if kept is None:
        return True
    actor = actor_of(visit)
    row = accords.accord(number, actor=actor)
    saved = kept["state"]
    session = {**saved["session"], "fin": visit.person.fin}
    try:
        cades = pen().poll(document=signing.bytes_to_sign(row), state={**saved, "session": session})
        if cades is None:
            return False
        signing.sign(
            number, side=kept["side"], actor=actor, cades=cades, verifier=verifier(),
            at=settings.CLOCK.now(),
        )  # fmt: skip
    except PencereError as refusal:
        if refusal.status >= 500:
            return False
        sessions.remember(visit, _KEPT, None)
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return True
    sessions.remember(visit, _KEPT, None)
    messages.success(request, t("stateregister.signed"))
    return True


def _done(request: HttpRequest, back: str, step: Callable[[], Any]) -> HttpResponse:
    try:
        step()
        messages.success(request, t("stateregister.done"))
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(back)
