"""An application for certificates: who comes, what the population register says, two officers."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, PencereError, Refused, Unavailable
from pencere.kernel.identifiers import parse_fin, parse_phone
from pencere.web.certification.centre import centre
from pencere.web.certification.words import when, word
from pencere.web.country import country
from pencere.web.exchange import Purpose, gateway
from pencere.web.exchange.registers import owner_of
from pencere.web.middleware.errors import fault_of
from pencere.web.office.registration.opening import new_id, open_and_go
from pencere.web.office.who import registrar
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

REGISTER = "population/person"
PURPOSE = "issue-certificate"
METHODS = ("in-person", "passport-chip")
PLACES = ("phone", "centre")
# As long as the officer may look at the answer of the register before going on.
LOOKED_AT_S = 1800
_SALT = "application for certificates"


@rule(registrar)
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """Ask who comes; then ask the population register and show what it says."""
    names = ("fin", "phone", "place", "method", "document")
    form = {name: request.POST.get(name, "").strip() for name in names}
    if request.method != "POST":
        return _form(request, form, {})
    errors, read = _read(form)
    if errors:
        return _form(request, form, errors, status=400)
    application, visit = str(uuid.uuid4()), visit_of(request)
    if read["fin"] == visit.person.fin:
        raise Refused("approval.own-matter")
    asked_at = settings.CLOCK.now().replace(microsecond=0)
    case = f"RA-{local_date(asked_at).year}-{application[:8].upper()}"
    message = str(uuid.uuid4())
    purpose = Purpose(
        code=PURPOSE,
        legal_basis=country().purpose(PURPOSE).basis,
        case=case,
        person=read["fin"],
        user=visit.person.fin,
        represented=next(office.body for office in visit.offices if office.role.startswith("ra-")),
    )
    try:
        records = gateway().query(
            register=REGISTER, by={"fin": read["fin"]}, purpose=purpose, message=message
        )
    except Unavailable:
        return _form(request, form, {"fin": t("office.registration.register_silent")}, status=503)
    if not records:
        return _form(request, form, {"fin": t("office.registration.nobody")}, status=404)
    data = records[0].data
    if data.get("died"):
        return _form(request, form, {"fin": t("office.registration.died")}, status=409)
    person = {"fin": read["fin"], "surname": data["family"], "given_name": data["given"]}
    subsystem, _, service = REGISTER.partition("/")
    sent = {
        "id": application,
        "opened_by": visit.person.fin,
        "case": case,
        "person": {**person, "phone": read["phone"]},
        **_key(read["place"]),
        "identity": {
            "method": read["method"],
            "document": read["document"],
            "register": {
                "message_id": message,
                "service": f"AZ/GOV/{owner_of(REGISTER)}/{subsystem}/{service}",
                "answered_at": f"{asked_at:%Y-%m-%dT%H:%M:%SZ}",
                "person": person,
            },
        },
    }
    page = {
        "facts": [
            {"label": t(f"office.registration.{key}"), "value": value}
            for key, value in (
                ("fin", read["fin"]),
                ("surname", data["family"]),
                ("given_name", data["given"]),
                ("patronymic", data.get("patronymic") or ""),
                ("born", data.get("born") or ""),
                ("phone", read["phone"]),
                ("place", word("place", read["place"])),
                ("method", word("method", read["method"])),
                ("document", read["document"]),
            )
            if value
        ],
        "sent": signing.dumps(sent, salt=_SALT, compress=True),
    }
    return render(request, "office/registration/pages/confirm.jinja", page)


@rule(registrar)
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Open the application as it was shown, and the act that two officers sign."""
    try:
        sent: dict[str, Any] = signing.loads(
            request.POST.get("sent", ""), salt=_SALT, max_age=LOOKED_AT_S
        )
    except signing.BadSignature as error:
        raise Invalid("application.evidence-old") from error
    fin = visit_of(request).person.fin
    if sent["opened_by"] != fin:
        raise Refused("rule.refused")
    try:
        application = centre().open_application(sent)
        act = centre().open_act(
            {
                # The same application opened twice opens one act.
                "id": str(uuid.uuid5(uuid.UUID(sent["id"]), "issue")),
                "act": "issue",
                "opened_by": fin,
                "subject": sent["person"]["fin"],
                "case": sent["case"],
                "details": {
                    "application": application["id"],
                    "application_sha256": application["sha256"],
                },
            }
        )
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return HttpResponseRedirect(reverse("registration_new"))
    return HttpResponseRedirect(reverse("registration_act", args=[act["id"]]))


