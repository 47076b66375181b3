"""One act: what it does, who signed it, and the officer's own signature by telephone."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import PencereError
from pencere.web.certification import approving
from pencere.web.certification.centre import Answer, centre
from pencere.web.identity.sima.qr import qr_svg
from pencere.web.middleware.errors import fault_of
from pencere.web.office.registration.shown import act
from pencere.web.office.who import registrar
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

RELOAD_S = 3
# What the last signature gave, with a code in it, is shown on the next page and nowhere else.
_SHOWN_ONCE = "act_result"
_SECRETS = {"code", "page"}


@rule(registrar)
@require_safe
def show(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Show an act; the code or the page it gave is shown here once."""
    visit = visit_of(request)
    return _page(request, visit, _with_codes(visit, centre().act(act_id)))


@rule(registrar)
@require_POST
def sign(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Send the act to the officer's telephone; a second press asks nothing a second time."""
    visit = visit_of(request)
    if approving.waiting_code(visit, act_id) is None:
        view = centre().act(act_id)
        try:
            approving.begin(
                visit,
                view,
                text=t("office.registration.sign_text", kind=act(view, officer="").line.kind),
                language=current_language(),
            )
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            return _page(request, visit, view, problem=refusal)
    return HttpResponseRedirect(reverse("registration_wait", args=[act_id]))


@rule(registrar)
@require_safe
def wait(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Show the code; look how far it is each time the page is opened."""
    visit = visit_of(request)
    if _advance(request, visit, act_id):
        return HttpResponseRedirect(reverse("registration_act", args=[act_id]))
    page = {
        "act_id": act_id,
        "code": approving.waiting_code(visit, act_id),
        "reload_s": RELOAD_S,
    }
    return render(request, "office/registration/pages/wait.jinja", page)


@rule(registrar)
@require_safe
def state(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Tell a waiting page where to go: nowhere yet, or on."""
    is_over = _advance(request, visit_of(request), act_id)
    address = reverse("registration_act", args=[act_id]) if is_over else None
    return JsonResponse({"address": address})


@rule(registrar)
@require_POST
def cancel(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Stop waiting; the act stays open."""
    approving.forget(visit_of(request))
    return HttpResponseRedirect(reverse("registration_act", args=[act_id]))


@rule(registrar)
@require_POST
def withdraw(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Take one's own open act back."""
    try:
        centre().withdraw(act_id, opened_by=visit_of(request).person.fin)
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(reverse("registration_act", args=[act_id]))


def _advance(request: HttpRequest, visit: Visit, act_id: UUID) -> bool:
    """Look at the telephone; say whether the waiting is over, and how in a notice."""
    if approving.waiting_code(visit, act_id) is None:
        return True
    try:
        view = approving.poll(visit, act_id)
    except PencereError as refusal:
        if refusal.status >= 500:
            return False
        approving.forget(visit)
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return True
    if view is None:
        return False
    approving.forget(visit)
    if _SECRETS & (view.get("result") or {}).keys():
        sessions.remember(visit, _SHOWN_ONCE, {"act": str(act_id), "result": view["result"]})
    messages.success(request, t("office.registration.signed"))
    return True


def _with_codes(visit: Visit, view: Answer) -> Answer:
    kept = visit.remembered.get(_SHOWN_ONCE)
    if kept is None or kept["act"] != view["id"]:
        return view
    sessions.remember(visit, _SHOWN_ONCE, None)
    return {**view, "result": kept["result"]}


def _page(
    request: HttpRequest, visit: Visit, view: Answer, *, problem: PencereError | None = None
) -> HttpResponse:
    result = view.get("result") or {}
    address = result.get("page")
    page = {
        "act": act(view, officer=visit.person.fin),
        "code": result.get("code"),
        "address": address,
        "drawing": qr_svg(address, t("office.registration.page_drawing")) if address else "",
        "phone": visit.person.phone,
        "problem": "" if problem is None else fault_of(problem).sentence(current_language()),
    }
    status = 200 if problem is None else problem.status
    return render(request, "office/registration/pages/act.jinja", page, status=status)
