"""What an accountant does: compare, explain, confirm a colleague, close a day, retry a refund."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused, Unavailable
from pencere.web.middleware.errors import fault_of
from pencere.web.office.case.deciding import as_words
from pencere.web.office.money.scope import bodies_of, check_keeper, day_of
from pencere.web.office.money.views import page_of
from pencere.web.office.who import accountant
from pencere.web.payments.domain import days, refunds, resolving
from pencere.web.payments.domain.policy import policy
from pencere.web.payments.models import Difference, Refund
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@rule(accountant)
@require_POST
def compare(request: HttpRequest, day: str) -> HttpResponse:
    """Ask the bank for its statement again."""
    check_keeper(visit_of(request))
    wanted = day_of(day)
    _said(request, lambda: days.reconcile(day=wanted, at=settings.CLOCK.now()), "money.compared")
    return _to(day)


@rule(accountant)
@require_POST
def close(request: HttpRequest, day: str) -> HttpResponse:
    """Close a day; a second press changes nothing."""
    visit, wanted = visit_of(request), day_of(day)
    check_keeper(visit)
    _said(
        request,
        lambda: days.close(day=wanted, officer=visit.person, at=settings.CLOCK.now()),
        "money.day_closed",
    )
    return _to(day)


@rule(accountant)
@require_POST
def resolve(request: HttpRequest, difference_id: int) -> HttpResponse:
    """Say why a difference is there; above the limit a colleague confirms it."""
    visit = visit_of(request)
    check_keeper(visit)
    found = _difference(difference_id)
    words = as_words(request.POST.get(f"words-{found.pk}"))
    how = request.POST.get(f"how-{found.pk}", "")
    try:
        done = resolving.resolve(
            difference_id=found.pk,
            officer=visit.person,
            how=how,
            words=words,
            alone_up_to=policy().explain_alone,
            at=settings.CLOCK.now(),
        )
    except Invalid as refusal:
        typed = {"id": str(found.pk), "words": words, "how": how}
        return page_of(request, found.day, error=_sentence(refusal), typed=typed)
    except Conflict as refusal:
        messages.warning(request, _sentence(refusal))
    else:
        key = "money.explained" if done.explained_at is not None else "money.proposed"
        messages.success(request, t(key))
    return _to(found.day.isoformat())


@rule(accountant)
@require_POST
def answer(request: HttpRequest, difference_id: int) -> HttpResponse:
    """Confirm what a colleague said of a difference, or send it back."""
    visit = visit_of(request)
    check_keeper(visit)
    found, said = _difference(difference_id), request.POST.get("answer", "")
    if said not in {"confirm", "decline"}:
        raise Missing("difference.unknown")
    _said(
        request,
        lambda: resolving.answer(
            difference_id=found.pk,
            officer=visit.person,
            agrees=said == "confirm",
            at=settings.CLOCK.now(),
        ),
        "money.answered",
    )
    return _to(found.day.isoformat())


@rule(accountant)
@require_POST
def retry(request: HttpRequest, refund_id: UUID) -> HttpResponse:
    """Ask the bank again for a refund of one's own body."""
    visit = visit_of(request)
    bodies = bodies_of(visit)
    found = Refund.objects.filter(pk=refund_id).select_related("charge").first()
    if found is None or (bodies is not None and found.charge.beneficiary not in bodies):
        raise Missing("refund.unknown")
    if found.charge.payer_id == visit.person.pk:
        raise Refused("refund.own")
    _said(
        request,
        lambda: refunds.retry(refund_id=refund_id, officer=visit.person, at=settings.CLOCK.now()),
        "money.retried",
    )
    return HttpResponseRedirect(reverse("money"))


def _difference(difference_id: int) -> Difference:
    found = Difference.objects.filter(pk=min(difference_id, 2**62)).first()
    if found is None:
        raise Missing("difference.unknown")
    return found


def _said(request: HttpRequest, act: Callable[[], object], key: str) -> None:
    """Act, and say on the next page what came of it."""
    try:
        act()
    except (Conflict, Refused, Unavailable) as refusal:
        messages.warning(request, _sentence(refusal))
    else:
        messages.success(request, t(key))


def _sentence(refusal: PencereError) -> str:
    return fault_of(refusal).sentence(current_language())


def _to(day: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("money_day", args=[day]))
