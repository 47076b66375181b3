"""The pages of signing in: the telephone, and the wait for it or for SİMA.

They work without a script: the wait reloads.
"""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.errors import PencereError
from pencere.trust import sima
from pencere.web.doors import safe_address
from pencere.web.identity import signing_in
from pencere.web.identity.cookies import forget_sign_in, set_session, set_sign_in
from pencere.web.identity.device import device_name
from pencere.web.identity.forms import SignInForm
from pencere.web.identity.means import poller_of
from pencere.web.identity.signing_in import PHONE, SIMA, Finished, Progress
from pencere.web.identity.sima.qr import qr_svg
from pencere.web.identity.telephone import in_groups, telephone
from pencere.web.identity.views.ways import already_in, home, sentence, ways
from pencere.web.middleware.errors import fault_of
from pencere.web.people.domain import accounts, sessions
from pencere.web.rules import public, rule
from pencere.web.texts import current_language, t

# Seconds between two looks of a page without a script.
RELOAD_S = 3

# Where a sign-in that has ended is begun again.
_PAGES = {PHONE: "sign_in", SIMA: "sign_in_sima"}


@rule(public)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Ask who and on which telephone; send the request there."""
    if request.method == "POST":
        return _begin(request)
    before = signing_in.current(_cookie(request), at=settings.CLOCK.now())
    if before is not None and before.means == PHONE and before.has_failed:
        form = SignInForm.of(before.fin, before.phone, before.next_address)
        return _page(request, form, refusal=sentence(before.outcome))
    if already_in(request):
        return HttpResponseRedirect(home(request.GET.get("next")))
    return _page(request, SignInForm.empty(safe_address(request.GET.get("next"))))


def _begin(request: HttpRequest) -> HttpResponse:
    form = SignInForm.read(request.POST)
    if form.clean is None:
        return _page(request, form, status=422)
    try:
        token = signing_in.begin(
            telephone=telephone(),
            fin=form.clean.fin,
            phone=form.clean.phone,
            next_address=form.next_address,
            network_address=request.META.get("REMOTE_ADDR", ""),
            language=current_language(),
            at=settings.CLOCK.now(),
        )
    except PencereError as refusal:
        if refusal.status == 500:
            raise
        fault = fault_of(refusal)
        said = sentence(fault.code, **fault.facts)
        return _page(request, form, refusal=said, status=fault.status)
    signing_in.abandon(_cookie(request))
    response = HttpResponseRedirect(reverse("sign_in_wait"))
    set_sign_in(response, token)
    return response


@rule(public)
@require_safe
def wait(request: HttpRequest) -> HttpResponse:
    """Show the code to compare, and look how far it is each time the page is opened."""
    token = _cookie(request)
    now = settings.CLOCK.now()
    progress = signing_in.advance(poller_of, token, at=now)
    if progress is None or token is None:
        messages.warning(request, t("sign_in.ended_by_time"))
        return HttpResponseRedirect(reverse("sign_in"))
    if progress.is_signed:
        return _finish(request, token)
    if not progress.is_waiting:
        return HttpResponseRedirect(reverse(_PAGES[progress.means]))
    page = {"progress": progress, "reload_s": RELOAD_S}
    if progress.means == SIMA:
        page |= {
            "code": progress.verification_code,
            "address": progress.address,
            "qr": qr_svg(progress.address, t("sign_in.sima_qr")),
            "link": sima.link(settings.SIMA_SCHEME, progress.address),
        }
        return render(request, "identity/pages/wait_sima.jinja", page)
    page["phone"] = in_groups(progress.phone)
    return render(request, "identity/pages/wait.jinja", page)


@rule(public)
@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """Tell a waiting page where to go: nowhere yet, or on."""
    progress = signing_in.advance(poller_of, _cookie(request), at=settings.CLOCK.now())
    return JsonResponse({"address": _where_next(progress)})


def _where_next(progress: Progress | None) -> str | None:
    if progress is not None and progress.is_waiting:
        return None
    if progress is not None and progress.is_signed:
        return reverse("sign_in_wait")
    return reverse(_PAGES[progress.means] if progress is not None else "sign_in")


@rule(public)
@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Stop waiting; the page of the sign-in has what was typed."""
    token = _cookie(request)
    before = signing_in.current(token, at=settings.CLOCK.now())
    signing_in.cancel(token)
    return HttpResponseRedirect(reverse(_PAGES[PHONE if before is None else before.means]))


def _finish(request: HttpRequest, token: str) -> HttpResponse:
    finished = signing_in.finish(
        token,
        device=device_name(request.headers.get("User-Agent", "")),
        language=current_language(),
        at=settings.CLOCK.now(),
    )
    if finished is None:
        return HttpResponseRedirect(reverse("sign_in"))
    response = HttpResponseRedirect(home(finished.next_address))
    enter(request, response, finished)
    return response


def enter(request: HttpRequest, response: HttpResponse, finished: Finished) -> None:
    """Give the browser its new session, in place of one it may have had."""
    accounts.speak(finished.person, current_language())
    before = getattr(request, "visit", None)
    if before is not None:
        sessions.end(before.person, before.session_id, at=settings.CLOCK.now())
    set_session(response, finished.session_token)
    forget_sign_in(response)


def _page(
    request: HttpRequest, form: SignInForm, *, refusal: str | None = None, status: int = 200
) -> HttpResponse:
    page = {"form": form, "refusal": refusal, "ways": ways(request, "sign_in", form.next_address)}
    return render(request, "identity/pages/sign_in.jinja", page, status=status)


def _cookie(request: HttpRequest) -> str | None:
    return request.COOKIES.get(settings.SIGN_IN_COOKIE)
