"""Accesses that are kept from people by law: all of them, at once, for the auditor.

The office asks each owner through the gateway, so that this look too is signed and logged. Whose
data it was is not told: the auditor checks the order and the time, not the person.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import PencereError, Unavailable
from pencere.web.country import country
from pencere.web.exchange import Purpose, Suppression, gateway
from pencere.web.office.who import auditor
from pencere.web.people.models.person import Person
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain.reading import suppressing_systems
from pencere.web.texts import current_language

PURPOSE = "audit-suppression"
SHOWN = 100


@rule(auditor)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """List them, newest first."""
    language, person = current_language(), visit_of(request).person
    found: list[Suppression] = []
    silent: list[str] = []
    for system in suppressing_systems():
        try:
            found += gateway().suppressions(
                member=system.owner_id, subsystem=system.code, purpose=_purpose(person),
                limit=SHOWN,
            )  # fmt: skip
        except Unavailable:
            silent.append(system.owner.names[language])
    found.sort(key=lambda one: one.at, reverse=True)
    rows = [_row(one, language) for one in found[:SHOWN]]
    page = {"rows": rows, "silent": silent}
    return render(request, "office/audit/pages/suppressions.jinja", page)


def _row(one: Suppression, language: str) -> list[str]:
    return [
        format_instant(datetime.fromisoformat(one.at), language),
        _body(one.consumer.split("/")[2], language),
        one.reason,
        one.case,
        _act(one.legal_basis, language),
        format_instant(datetime.fromisoformat(one.hidden_until), language),
        one.exchange,
    ]


def _body(body: str, language: str) -> str:
    try:
        return country().body(body).names.in_language(language)
    except PencereError:
        return body


def _act(basis: str, language: str) -> str:
    act = country().acts.get(basis)
    return act.names.in_language(language) if act is not None else basis


def _purpose(person: Person) -> Purpose:
    return Purpose(
        code=PURPOSE,
        legal_basis=country().purpose(PURPOSE).basis,
        case="",
        person="",
        user=person.fin,
    )
