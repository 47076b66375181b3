"""A person's certificates and phones, and the acts about them. The FIN is sent, never addressed."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import Fin, parse_fin
from pencere.web.certification.centre import centre
from pencere.web.certification.words import certificates, when, word
from pencere.web.office.registration.opening import new_id, open_and_go
from pencere.web.office.who import registrar
from pencere.web.rules import rule
from pencere.web.texts import t

REASONS = (
    "keyCompromise",
    "superseded",
    "affiliationChanged",
    "cessationOfOperation",
    "privilegeWithdrawn",
    "unspecified",
)
ABOUT_CERTIFICATES = ("suspend", "release", "revoke")
ABOUT_PINS = ("unblock-pin", "unblock-puk")
ABOUT_REMOTE_KEYS = "unblock-remote"


@rule(registrar)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """Ask for a FIN; show what is certified to the person."""
    typed = request.POST.get("fin", "")
    page: dict[str, object] = {"fin": typed, "error": None, "is_found": False}
    if request.method != "POST":
        return render(request, "office/registration/pages/person.jinja", page)
    try:
        fin = parse_fin(typed)
    except Invalid:
        page["error"] = t("office.registration.fin_wrong")
        return render(request, "office/registration/pages/person.jinja", page, status=400)
    page |= {
        "is_found": True,
        "fin": fin,
        "certificates": certificates(centre().certificates(fin)),
        "devices": _devices(fin),
        "remote_keys": _remote_keys(fin),
        "reasons": [{"value": one, "label": word("reason", one)} for one in REASONS],
        "acts": [{"value": one, "label": word("act", one)} for one in ABOUT_CERTIFICATES],
        "act_ids": {"certificates": new_id(), "pins": new_id(), "remote": new_id()},
    }
    return render(request, "office/registration/pages/person.jinja", page)


@rule(registrar)
@require_POST
def open_act(request: HttpRequest) -> HttpResponse:
    """Open an act about certificates, PINs or keys in the centre of a person."""
    fin, kind = parse_fin(request.POST.get("fin", "")), request.POST.get("act", "")
    back = reverse("registration_person")
    if kind in ABOUT_CERTIFICATES:
        return open_and_go(
            request,
            kind,
            back=back,
            subject=fin,
            serials=sorted(request.POST.getlist("serials")),
            reason=request.POST.get("reason", "") if kind == "revoke" else "",
        )
    about, _, device = kind.partition(" ")
    if about == ABOUT_REMOTE_KEYS:
        return open_and_go(request, about, back=back, subject=fin, details={"credential": device})
    name, _, purpose = about.partition(":")
    if name not in ABOUT_PINS:
        raise Invalid("request.field", field="act")
    details = {"device": device} | ({"purpose": purpose} if name == "unblock-pin" else {})
    return open_and_go(request, name, back=back, subject=fin, details=details)


def _devices(fin: Fin) -> list[dict[str, object]]:
    found = []
    for one in centre().devices(fin):
        pins = one.get("pins") or {}
        blocked = [
            purpose
            for purpose in ("authentication", "signature")
            if (pins.get(purpose) or {}).get("state") == "blocked"
        ]
        is_open = one.get("closed_at") is None
        actions = [
            {
                "value": f"unblock-pin:{purpose} {one['id']}",
                "label": t("office.registration.unblock", what=word("pin", purpose)),
            }
            for purpose in blocked
            if is_open
        ]
        if is_open and pins:
            actions.append(
                {"value": f"unblock-puk {one['id']}", "label": word("act", "unblock-puk")}
            )
        found.append(
            {
                "phone": one["phone"],
                "registered_at": when(one["registered_at"]),
                "closed_at": when(one.get("closed_at")),
                "pins": _pins("pin", pins),
                "unblocks_left": one.get("unblocks_left"),
                "actions": actions,
            }
        )
    return found


def _remote_keys(fin: Fin) -> list[dict[str, object]]:
    """Return the person's keys in the centre that are not destroyed."""
    return [
        {
            "serial": one["serial"],
            "created_at": when(one["created_at"]),
            "pins": _pins("key_pin", one["pins"]),
            "action": {
                "value": f"{ABOUT_REMOTE_KEYS} {one['id']}",
                "label": t("office.registration.unblock", what=word("key_pin", "signature")),
            }
            if any(pin["state"] == "blocked" for pin in one["pins"].values())
            else None,
        }
        for one in centre().remote_keys(fin)
        if one["closed_at"] is None
    ]


def _pins(area: str, pins: Mapping[str, Mapping[str, Any]]) -> list[dict[str, object]]:
    return [
        {
            "label": word(area, purpose),
            "value": word("pin_state", str(pin["state"])),
            "is_blocked": pin["state"] == "blocked",
        }
        for purpose, pin in pins.items()
    ]
