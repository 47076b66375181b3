"""What registers hold about the person: asked now, shown, and not kept."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Missing, Unavailable
from pencere.web.country import country
from pencere.web.exchange import Purpose, gateway
from pencere.web.exchange.registers import Register, register, registers
from pencere.web.portal.applications.shown import Row, label_of, value_shown
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language

PURPOSE = "my-data"


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """One record as rows of label and value."""

    rows: tuple[Row, ...]


def personal_registers() -> list[Register]:
    """Return the registers that a person may look at themselves in."""
    return [
        one
        for one in registers().values()
        if PURPOSE in one.purposes and one.person_key is not None
    ]


@rule(signed_in)
@require_safe
def registers_page(request: HttpRequest) -> HttpResponse:
    """List the registers; nothing is asked until one is opened."""
    language = current_language()
    tiles = [
        {
            "href": reverse("my_data_register", args=one.id.split("/")),
            "label": one.names.in_language(language),
            "note": country().body(one.owner).names.in_language(language),
            "icon": "document",
        }
        for one in personal_registers()
    ]
    return render(request, "portal/window/data.jinja", {"tiles": tiles})


@rule(signed_in)
@require_safe
def one(request: HttpRequest, subsystem: str, name: str) -> HttpResponse:
    """Ask one register about the person and show what it says."""
    found = register(f"{subsystem}/{name}")
    if found not in personal_registers() or found.person_key is None:
        raise Missing("register.unknown", register=found.id)
    fin, language = visit_of(request).person.fin, current_language()
    purpose = Purpose(
        code=PURPOSE,
        legal_basis=country().purpose(PURPOSE).basis,
        case="",
        person=fin,
        user=fin,
    )
    page: dict[str, object] = {
        "register": found.names.in_language(language),
        "body": country().body(found.owner).names.in_language(language),
        "time": format_instant(settings.CLOCK.now(), language),
        "is_silent": False,
        "records": [],
    }
    try:
        records = gateway().query(register=found.id, by={found.person_key: fin}, purpose=purpose)
    except Unavailable:
        return render(
            request, "portal/window/data_one.jinja", {**page, "is_silent": True}, status=503
        )
    page["records"] = [
        ShownRecord(
            tuple(
                Row(label_of(found, field), value_shown(value, language, found.fields.get(field)))
                for field, value in record.data.items()
                if value not in (None, "", [])
            )
        )
        for record in records
    ]
    return render(request, "portal/window/data_one.jinja", page)
