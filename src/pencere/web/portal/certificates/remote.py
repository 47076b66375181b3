"""Keys that the centre keeps for the person: which there are, and a new one."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import PencereError
from pencere.web.certification import remote
from pencere.web.certification.words import KINDS, when, word
from pencere.web.middleware.errors import fault_of
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

RELOAD_S = 3


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show the person's keys at the centre."""
    visit = visit_of(request)
    page = {
        "keys": [
            {
                "serial": one["serial"],
                "status": word("status", "good" if one["status"] == "valid" else one["status"]),
                "kind": KINDS.get("good" if one["status"] == "valid" else one["status"], ""),
                "blocked": word("pin_state", "blocked") if one["blocked"] else "",
                "until": when(one["validTo"]),
                "pin_page": remote.pin_page(one["credentialID"]),
            }
            for one in remote.credentials(visit)
        ],
        "phone": visit.person.phone,
    }
    return render(request, "portal/certificates/remote.jinja", page)


@rule(signed_in)
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Ask the telephone; a second press asks nothing a second time."""
    visit = visit_of(request)
    if remote.waiting_code(visit) is None:
        back = settings.INSTALLATION.address("portal") + reverse("remote_keys")
        try:
            remote.begin(
                visit, text=t("certification.remote_text"), language=current_language(), back=back
            )
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            messages.warning(request, fault_of(refusal).sentence(current_language()))
            return HttpResponseRedirect(reverse("remote_keys"))
    return HttpResponseRedirect(reverse("remote_key_wait"))


@rule(signed_in)
@require_safe
def wait(request: HttpRequest) -> HttpResponse:
    """Show the code; look how far it is each time the page is opened."""
    visit = visit_of(request)
    address = _advance(request, visit)
    if address is not None:
        return HttpResponseRedirect(address)
    page = {"code": remote.waiting_code(visit), "reload_s": RELOAD_S}
    return render(request, "portal/certificates/remote_wait.jinja", page)


@rule(signed_in)
@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """Tell a waiting page where to go: nowhere yet, or on."""
    return JsonResponse({"address": _advance(request, visit_of(request))})


@rule(signed_in)
@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Stop waiting."""
    remote.forget(visit_of(request))
    return HttpResponseRedirect(reverse("remote_keys"))


def _advance(request: HttpRequest, visit: Visit) -> str | None:
    """Return where to go on; None while the telephone waits."""
    if remote.waiting_code(visit) is None:
        return reverse("remote_keys")
    try:
        address = remote.poll(visit)
    except PencereError as refusal:
        if refusal.status >= 500:
            return None
        remote.forget(visit)
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return reverse("remote_keys")
    if address is not None:
        remote.forget(visit)
    return address
