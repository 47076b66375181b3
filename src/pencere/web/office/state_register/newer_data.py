"""What the country's files say otherwise than the register: the supervisor's page."""

from datetime import date
from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import Misconfigured, PencereError
from pencere.web.country import country
from pencere.web.middleware.errors import fault_of
from pencere.web.office.state_register import said
from pencere.web.office.state_register.who import supervisor
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain.description import Difference
from pencere.web.stateregister.domain.newer_data import (
    ENTRY,
    UNKNOWN,
    Otherwise,
    newer_data,
    propose,
)
from pencere.web.stateregister.domain.offices import actor_of
from pencere.web.stateregister.models import System
from pencere.web.texts import current_language, t


@rule(supervisor)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show every difference: which system or agreement, what is registered, what the files say."""
    problem, found = "", []
    try:
        found = newer_data(country())
    except Misconfigured as error:
        problem = str(error)
    groups = [
        _group(list(of_one))
        for _, of_one in groupby(found, key=lambda one: (one.about, one.key, one.is_acted_on))
    ]
    page = {"groups": groups, "count": len(groups), "problem": problem}
    return render(request, "office/state_register/pages/newer_data.jinja", page)


@rule(supervisor)
@require_POST
def draft(request: HttpRequest, body: str, code: str) -> HttpResponse:
    """Draft an application for change; a refusal is said on the page of differences."""
    try:
        row = propose(
            f"{body}/{code}", country=country(), actor=actor_of(visit_of(request)),
            why=t("stateregister.newer.why"), at=settings.CLOCK.now(),
        )  # fmt: skip
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return HttpResponseRedirect(reverse("register_newer_data"))
    messages.success(request, t("stateregister.newer.drafted"))
    return HttpResponseRedirect(reverse("register_application", args=[row.number]))


def _group(of_one: list[Otherwise]) -> dict[str, Any]:
    """Return the differences of one system or agreement."""
    first = of_one[0]
    is_new = first.change.key == ENTRY and first.change.kind == "added"
    return {
        "name": _name(first),
        "key": first.key,
        "href": "" if is_new else _place(first),
        "is_acted_on": first.is_acted_on,
        "rows": [_row(first.about, one.change) for one in of_one],
        "draft": reverse("register_newer_data_draft", args=first.key.split("/"))
        if any(one.is_proposable for one in of_one)
        else "",
    }


def _name(of: Otherwise) -> str:
    if of.about == "agreement":
        return t("stateregister.newer.agreement", number=of.key)
    body, _, code = of.key.partition("/")
    row = System.objects.filter(owner_id=body, code=code).first()
    return of.key if row is None else said.here(row.names)


def _place(of: Otherwise) -> str:
    name = "register_system" if of.about == "system" else "register_agreement"
    return reverse(name, args=of.key.split("/"))


def _row(about: str, change: Difference) -> list[str]:
    """Say one difference: what, registered, the files'."""
    nothing = t("stateregister.nothing")
    if change.key == ENTRY:
        return [t("stateregister.newer.entry"), _plain(change.before), _plain(change.after)]
    if change.key == UNKNOWN:
        words = {"concept": t("stateregister.concept"), "who": said.word("key", "persons")}
        what = words.get(change.what) or said.word("key", change.what)
        return [what, _plain(change.before), t("stateregister.newer.unknown")]
    if about == "agreement":
        return [said.word("term", change.key), _plain(change.before), _plain(change.after)]
    what = said.word("key", change.key) + (f": {change.what}" if change.what else "")
    if isinstance(change.before, dict) and isinstance(change.after, dict):
        names = [one for one in change.after if change.before.get(one) != change.after[one]]
        sides = [{one: side.get(one) for one in names} for side in (change.before, change.after)]
        return [what, *(_plain(side) for side in sides)]
    values = (change.before, change.after)
    return [what, *(nothing if one in (None, "", []) else _plain(one) for one in values)]


def _plain(value: Any) -> str:
    """Say a value as the files write it: whoever compares them looks for just that."""
    if value in (None, "", [], {}):
        return t("stateregister.nothing")
    if isinstance(value, bool):
        return t("stateregister.newer.yes") if value else t("stateregister.newer.no")
    if isinstance(value, date):
        return said.day(value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(" ".join(one) if isinstance(one, list) else _plain(one) for one in value)
    return str(value)
