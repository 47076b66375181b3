"""Mass revocation: what a selection finds, shown before anybody signs."""

import json
from datetime import UTC, datetime, time
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from pencere.kernel.clock import BAKU
from pencere.kernel.dates import parse_date
from pencere.kernel.errors import Invalid, PencereError
from pencere.web.certification.centre import centre
from pencere.web.certification.words import when, word
from pencere.web.middleware.errors import fault_of
from pencere.web.office.registration.opening import new_id, open_and_go
from pencere.web.office.registration.person import REASONS
from pencere.web.office.who import registrar
from pencere.web.rules import rule
from pencere.web.texts import current_language, t

PROFILES = ("person-authentication", "person-signature", "person-remote", "seal", "tls-node")
FIELDS = ("profile", "issued_from", "issued_until", "keys", "serials", "reason")
_SALT = "mass revocation"


@rule(registrar)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """Ask for a selection; show what it finds. Nothing changes."""
    form = {name: request.POST.get(name, "").strip() for name in FIELDS}
    if request.method != "POST":
        return _form(request, form, {})
    errors, selection = _selection(form)
    if errors:
        return _form(request, form, errors, status=400)
    try:
        found = centre().preview(selection, form["reason"])
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        said = fault_of(refusal).sentence(current_language())
        return _form(request, form, {"profile": said}, status=refusal.status)
    page = {
        "count": found["count"],
        "by_profile": [
            {"label": word("profile", name), "value": str(count)}
            for name, count in sorted(found["by_profile"].items())
        ],
        "first": [
            [one["serial"], word("profile", one["profile"]), when(one["not_after"])]
            for one in found["first"]
        ],
        "reason": word("reason", form["reason"]),
        "selection": json.dumps(found["selection"], indent=1, sort_keys=True),
        "sent": signing.dumps(
            {"selection": found["selection"], "count": found["count"], "reason": form["reason"]},
            salt=_SALT,
        ),
        "act_id": new_id(),
    }
    return render(request, "office/registration/pages/mass_found.jinja", page)


@rule(registrar)
@require_POST
def open_act(request: HttpRequest) -> HttpResponse:
    """Open the act over exactly what was shown."""
    try:
        sent = signing.loads(request.POST.get("sent", ""), salt=_SALT, max_age=3600)
    except signing.BadSignature as error:
        raise Invalid("form.expired") from error
    return open_and_go(
        request,
        "mass-revoke",
        back=reverse("registration_mass"),
        reason=sent["reason"],
        details={"selection": sent["selection"], "count": sent["count"]},
    )


def _selection(form: dict[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    errors: dict[str, str] = {}
    selection: dict[str, Any] = {}
    if form["profile"]:
        selection["profile"] = form["profile"]
    for name, end in (("issued_from", time.min), ("issued_until", time.max)):
        if form[name]:
            try:
                day = parse_date(form[name])
            except Invalid:
                errors[name] = t("office.registration.date_wrong")
                continue
            instant = datetime.combine(day, end, BAKU).astimezone(UTC)
            selection[name] = f"{instant:%Y-%m-%dT%H:%M:%SZ}"
    for name in ("keys", "serials"):
        if form[name]:
            selection[name] = sorted({one.lower().lstrip("0") if name == "serials" else one.lower()
                                      for one in form[name].split()})  # fmt: skip
    if not selection and not errors:
        errors["profile"] = t("office.registration.selection_missing")
    if form["reason"] not in REASONS:
        errors["reason"] = t("office.registration.reason_missing")
    return errors, selection


def _form(
    request: HttpRequest, form: dict[str, str], errors: dict[str, str], *, status: int = 200
) -> HttpResponse:
    page = {
        "form": form,
        "errors": errors,
        "summary": [{"name": name, "text": said} for name, said in errors.items()],
        "profiles": [{"value": one, "label": word("profile", one)} for one in PROFILES],
        "reasons": [{"value": one, "label": word("reason", one)} for one in REASONS],
    }
    return render(request, "office/registration/pages/mass.jinja", page, status=status)
