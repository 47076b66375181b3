"""One's own certificates. What is done here, the person's window and the log both tell."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.errors import Invalid, PencereError
from pencere.web.certification import watching
from pencere.web.certification.centre import centre
from pencere.web.certification.words import certificates, word
from pencere.web.middleware.errors import fault_of
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

REASONS = ("keyCompromise", "superseded", "cessationOfOperation", "unspecified")
ACTS = ("suspend", "revoke")


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show every certificate in the person's name, with its history."""
    visit = visit_of(request)
    page = {
        "certificates": certificates(centre().certificates(visit.person.fin)),
        "handle": centre().handle(visit.person.fin),
        "is_watching": watching.is_watching(visit.person),
    }
    return render(request, "portal/certificates/listed.jinja", page)


@rule(signed_in)
@require_http_methods(["POST"])
def end(request: HttpRequest) -> HttpResponse:
    """Say what suspending or revoking means; do it when it was confirmed."""
    visit, act = visit_of(request), request.POST.get("act", "")
    serials = sorted(set(request.POST.getlist("serials")))
    if act not in ACTS or len(serials) > 20:
        raise Invalid("request.field", field="act")
    if not serials:
        messages.warning(request, t("certification.choose_one"))
        return HttpResponseRedirect(reverse("certificates"))
    if request.POST.get("confirmed") != "yes":
        return _confirm(request, visit, act, serials)
    asked = _act(request, visit, act, serials)
    try:
        view = centre().own(asked)
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    else:
        is_pending = (view.get("result") or {}).get("pending") == "revoke"
        done = (
            "suspended_pending" if is_pending else ("revoked" if act == "revoke" else "suspended")
        )
        messages.success(request, t(f"certification.done.{done}"))
    return HttpResponseRedirect(reverse("certificates"))


@rule(signed_in)
@require_POST
def watch(request: HttpRequest) -> HttpResponse:
    """Begin or stop telling the person of what is certified in their name."""
    visit = visit_of(request)
    if request.POST.get("watch") == "yes":
        watching.begin(visit.person, at=settings.CLOCK.now())
        messages.success(request, t("certification.watch_begun"))
    else:
        watching.end(visit.person)
        messages.success(request, t("certification.watch_ended"))
    return HttpResponseRedirect(reverse("certificates"))


def _act(request: HttpRequest, visit: Visit, act: str, serials: list[str]) -> dict[str, object]:
    try:
        identifier = str(uuid.UUID(request.POST.get("id", "")))
    except ValueError as error:
        raise Invalid("request.field", field="id") from error
    asked: dict[str, object] = {
        "id": identifier,
        "holder": visit.person.fin,
        "serials": serials,
        "act": act,
        "assurance": visit.assurance,
    }
    reason = request.POST.get("reason", "")
    if act == "revoke" and reason in REASONS:
        asked["reason"] = reason
    return asked


def _confirm(request: HttpRequest, visit: Visit, act: str, serials: list[str]) -> HttpResponse:
    known = {one.serial: one for one in certificates(centre().certificates(visit.person.fin))}
    chosen = [known[serial] for serial in serials if serial in known]
    page = {
        "act": act,
        "chosen": chosen,
        "reasons": [{"value": one, "label": word("reason", one)} for one in REASONS],
        "id": str(uuid.uuid4()),
    }
    return render(request, "portal/certificates/confirm.jinja", page)
