"""The pages of signing in with a card or token, and the pair of addresses for the extension."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from pencere.kernel.errors import Invalid, PencereError
from pencere.trust import web_eid
from pencere.web.doors import safe_address
from pencere.web.identity import signing_in
from pencere.web.identity.cookies import set_sign_in
from pencere.web.identity.device import device_name
from pencere.web.identity.signing_in import Finished
from pencere.web.identity.views.sign_in import enter
from pencere.web.identity.views.ways import already_in, home, sentence, ways
from pencere.web.identity.web_eid import challenge
from pencere.web.middleware.errors import fault_of
from pencere.web.rules import public, rule
from pencere.web.texts import current_language


@rule(public)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Say what is needed; give a challenge to who goes on without the extension."""
    if already_in(request):
        return HttpResponseRedirect(home(request.GET.get("next")))
    if request.method != "POST":
        return _page(request, safe_address(request.GET.get("next")))
    back = safe_address(request.POST.get("next"))
    try:
        token, _nonce = _begin(request, back)
    except PencereError as refusal:
        return _refused(request, back, refusal)
    response = HttpResponseRedirect(reverse("sign_in_card_token"))
    set_sign_in(response, token)
    return response


@rule(public)
@require_http_methods(["GET", "HEAD", "POST"])
def token(request: HttpRequest) -> HttpResponse:
    """Show the command with the challenge; take what it printed."""
    if request.method == "POST":
        return _take(request)
    return _token_page(request)


@rule(public)
@require_POST
def challenge_json(request: HttpRequest) -> JsonResponse:
    """Give the extension a challenge, bound to this browser."""
    try:
        token, nonce = _begin(request, safe_address(request.POST.get("next")))
    except PencereError as refusal:
        return _refused_json(refusal)
    response = JsonResponse({"nonce": nonce})
    set_sign_in(response, token)
    return response


@rule(public)
@require_POST
def token_json(request: HttpRequest) -> JsonResponse:
    """Take the extension's token; say where to go."""
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > 2 * web_eid.LARGEST_TOKEN:
            raise Invalid("web_eid.token", reason="size")
        finished = _finish(request, web_eid.read(_sent(request.body)))
    except PencereError as refusal:
        return _refused_json(refusal)
    response = JsonResponse({"address": home(finished.next_address)})
    enter(request, response, finished)
    return response


def _begin(request: HttpRequest, back: str) -> tuple[str, str]:
    made = challenge.begin(
        next_address=back,
        network_address=request.META.get("REMOTE_ADDR", ""),
        at=settings.CLOCK.now(),
    )
    signing_in.abandon(_cookie(request))
    return made


def _take(request: HttpRequest) -> HttpResponse:
    typed = request.POST.get("token", "").strip()
    try:
        proof = web_eid.parse(typed)
    except Invalid as refusal:  # a slip of the hand leaves the challenge as it is
        return _token_page(request, typed=typed, error=sentence(refusal.code), status=422)
    try:
        finished = _finish(request, proof)
    except PencereError as refusal:
        return _refused(request, "/", refusal)
    response = HttpResponseRedirect(home(finished.next_address))
    enter(request, response, finished)
    return response


def _finish(request: HttpRequest, proof: web_eid.Token) -> Finished:
    return challenge.finish(
        _cookie(request),
        proof,
        device=device_name(request.headers.get("User-Agent", "")),
        language=current_language(),
        at=settings.CLOCK.now(),
    )


def _sent(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)["token"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid("web_eid.token", reason="json") from error
    if not isinstance(said, dict):
        raise Invalid("web_eid.token", reason="json")
    return said


def _token_page(
    request: HttpRequest, *, typed: str = "", error: str | None = None, status: int = 200
) -> HttpResponse:
    nonce = challenge.nonce_of(_cookie(request), at=settings.CLOCK.now())
    if nonce is None:
        return HttpResponseRedirect(reverse("sign_in_card"))
    page = {
        "command": (
            f"pencere token authenticate --pkcs11 opensc-pkcs11.so"
            f" --origin {challenge.origin()} --nonce {nonce}"
        ),
        "typed": typed,
        "error": error,
    }
    return render(request, "identity/pages/card_token.jinja", page, status=status)


def _refused(request: HttpRequest, back: str, refusal: PencereError) -> HttpResponse:
    if refusal.status == 500:
        raise refusal
    fault = fault_of(refusal)
    said = sentence(fault.code, **fault.facts)
    return _page(request, back, refusal=said, status=fault.status)


def _refused_json(refusal: PencereError) -> JsonResponse:
    if refusal.status == 500:
        raise refusal
    fault = fault_of(refusal)
    said = {"code": fault.code, "message": sentence(fault.code, **fault.facts)}
    return JsonResponse(said, status=fault.status)


def _page(
    request: HttpRequest, next_address: str, *, refusal: str | None = None, status: int = 200
) -> HttpResponse:
    page = {
        "next_address": next_address,
        "home": home(next_address),
        "refusal": refusal,
        "ways": ways(request, "sign_in_card", next_address),
    }
    return render(request, "identity/pages/sign_in_card.jinja", page, status=status)


def _cookie(request: HttpRequest) -> str | None:
    return request.COOKIES.get(settings.SIGN_IN_COOKIE)
