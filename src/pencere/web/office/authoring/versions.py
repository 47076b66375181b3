"""Versions of a service: what each changes, and moving running cases to a newer one."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date
from pencere.kernel.errors import Missing, PencereError
from pencere.services.difference import Change, Consequence, compare
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions, migrating
from pencere.web.cases.models import VersionMove
from pencere.web.middleware.errors import fault_of
from pencere.web.office.who import any_of, editor
from pencere.web.rules import role, rule, visit_of
from pencere.web.texts import current_language, t

reader = any_of(editor, role("unit-head"))
SHOWN = 100  # cases that stay, on one page
LONGEST_VALUE = 400


@rule(reader)
@require_safe
def show(request: HttpRequest, service: str) -> HttpResponse:
    """List the versions, the newest first, with the running cases of each."""
    known = definitions.versions_of(service)
    numbers = sorted(known, reverse=True)
    newest, rows = numbers[0], []
    for number in numbers:
        cases = sum(count for _, count in migrating.running(service, number))
        older = max((one for one in numbers if one < number), default=None)
        rows.append(
            {
                "number": number,
                "in_force": format_date(known[number].in_force, current_language()),
                "sha256": known[number].sha256[:16],
                "cases": cases,
                "changes": _compare_href(service, older, number) if older else "",
                "move": _compare_href(service, number, newest) if cases and number < newest else "",
            }
        )
    page = {
        "name": _name(known[newest]),
        "id": service,
        "versions": rows,
        "moves": [_move_row(one) for one in VersionMove.objects.filter(service=service)],
    }
    return render(request, "office/authoring/pages/versions.jinja", page)


@rule(reader)
@require_http_methods(["GET", "HEAD", "POST"])
def changes(request: HttpRequest, service: str, older: int, newer: int) -> HttpResponse:
    """Show what a version changes; an editor prepares the move of running cases."""
    before, after = _versions(service, older, newer)
    wanted = migrating.choices(before, after)
    states = {key: request.POST.get(f"state-{key}", "") for key in wanted}
    reason, errors = request.POST.get("reason", ""), {}
    if request.method == "POST":
        try:
            return _prepare(request, before, after, states, reason)
        except PencereError as refusal:
            if refusal.status >= 500:
                raise
            field = "reason" if refusal.code == "migration.reason_required" else ""
            errors = {field: fault_of(refusal).sentence(current_language())}
    found, language = compare(before, after), current_language()
    page = {
        "name": _name(after),
        "id": service,
        "older": older,
        "newer": newer,
        "changes": [change_row(one, language) for one in found.changes],
        "drafts": [_fate(one, language) for one in found.drafts],
        "cases": [_fate(one, language) for one in found.cases],
        "running": [
            (_state(before, key), count) for key, count in migrating.running(service, older)
        ],
        "targets": [
            {
                "name": f"state-{key}",
                "label": _state(before, key),
                "options": [{"value": one, "label": _state(after, one)} for one in fitting],
                "value": states[key],
            }
            for key, fitting in wanted.items()
        ],
        "reason": reason,
        "errors": errors,
        "summary": [{"name": name, "text": words} for name, words in errors.items()],
        "may_prepare": visit_of(request).holds("catalogue-editor"),
    }
    status = 400 if errors else 200
    return render(request, "office/authoring/pages/changes.jinja", page, status=status)


@rule(reader)
@require_safe
def move(request: HttpRequest, move_id: UUID) -> HttpResponse:
    """Show a prepared move: who, why, and what would become of each case now."""
    row = _row(move_id)
    before, after = _versions(row.service, row.older, row.newer)
    is_open = row.approved_at is None and row.dropped_at is None
    tried = migrating.try_all(before, after, row.states, at=settings.CLOCK.now()) if is_open else []
    stays = [(one.number, one.why) for one in tried if one.why] or [
        (number, why) for number, why in row.stayed
    ]
    visit = visit_of(request)
    page = {
        "name": _name(after),
        "id": row.service,
        "move": _move_row(row),
        "move_id": row.pk,
        "reason": row.reason,
        "states": [(_state(before, old), _state(after, new)) for old, new in row.states.items()],
        "going": sum(not one.why for one in tried) if is_open else row.moved,
        "staying": len(stays),
        "stays": [[number, _why(code)] for number, code in stays[:SHOWN]],
        "is_open": is_open,
        "may_approve": is_open
        and visit.holds("unit-head", after.authority)
        and visit.person.pk != row.prepared_by_id,
        "may_drop": is_open and visit.person.pk == row.prepared_by_id,
    }
    return render(request, "office/authoring/pages/move.jinja", page)


@rule(role("unit-head"))
@require_POST
def approve(request: HttpRequest, move_id: UUID) -> HttpResponse:
    """Agree to a move: its job begins."""
    migrating.approve(move_id=move_id, visit=visit_of(request), at=settings.CLOCK.now())
    messages.success(request, t("office.move.approved"))
    return HttpResponseRedirect(reverse("authoring_move", args=[move_id]))


@rule(editor)
@require_POST
def drop(request: HttpRequest, move_id: UUID) -> HttpResponse:
    """Give up a move that one has prepared."""
    migrating.drop(move_id=move_id, by=visit_of(request).person, at=settings.CLOCK.now())
    messages.success(request, t("office.move.dropped"))
    return HttpResponseRedirect(reverse("authoring_move", args=[move_id]))


def _prepare(
    request: HttpRequest,
    before: Definition,
    after: Definition,
    states: Mapping[str, str],
    reason: str,
) -> HttpResponse:
    made = migrating.prepare(
        older=before, newer=after, reason=reason,
        states={key: value for key, value in states.items() if value},
        visit=visit_of(request), at=settings.CLOCK.now(),
    )  # fmt: skip
    return HttpResponseRedirect(reverse("authoring_move", args=[made.pk]))


def _versions(service: str, older: int, newer: int) -> tuple[Definition, Definition]:
    if older >= newer:
        raise Missing("service.version_unknown", service=service[:64], version=newer)
    return definitions.version_of(service, older), definitions.version_of(service, newer)


def _row(move_id: UUID) -> VersionMove:
    row = VersionMove.objects.filter(pk=move_id).first()
    if row is None:
        raise Missing("migration.missing")
    return row


def _compare_href(service: str, older: int, newer: int) -> str:
    return reverse("authoring_changes", args=[service, older, newer])


def _name(definition: Definition) -> str:
    return definition.names.in_language(current_language())


def _state(definition: Definition, key: str) -> str:
    state = definition.states.get(key)
    return state.name.in_language(current_language()) if state is not None else key


def _move_row(row: VersionMove) -> dict[str, str]:
    stage = (
        "finished" if row.finished_at
        else "dropped" if row.dropped_at
        else "running" if row.approved_at
        else "waits"
    )  # fmt: skip
    return {
        "href": reverse("authoring_move", args=[row.pk]),
        "what": t("office.move.what", older=row.older, newer=row.newer),
        "prepared": f"{row.prepared_by.name}, "
        + format_date(local_date(row.prepared_at), current_language()),
        "approved": row.approved_by.name if row.approved_by is not None else "",
        "stage": t(f"office.move.stage.{stage}"),
        "kind": {"finished": "good", "running": "warn", "waits": "warn"}.get(stage, ""),
    }


def _why(code: str) -> str:
    return t(f"error.{code}")


def _fate(one: Consequence, language: str) -> list[str]:
    return [one.title.in_language(language), t(f"office.move.fate.{one.fate.value}")]


def change_row(one: Change, language: str) -> dict[str, Any]:
    """Return a change as people read it: what, place, kind, before, after."""
    return {
        "what": one.title.in_language(language) if one.title is not None else one.place,
        "place": one.place,
        "kind": t(f"office.move.kind.{one.kind.value}"),
        "before": _plain(one.before, language),
        "after": _plain(one.after, language),
    }


def _plain(value: object, language: str) -> str:
    """Say a value as the files write it; of a text its words, of a whole part nothing but it."""
    if isinstance(value, Mapping):
        return str(value.get(language, ""))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if value is None or (isinstance(value, list) and len(text) > LONGEST_VALUE):
        return ""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
