"""Look-up: why, whose, by which key; what is found; one record with its versions.

Nothing of a person is shown before a purpose is chosen; each page that shows something is an
exchange of its own, which the person sees among the accesses to their data.
"""

from collections.abc import Mapping
from datetime import date, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, format_instant, parse_date
from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import Fin, parse_fin
from pencere.registers.definition import Definition
from pencere.web.country import country
from pencere.web.exchange import Record, Version, gateway
from pencere.web.office.records.fields import Shape, shapes, shown
from pencere.web.office.records.look import Look, Opened, opened, refuse_own
from pencere.web.office.records.scope import (
    may_change,
    person_key,
    register_for,
    registers_for,
    search_keys,
)
from pencere.web.office.who import keeper
from pencere.web.people.domain import accounts
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

MAX_CASE, MAX_VALUE = 40, 100
PAGES = "office/records/pages"


@rule(keeper)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """List the registers this officer works in."""
    language = current_language()
    rows = [
        {
            "href": reverse("records_find", args=one.code.split("/")),
            "name": one.names.in_language(language),
            "body": country().body(one.owner).names.in_language(language),
            "changes": any(may_change(one, purpose) for purpose in one.clerks),
        }
        for one in registers_for(visit_of(request))
    ]
    return render(request, f"{PAGES}/list.jinja", {"rows": rows})


@rule(keeper)
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest, subsystem: str, name: str) -> HttpResponse:
    """Ask why and whose; go to what is found."""
    visit = visit_of(request)
    definition = register_for(visit, f"{subsystem}/{name}")
    errors: dict[str, str] = {}
    if request.method == "POST":
        look, errors = _asked(request, definition)
        if look is not None:
            refuse_own(visit, look.person)
            return HttpResponseRedirect(reverse("records_found", args=[look.sealed(visit)]))
    page = {
        "register": definition.names.in_language(current_language()),
        "purposes": _purposes(definition),
        "has_person": definition.subject is not None,
        "keys": [
            {"name": f"key-{shape.name}", "label": shape.label, "longest": MAX_VALUE,
             "value": request.POST.get(f"key-{shape.name}", "")}
            for shape in _key_shapes(definition).values()
        ],
        "typed": {one: request.POST.get(one, "") for one in ("purpose", "fin", "case", "day")},
        "annulled_too": "annulled" in request.POST.getlist("state"),
        "errors": errors,
    }  # fmt: skip
    return render(request, f"{PAGES}/find.jinja", page, status=400 if errors else 200)


@rule(keeper)
@require_safe
def found(request: HttpRequest, look: str) -> HttpResponse:
    """Show the records that the look-up finds."""
    here = opened(visit_of(request), look, at=settings.CLOCK.now())
    asked = here.look
    records = gateway().query(
        register=asked.register,
        by={asked.key: asked.value},
        purpose=here.purpose,
        valid_at=asked.day or None,
        annulled_too=asked.annulled_too,
    )
    fields = shapes(here.definition, here.definition.disclosure[asked.purpose])
    return render(
        request,
        f"{PAGES}/found.jinja",
        {
            "here": here,
            "said": said_of(here),
            "fields": fields,
            "rows": [
                {
                    "href": reverse("records_record", args=[look, record.id]),
                    "state": record.state,
                    "cells": [shown(shape, record.data.get(shape.name)) for shape in fields],
                }
                for record in records
            ],
        },
    )


@rule(keeper)
@require_safe
def record(request: HttpRequest, look: str, record: int) -> HttpResponse:
    """Show one record as it stands or stood on a day, and all that was said of it."""
    here = opened(visit_of(request), look, at=settings.CLOCK.now())
    typed = request.GET.get("on", here.look.day)
    day, error = _day(typed)
    client, code = gateway(), here.look.register
    there = client.read(
        register=code, record=record, purpose=here.purpose,
        valid_at=day.isoformat() if day else None,
    )  # fmt: skip
    versions = client.versions(register=code, record=record, purpose=here.purpose)
    fields = shapes(here.definition, here.definition.disclosure[here.look.purpose])
    return render(
        request,
        f"{PAGES}/record.jinja",
        {
            "here": here,
            "said": said_of(here),
            "record": there,
            "since": _written(there.valid_from),
            "day": format_date(day, current_language()) if day else "",
            "typed": typed,
            "error": error,
            "facts": facts_of(fields, there),
            "versions": _lines(fields, versions),
            "gives_extract": here.may_change and bool(here.definition.extract) and day is None,
            "acts": ("amend", "correct", "annul")
            if here.may_change and there.state == "valid" and day is None
            else (),
        },
        status=400 if error else 200,
    )


