"""Pages of the person's consents."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, parse_date
from pencere.kernel.errors import Conflict, Invalid, Unavailable
from pencere.web.portal.consents import keeping
from pencere.web.portal.consents.keeping import Consent
from pencere.web.portal.consents.offers import Offer, offer, offers
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

# What is suggested, and what many will keep: a year.
USUAL = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer with what the person decided about it."""

    offer: Offer
    consent: Consent | None
    fields: tuple[str, ...]
    since: str
    until: str


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show what is allowed, what could be, and what was taken back."""
    person, language, today = visit_of(request).person, current_language(), _today()
    known = {one.agreement: one for one in offers(language, today)}
    page: dict[str, object] = {"is_silent": False, "given": [], "open": [], "ended": []}
    try:
        consents = keeping.consents_of(person)
    except Unavailable:
        return render(
            request, "portal/consents/listed.jinja", {**page, "is_silent": True}, status=503
        )
    in_force = [one for one in consents if one.is_in_force and one.until >= today]
    given = {one.agreement for one in in_force}
    page["given"] = [
        _shown(known[one.agreement], one) for one in in_force if one.agreement in known
    ]
    page["open"] = [_shown(one, None) for one in known.values() if one.agreement not in given]
    page["ended"] = [
        _shown(known[one.agreement], one)
        for one in consents
        if one not in in_force and one.agreement in known
    ]
    return render(request, "portal/consents/listed.jinja", page)


@rule(signed_in)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, agreement: str) -> HttpResponse:
    """Show one, with what may be chosen; keep what was chosen."""
    person, today = visit_of(request).person, _today()
    found = offer(agreement, current_language(), today)
    known = keeping.consent_to(person, agreement)
    latest = found.last_day
    if request.method == "POST":
        chosen, typed = request.POST.getlist("fields"), request.POST.get("until", "")
        fields = tuple(each.name for each in found.choices if each.name in chosen)
        until, errors = _until(typed, today, latest)
        if not fields:
            errors.insert(0, {"name": "fields", "text": t("consents.choose_one")})
        if until is not None and not errors:
            _keep(request, found, fields, until, known)
            return HttpResponseRedirect(reverse("consents"))
    else:
        fields = known.fields if known is not None else tuple(one.name for one in found.choices)
        # As it may be typed, so that what is shown can be sent.
        typed = f"{known.until if known is not None else min(today + USUAL, latest):%d.%m.%Y}"
        errors = []
    page = {
        "offer": found,
        "is_given": known is not None,
        "fields": fields,
        "until": typed,
        "latest": format_date(latest, current_language()),
        "options": [{"value": each.name, "label": each.label} for each in found.choices],
        "errors": errors,
        "error_of": {each["name"]: each["text"] for each in errors},
    }
    status = 422 if errors else 200
    return render(request, "portal/consents/one.jinja", page, status=status)


@rule(signed_in)
@require_POST
def withdraw(request: HttpRequest, agreement: str) -> HttpResponse:
    """Take a consent back; it counts for the very next request."""
    person = visit_of(request).person
    known = keeping.consent_to(person, agreement)
    if known is not None:
        try:
            keeping.take_back(person, known, today=_today())
        except Conflict:
            messages.warning(request, t("consents.changed_meanwhile"))
            return HttpResponseRedirect(reverse("consents"))
    messages.success(request, t("consents.withdrawn"))
    return HttpResponseRedirect(reverse("consents"))


def _keep(
    request: HttpRequest, found: Offer, fields: tuple[str, ...], until: date, known: Consent | None
) -> None:
    try:
        keeping.give(visit_of(request).person, found, fields, until, known=known, today=_today())
    except Conflict:
        messages.warning(request, t("consents.changed_meanwhile"))
    else:
        messages.success(request, t("consents.kept" if known is not None else "consents.given"))


def _until(typed: str, today: date, latest: date) -> tuple[date | None, list[dict[str, str]]]:
    try:
        until = parse_date(typed)
    except Invalid:
        return None, [{"name": "until", "text": t("consents.date_wrong")}]
    if not today <= until <= latest:
        said = format_date(latest, current_language())
        return None, [{"name": "until", "text": t("consents.date_range", latest=said)}]
    return until, []


def _shown(found: Offer, consent: Consent | None) -> Shown:
    language = current_language()
    names = {one.name: one.label for one in found.choices}
    fields = consent.fields if consent is not None else tuple(names)
    return Shown(
        offer=found,
        consent=consent,
        fields=tuple(names.get(name, name) for name in fields),
        since=format_date(date.fromisoformat(consent.since), language) if consent else "",
        until=format_date(consent.until, language) if consent is not None else "",
    )


def _today() -> date:
    return local_date(settings.CLOCK.now())
