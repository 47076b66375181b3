"""What the person paid, with a receipt to print."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Missing
from pencere.web.country import country
from pencere.web.payments.models import Charge
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

KINDS = {"paid": "good", "refunded": "good", "failed": "bad", "cancelled": "", "expired": ""}


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List payments, newest first."""
    found = Charge.objects.filter(payer=visit_of(request).person).order_by("-created_at")
    page = {"charges": [_shown(charge) for charge in found[:200]]}
    return render(request, "portal/window/payments.jinja", page)


@rule(signed_in)
@require_safe
def receipt(request: HttpRequest, charge_id: UUID) -> HttpResponse:
    """Show the receipt of one payment."""
    charge = Charge.objects.filter(pk=charge_id, payer=visit_of(request).person).first()
    if charge is None:
        raise Missing("charge.unknown")
    return render(request, "portal/window/payment.jinja", {"charge": _shown(charge)})


def _shown(charge: Charge) -> dict[str, object]:
    language = current_language()
    return {
        "id": charge.id,
        "sum": charge.amount,
        "what": charge.description[language],
        "when": format_instant(charge.settled_at or charge.created_at, language),
        "state": t(f"payments.states.{charge.state}"),
        "kind": KINDS.get(charge.state, "warn"),
        "to": country().body(charge.beneficiary).names.in_language(language),
        "reference": charge.provider_reference,
    }