def said_of(here: Opened) -> list[dict[str, str]]:
    """Say why this is looked at, as it stands at the head of each page."""
    language, look = current_language(), here.look
    said = [
        {"label": t("office.records.purpose"), "value": here.purpose_name.in_language(language)},
        {"label": t("office.records.case"), "value": look.case},
    ]
    if look.day:
        said.append({"label": t("office.records.day"), "value": _written(look.day)})
    return said


def facts_of(fields: list[Shape], record: Record) -> list[dict[str, str]]:
    """Return the fields of a record as people read them."""
    return [
        {"label": shape.label, "value": shown(shape, record.data.get(shape.name))}
        for shape in fields
    ]


def _asked(request: HttpRequest, definition: Definition) -> tuple[Look | None, dict[str, str]]:
    errors: dict[str, str] = {}
    form = request.POST
    purpose = form.get("purpose", "")
    if purpose not in definition.clerks:
        errors["purpose"] = t("office.records.choose_purpose")
    person = ""
    if definition.subject is not None:
        try:
            person = parse_fin(form.get("fin", ""))
        except Invalid:
            errors["fin"] = t("office.registration.fin_wrong")
    case = form.get("case", "").strip()
    if not _is_case(case):
        errors["case"] = t("office.records.case_wrong")
    day, wrong = _day(form.get("day", ""))
    if wrong:
        errors["day"] = wrong
    names = {key.fields[0]: key.name for key in search_keys(definition)}
    typed = {
        names[field]: value
        for field in names
        if (value := form.get(f"key-{field}", "").strip()[:MAX_VALUE])
    }
    key, value = next(iter(typed.items()), (person_key(definition) or "", person))
    if len(typed) > 1 or not key:
        errors[f"key-{next(iter(names), '')}"] = t("office.records.one_key")
    if errors:
        return None, errors
    at = settings.CLOCK.now().isoformat()
    return Look(
        definition.code, purpose, case, person, at, key, value,
        day.isoformat() if day else "", "annulled" in form.getlist("state"),
    ), {}  # fmt: skip


def _is_case(case: str) -> bool:
    """A number that goes into every log: printable, short, and no personal number."""
    if not (1 <= len(case) <= MAX_CASE and case.isascii() and case.isprintable()):
        return False
    try:
        parse_fin(case)
    except Invalid:
        return True
    return False


def _day(typed: str) -> tuple[date | None, str]:
    """Return a day that is over or today, or what is wrong with it."""
    if not typed.strip():
        return None, ""
    try:
        day = parse_date(typed)
    except Invalid:
        return None, t("office.records.wrong_date", field=t("office.records.day"))
    if day > local_date(settings.CLOCK.now()):
        return None, t("office.records.day_future")
    return day, ""


def _purposes(definition: Definition) -> list[dict[str, str]]:
    return [
        {
            "value": code,
            "label": country().purpose(code).names.in_language(current_language()),
            "hint": t("office.records.for_changes" if may_change(definition, code)
                      else "office.records.for_looking"),
        }
        for code in definition.clerks
    ]  # fmt: skip


def _key_shapes(definition: Definition) -> Mapping[str, Shape]:
    names = tuple(key.fields[0] for key in search_keys(definition))
    return {shape.name: shape for shape in shapes(definition, names)}


def _lines(fields: list[Shape], versions: tuple[Version, ...]) -> list[list[str]]:
    lines = []
    for version, before in zip(versions, (*versions[1:], None), strict=True):
        older: Mapping[str, object] = before.data if before is not None else {}
        changed = [
            f"{shape.label}: {shown(shape, older.get(shape.name))} → "
            f"{shown(shape, version.data.get(shape.name))}"
            for shape in fields
            if before is not None and older.get(shape.name) != version.data.get(shape.name)
        ]
        until = f" – {_written(version.valid_to)}" if version.valid_to else ""
        known = {"create", "amend", "correct", "annul", "merge", "unmerge"}
        op = version.op if version.op in known else "other"
        lines.append(
            [
                f"{version.version}. {t(f'office.records.op.{op}')}",
                f"{_written(version.valid_from)}{until}",
                format_instant(_instant(version.recorded_at), current_language()),
                _who(version.actor),
                " · ".join(filter(None, (version.reason, version.case))) or "–",
                "; ".join(changed) or "–",
            ]
        )
    return lines


def _who(actor: str) -> str:
    """Name a colleague; the number itself is not shown."""
    if not actor.startswith("AZ"):
        return t("office.records.no_officer")
    try:
        person = accounts.find(Fin(parse_fin(actor[2:])))
    except Invalid:
        person = None
    return person.name if person is not None else t("office.records.other_officer")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(day: str) -> str:
    return format_date(date.fromisoformat(day), current_language())
