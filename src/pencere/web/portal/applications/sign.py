"""Signing by telephone or with SİMA: what is signed, the code to compare, the wait."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.errors import Conflict, PencereError, Refused
from pencere.kernel.identifiers import Phone
from pencere.services.model.definition import SignatureLevel
from pencere.trust import sima
from pencere.web.cases.domain import signing
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.signing import Pen, Progress
from pencere.web.cases.domain.submission import check_complete
from pencere.web.cases.models import Draft
from pencere.web.exchange import gateway
from pencere.web.identity.sima.qr import qr_svg
from pencere.web.portal.applications.opening import now, open_writing, with_draft
from pencere.web.portal.applications.pen import SimaPen, pen
from pencere.web.rules import party, rule
from pencere.web.texts import current_language, t, texts

RELOAD_S = 3


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
@with_draft
def sign(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Show what is signed and where the request goes; send it."""
    writing = open_writing(draft)
    away = _not_yet(writing)
    if away is not None:
        return HttpResponseRedirect(away)
    before = signing.current(draft)
    if before is not None and before.is_waiting:  # a second press asks nothing a second time
        return HttpResponseRedirect(reverse("application_sign_wait", args=[draft.id]))
    if request.method == "POST":
        return _begin(request, writing)
    return _page(request, writing, problem=before.problem if before is not None else "")


@rule(party)
@require_safe
@with_draft
def wait(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Show the code; look how far it is each time the page is opened."""
    progress = _advance(draft)
    if progress is None or progress.problem:
        return HttpResponseRedirect(reverse("application_sign", args=[draft.id]))
    if progress.case is not None:
        return HttpResponseRedirect(_received(progress.case.number))
    page = {"draft": draft, "progress": progress, "reload_s": RELOAD_S}
    if progress.means == SimaPen.name:
        page |= {
            "code": progress.code,
            "address": progress.address,
            "qr": qr_svg(progress.address, t("sign_in.sima_qr")),
            "link": sima.link(settings.SIMA_SCHEME, progress.address),
        }
        return render(request, "portal/applications/sign_wait_sima.jinja", page)
    return render(request, "portal/applications/sign_wait.jinja", page)


@rule(party)
@require_safe
@with_draft
def state(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Tell a waiting page where to go: nowhere yet, or on."""
    progress = _advance(draft)
    if progress is not None and progress.is_waiting:
        return JsonResponse({"address": None})
    if progress is not None and progress.case is not None:
        return JsonResponse({"address": _received(progress.case.number)})
    return JsonResponse({"address": reverse("application_sign", args=[draft.id])})


@rule(party)
@require_POST
@with_draft
def cancel(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Stop waiting; the application and its payment stay."""
    signing.abandon(draft)
    return HttpResponseRedirect(reverse("application_sign", args=[draft.id]))


def _advance(draft: Draft) -> Progress | None:
    """Ask the pen that the signature was begun with."""
    begun = signing.current(draft)
    chosen = _pen(draft, "" if begun is None else begun.means)
    return signing.advance(draft=draft, pen=chosen, gateway=gateway(), at=now())


def _pen(draft: Draft, name: str) -> Pen:
    """Return the pen of that name; the telephone for one that nobody knows."""
    if name == SimaPen.name:
        return SimaPen(reverse("application_sign_wait", args=[draft.id]))
    return pen()


def _begin(request: HttpRequest, writing: Writing) -> HttpResponse:
    draft = writing.draft
    phone = draft.writer.phone
    try:
        signing.begin(
            writing=writing,
            pen=_pen(draft, request.POST.get("means", "")),
            phone=None if phone is None else Phone(phone),
            text=t("application.sign_text", number=draft.number),
            language=current_language(),
            at=now(),
        )
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        return _page(request, writing, problem=refusal.code, status=refusal.status)
    return HttpResponseRedirect(reverse("application_sign_wait", args=[draft.id]))


def _not_yet(writing: Writing) -> str | None:
    """Return where to go when the application is not ready to be signed."""
    if writing.definition.signature is SignatureLevel.NONE:
        return reverse("application_check", args=[writing.draft.id])
    try:
        check_complete(writing=writing, at=now())
    except Refused:
        return reverse("application_pay", args=[writing.draft.id])
    except Conflict:
        return reverse("application", args=[writing.draft.id])
    return None


def _page(
    request: HttpRequest, writing: Writing, *, problem: str, status: int = 200
) -> HttpResponse:
    page = {
        "draft": writing.draft,
        "definition": writing.definition,
        "phone": writing.draft.writer.phone or "",
        "problem": problem,
        "problem_said": _sentence(problem) if problem else "",
    }
    return render(request, "portal/applications/sign.jinja", page, status=status)


def _sentence(code: str) -> str:
    """Say why a signature ended; a reason without a sentence of its own gets the general one."""
    key = f"sign_outcome.{code.replace('.', '_')}"
    return t(key) if key in texts() else t("application.sign_failed_lead")


def _received(number: str) -> str:
    return reverse("case", args=[number]) + "?received=1"