@rule(registrar)
@require_safe
def show(request: HttpRequest, application_id: uuid.UUID) -> HttpResponse:
    """Show an application and what may follow."""
    found = centre().application(application_id)
    register = found["identity"]["register"]
    page = {
        "application": found,
        "state": word("application", found["state"]),
        "facts": [
            {"label": t(f"office.registration.{key}"), "value": value}
            for key, value in (
                ("fin", found["person"]["fin"]),
                ("surname", found["person"]["surname"]),
                ("given_name", found["person"]["given_name"]),
                ("phone", found["person"]["phone"]),
                ("place", word("place", found["place"])),
                ("method", word("method", found["identity"]["method"])),
                ("document", found["identity"].get("document") or ""),
                ("evidence", f"{register['service']}, {when(register['answered_at'])}"),
                ("message", register["message_id"]),
                ("case", found["case"] or ""),
            )
            if value
        ],
        "may_decline": found["state"] == "open",
        "may_renew_code": found["state"] == "approved",
        "renew_code": t(
            "office.registration.new_page"
            if found["place"] == "centre"
            else "office.registration.new_code"
        ),
        "act_id": new_id(),
    }
    return render(request, "office/registration/pages/application.jinja", page)


@rule(registrar)
@require_POST
def open_act(request: HttpRequest, application_id: uuid.UUID) -> HttpResponse:
    """Open the act that declines the application or gives a new code."""
    kind = request.POST.get("act", "")
    if kind not in {"decline", "new-code"}:
        raise Invalid("request.field", field="act")
    found = centre().application(application_id)
    return open_and_go(
        request,
        kind,
        back=reverse("registration_application", args=[application_id]),
        subject=found["person"]["fin"],
        case=found["case"],
        details={"application": found["id"], "application_sha256": found["sha256"]},
    )


def _key(place: str) -> dict[str, str]:
    """Return where the key will lie; its page at the centre begins in the officer's language."""
    return {"place": place} | ({"language": current_language()} if place == "centre" else {})


def _read(form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    errors, read = {}, {"method": form["method"], "document": form["document"].upper()[:20]}
    try:
        read["fin"] = parse_fin(form["fin"])
    except Invalid:
        errors["fin"] = t("office.registration.fin_wrong")
    try:
        read["phone"] = parse_phone(form["phone"])
    except Invalid:
        errors["phone"] = t("office.registration.phone_wrong")
    read["place"] = form["place"] or PLACES[0]
    if read["place"] not in PLACES:
        errors["place"] = t("office.registration.place_missing")
    if form["method"] not in METHODS:
        errors["method"] = t("office.registration.method_missing")
    if not read["document"]:
        errors["document"] = t("office.registration.document_missing")
    return errors, read


def _form(
    request: HttpRequest, form: dict[str, str], errors: dict[str, str], *, status: int = 200
) -> HttpResponse:
    page = {
        "form": form,
        "errors": errors,
        "summary": [{"name": name, "text": said} for name, said in errors.items()],
        "places": [{"value": one, "label": word("place", one)} for one in PLACES],
        "methods": [{"value": one, "label": word("method", one)} for one in METHODS],
    }
    return render(request, "office/registration/pages/new.jinja", page, status=status)
