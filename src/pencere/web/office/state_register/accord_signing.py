"""Signing an accord by telephone; its document and the container with the signatures."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import PencereError
from pencere.kernel.identifiers import Phone
from pencere.web.identity.anchors import anchors, status_source
from pencere.web.middleware.errors import fault_of
from pencere.web.office.state_register import said
from pencere.web.office.state_register.steps import done
from pencere.web.office.state_register.who import registrar_of_systems
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit
from pencere.web.portal.applications.pen import pen
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import accords, signing
from pencere.web.stateregister.domain.offices import actor_of
from pencere.web.stateregister.models import Accord
from pencere.web.texts import current_language, t

PAGES = "office/state_register/pages"
RELOAD_S = 3
_KEPT = "accord_signature"


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

    answer = done(request, here, begin_signing)
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


def verifier() -> signing.Verifier:
    """Return how this installation judges signatures of persons."""
    return signing.Verifier(anchors(), status_source())


def signatures_said(row: Accord) -> list[dict[str, str]]:
    """Return the kept signatures as they are judged now, as rows."""
    if not row.signatures.exists():
        return []
    judged = signing.judge(row, verifier(), at=settings.CLOCK.now())
    return [
        {
            "label": said.side_name(row, one.side),
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
