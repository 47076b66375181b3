"""Who looked at my data: each access with its purpose, and a proof worked out here and now."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Missing, PencereError, Unavailable
from pencere.web.country import country
from pencere.web.exchange import Purpose, Usage, gateway
from pencere.web.exchange.registers import registers
from pencere.web.people.models.person import Person
from pencere.web.portal.window.data import PURPOSE, personal_registers
from pencere.web.portal.window.proof import verdict_of
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Access:
    """One access in the reader's language."""

    when: str
    who: str
    what: str
    why: str
    basis: str
    case: str
    subsystem: str
    exchange: str
    sorts_by: str


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List accesses to the person's data in every register, newest first."""
    person = visit_of(request).person
    accesses: list[Access] = []
    silent: list[str] = []
    for owner, subsystem in _subsystems():
        try:
            found = _usages(person, owner, subsystem)
        except Unavailable:
            silent.append(country().body(owner).names.in_language(current_language()))
            continue
        accesses += [_shown(usage, subsystem) for usage in found]
    accesses.sort(key=lambda access: access.sorts_by, reverse=True)
    page = {"accesses": accesses[:SHOWN], "silent": silent}
    return render(request, "portal/window/access.jinja", page)


@rule(signed_in)
@require_safe
def proof(request: HttpRequest, subsystem: str, exchange: str) -> HttpResponse:
    """Show the proof of one access and work it out."""
    owner = next((owner for owner, name in _subsystems() if name == subsystem), None)
    if owner is None:
        raise Missing("access.missing")
    usages = _usages(visit_of(request).person, owner, subsystem)
    usage = next((one for one in usages if one.exchange == exchange), None)
    if usage is None:
        raise Missing("access.missing")
    page = {
        "access": _shown(usage, subsystem),
        "usage": usage,
        "verdict": verdict_of(usage),
    }
    return render(request, "portal/window/access_proof.jinja", page)


def _subsystems() -> list[tuple[str, str]]:
    return sorted({(one.owner, one.subsystem) for one in personal_registers()})


def _usages(person: Person, owner: str, subsystem: str) -> tuple[Usage, ...]:
    fin = person.fin
    purpose = Purpose(
        code=PURPOSE, legal_basis=country().purpose(PURPOSE).basis, case="", person=fin, user=fin
    )
    found = gateway().find_usage(member=owner, subsystem=subsystem, purpose=purpose, limit=SHOWN)
    return found.usages


def _shown(usage: Usage, subsystem: str) -> Access:
    language = current_language()
    register = registers().get(f"{subsystem}/{usage.service.rpartition('/')[2]}")
    act = country().acts.get(usage.legal_basis)
    return Access(
        when=_instant(usage.at, language),
        who=_body(usage.receiver, language),
        what=register.names.in_language(language) if register is not None else usage.service,
        why=_purpose(usage.purpose, language),
        basis=act.names.in_language(language) if act is not None else usage.legal_basis,
        case=usage.case,
        subsystem=subsystem,
        exchange=usage.exchange,
        sorts_by=usage.at,
    )


def _instant(text: str, language: str) -> str:
    try:
        return format_instant(datetime.fromisoformat(text), language)
    except ValueError:
        return text


def _body(body: str, language: str) -> str:
    try:
        return country().body(body).names.in_language(language)
    except PencereError:
        return body


def _purpose(code: str, language: str) -> str:
    try:
        return country().purpose(code).names.in_language(language)
    except PencereError:
        return code
