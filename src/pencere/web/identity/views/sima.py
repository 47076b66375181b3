"""The page that begins a sign-in with SİMA; the wait is that of the telephone's."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import PencereError
from pencere.web.doors import safe_address
from pencere.web.identity import signing_in
from pencere.web.identity.cookies import set_sign_in
from pencere.web.identity.means import Sima
from pencere.web.identity.signing_in import SIMA
from pencere.web.identity.views.ways import already_in, home, sentence, ways
from pencere.web.middleware.errors import fault_of
from pencere.web.rules import public, rule
from pencere.web.texts import current_language


@rule(public)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Say what will be shown; make it ready."""
    if request.method == "POST":
        return _begin(request)
    token = request.COOKIES.get(settings.SIGN_IN_COOKIE)
    before = signing_in.current(token, at=settings.CLOCK.now())
    if before is not None and before.means == SIMA and before.has_failed:
        return _page(request, before.next_address, refusal=sentence(before.outcome))
    if already_in(request):
        return HttpResponseRedirect(home(request.GET.get("next")))
    return _page(request, safe_address(request.GET.get("next")))


def _begin(request: HttpRequest) -> HttpResponse:
    back = safe_address(request.POST.get("next"))
    try:
        token = signing_in.begin_shown(
            means=Sima(),
            next_address=back,
            network_address=request.META.get("REMOTE_ADDR", ""),
            language=current_language(),
            at=settings.CLOCK.now(),
        )
    except PencereError as refusal:
        if refusal.status == 500:
            raise
        fault = fault_of(refusal)
        said = sentence(fault.code, **fault.facts)
        return _page(request, back, refusal=said, status=fault.status)
    signing_in.abandon(request.COOKIES.get(settings.SIGN_IN_COOKIE))
    response = HttpResponseRedirect(reverse("sign_in_wait"))
    set_sign_in(response, token)
    return response


def _page(
    request: HttpRequest, next_address: str, *, refusal: str | None = None, status: int = 200
) -> HttpResponse:
    page = {
        "next_address": next_address,
        "refusal": refusal,
        "ways": ways(request, "sign_in_sima", next_address),
    }
    return render(request, "identity/pages/sign_in_sima.jinja", page, status=status)
