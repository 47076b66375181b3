"""Paying: to the bank's page and back. The bank's word is waited for, never guessed."""

from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from pencere.kernel.errors import Conflict, PencereError
from pencere.kernel.text import LANGUAGES
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.submission import fee_of, must_pay, subject_of
from pencere.web.cases.models import Draft
from pencere.web.payments.domain import charges, refunds
from pencere.web.payments.models import Charge
from pencere.web.payments.models.charge import OPEN, State
from pencere.web.portal.applications.opening import now, open_writing, with_draft
from pencere.web.rules import party, rule
from pencere.web.texts import current_language, texts

RELOAD_S = 4


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
@with_draft
def pay(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Lead to the bank, or say how far the payment is.

    Opened without a charge, or with `again`, a charge is made and the person sent to the bank.
    """
    charge = charges.current_charge(subject_of(draft))
    if charge is not None and charge.state == State.STARTED and request.method != "POST":
        _ask(charge)  # another sum than asked makes it count no more
        charge = charges.current_charge(subject_of(draft))
    if charge is not None and charge.state == State.PAID:
        return _paid(charge, draft)
    if charge is None and request.method != "POST" and charges.goes_back(subject_of(draft)):
        page: dict[str, object] = {
            "draft": draft,
            "charge": None,
            "is_waiting": False,
            "reload_s": RELOAD_S,
        }
        return render(request, "portal/applications/pay.jinja", page)
    if request.method == "POST" or charge is None or charge.state == State.CREATED:
        return _to_bank(draft)
    page = {
        "draft": draft,
        "charge": charge,
        "is_waiting": charge.state in OPEN,
        "reload_s": RELOAD_S,
    }
    return render(request, "portal/applications/pay.jinja", page)


@rule(party)
@require_safe
@with_draft
def state(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Tell a waiting page where to go: nowhere yet, or on."""
    charge = charges.current_charge(subject_of(draft))
    waits = charge is not None and charge.state in OPEN
    return JsonResponse({"address": None if waits else reverse("application_pay", args=[draft.id])})


def _paid(charge: Charge, draft: Draft) -> HttpResponse:
    """Lead on; where the fee has risen since, give back what was paid and ask for the new fee."""
    writing = open_writing(draft)
    if charge.amount >= fee_of(writing, at=now()).amount:
        return HttpResponseRedirect(_after(draft))
    refunds.give_back_now(charge=charge, key=f"fee-rose:{charge.id}", reason="fee-rose", at=now())
    return _to_bank(draft)


def _to_bank(draft: Draft) -> HttpResponse:
    writing = open_writing(draft)
    fee = fee_of(writing, at=now())
    if writing.next_question is not None or not must_pay(writing.definition, fee):
        return HttpResponseRedirect(reverse("application", args=[draft.id]))
    try:
        charge = charges.request_charge(
            payer=draft.person,
            subject=subject_of(draft),
            beneficiary=writing.definition.authority,
            amount=fee.amount,
            description=_description(writing),
            basis=fee.trace.to_mapping() if fee.trace is not None else {},
            at=now(),
        )
        address = charges.start(
            charge_id=charge.id,
            language=current_language(),
            return_url=_absolute(reverse("application_pay", args=[draft.id])),
            callback_url=_absolute(reverse("payment_callback", args=[charge.provider])),
            at=now(),
        )
    except Conflict:  # paid meanwhile, in another tab
        return HttpResponseRedirect(reverse("application_pay", args=[draft.id]))
    return HttpResponseRedirect(address)


def _ask(charge: Charge) -> None:
    """Ask the bank once, for when its callback has not come; its silence changes nothing."""
    with suppress(PencereError):
        charges.poll(charge_id=charge.id, at=now())


def _after(draft: Draft) -> str:
    return reverse("application_sign", args=[draft.id])


def _absolute(path: str) -> str:
    return f"{settings.INSTALLATION.address('portal')}{path}"


def _description(writing: Writing) -> dict[str, str]:
    known = texts()
    return {
        language: known.say(
            "application.pay_description",
            language,
            service=writing.definition.names.in_language(language),
            number=writing.draft.number,
        )
        for language in LANGUAGES
    }
