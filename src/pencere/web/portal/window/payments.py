"""What the person paid, with a receipt to print."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Missing
from pencere.web.cases.domain.submission import SUBJECT
from pencere.web.cases.models import Draft
from pencere.web.country import country
from pencere.web.payments.models import Charge
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import party, rule, visit_of
from pencere.web.texts import current_language, t

KINDS = {"paid": "good", "refunded": "good", "failed": "bad", "cancelled": "", "expired": ""}


@rule(party)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List payments, newest first."""
    found = _charges(visit_of(request)).order_by("-created_at")
    page = {"charges": [_shown(charge) for charge in found[:200]]}
    return render(request, "portal/window/payments.jinja", page)


@rule(party)
@require_safe
def receipt(request: HttpRequest, charge_id: UUID) -> HttpResponse:
    """Show the receipt of one payment."""
    charge = _charges(visit_of(request)).filter(pk=charge_id).first()
    if charge is None:
        raise Missing("charge.unknown")
    return render(request, "portal/window/payment.jinja", {"charge": _shown(charge)})


def _charges(visit: Visit) -> QuerySet[Charge]:
    """Return what was paid for the party; to an attorney, what was for applications they wrote."""
    found = Charge.objects.filter(payer=visit.party)
    if visit.acting is None or visit.acting.gives_all:
        return found
    written = Draft.objects.filter(person=visit.party, agent=visit.person)
    return found.filter(
        subject_kind=SUBJECT,
        subject_id__in=[str(pk) for pk in written.values_list("pk", flat=True)],
    )


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
