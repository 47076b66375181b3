"""The page of a system, of one of its versions, of a body, a concept, an agreement."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.middleware.page_cache import page_cache
from pencere.web.openregister.domain.audience import Audience, may_read, open_part
from pencere.web.openregister.domain.records import (
    OpenAgreement,
    OpenSystem,
    act_names,
    body_names,
    purpose_names,
)
from pencere.web.openregister.domain.snapshot import Snapshot, said, snapshot
from pencere.web.rules import public, rule
from pencere.web.stateregister.domain import reading
from pencere.web.stateregister.domain.description import Difference, differences
from pencere.web.stateregister.domain.exchange_data import read_exchange
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.texts import current_language, t, texts

CACHED_S = 120


@rule(public)
@require_safe
@page_cache(CACHED_S)
def system(request: HttpRequest, body: str, code: str) -> HttpResponse:
    """Show a system: what it keeps, why, its services, who may ask, how it changed."""
    now = snapshot()
    one = _system(now, f"{body}/{code}")
    facts = {
        **_described(one, now, one.content),
        "number": one.version,
        "is_old": False,
        "asked_by": [_right(right, now) for right in now.agreements_of(one.id)
                     if right.provider == one.id and _is_alive(right)],
        "asks": [_right(right, now) for right in now.agreements_of(one.id)
                 if right.consumer == one.id and _is_alive(right)],
        "history": _history(one),
    }  # fmt: skip
    return render(request, "portal/registry/system.jinja", facts)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def system_version(request: HttpRequest, body: str, code: str, number: int) -> HttpResponse:
    """Show a system as a version of its description had it."""
    now = snapshot()
    one = _system(now, f"{body}/{code}")
    if number > 2_000_000_000:
        raise Missing("stateregister.no_description")
    kept = reading.description_of(reading.system(body, code), number)
    content = open_part("description", kept.content, Audience.PUBLIC)
    facts = {
        **_described(one, now, content),
        "number": number,
        "is_old": number != one.version,
        "asked_by": [],
        "asks": [],
        "history": _history(one),
    }
    return render(request, "portal/registry/system.jinja", facts)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def agreement(request: HttpRequest, key: str) -> HttpResponse:
    """Show an agreement: who may ask what of whom, on what basis, until when."""
    now = snapshot()
    if key not in now.agreements:
        raise Missing("stateregister.no_agreement")
    right, language = now.agreements[key], current_language()
    content = right.content
    facts = {
        "right": right,
        "consumer": now.systems[right.consumer],
        "provider": now.systems[right.provider],
        "service": _service_names(right, now),
        "state": t(f"registry.agreement.state.{_state(right).replace('-', '_')}"),
        "is_alive": _is_alive(right),
        "purposes": [purpose_names(one) for one in content.get("purposes", ())],
        "acts": [act_names(one) for one in content.get("legal_bases", ())],
        "demands": [_word("registry.agreement.demand", one, language)
                    for one in content.get("demands", ())],
        "endpoints": [" ".join(one) for one in content.get("endpoints", ())],
    }  # fmt: skip
    return render(request, "portal/registry/agreement.jinja", facts)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def body(request: HttpRequest, key: str) -> HttpResponse:
    """Show a body and its systems."""
    known = country().bodies.get(key)
    if known is None:
        raise Missing("open_data.no_thing")
    facts = {"body": known, "systems": snapshot().systems_of(key), "stages": _stages()}
    return render(request, "portal/registry/body.jinja", facts)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def concepts(request: HttpRequest) -> HttpResponse:
    """List every concept with the number of systems that hold it."""
    now = snapshot()
    held = [(one, len(now.holders_of(one.id))) for one in vocabulary().concepts.values()]
    return render(request, "portal/registry/concepts.jinja", {"held": held})


@rule(public)
@require_safe
@page_cache(CACHED_S)
def concept(request: HttpRequest, key: str) -> HttpResponse:
    """Show which systems hold a concept, and in which fields."""
    known = vocabulary().concepts.get(key)
    if known is None:
        raise Missing("open_data.no_thing")
    holders = [
        (
            one,
            [
                said(field.get("names", {}), field["code"])
                for thing in one.content.get("objects", ())
                for field in thing.get("fields", ())
                if field.get("concept") == key
            ],
        )
        for one in snapshot().holders_of(key)
    ]
    personal = (
        texts().text("registry.no_personal_data")
        if known.personal == "none"
        else vocabulary().word("personal_class", known.personal)
    )
    facts = {"concept": known, "holders": holders, "personal": personal}
    return render(request, "portal/registry/concept.jinja", facts)


def _system(now: Snapshot, key: str) -> OpenSystem:
    if key not in now.systems:
        raise Missing("stateregister.no_system")
    return now.systems[key]


def _stages() -> dict[str, str]:
    names = ("established", "in-use", "closed")
    return {name: t(f"registry.stage.{name.replace('-', '_')}") for name in names}


def _described(one: OpenSystem, now: Snapshot, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what both pages of a system say of a content."""
    words, exchange = vocabulary(), read_exchange(country())
    persons = content.get("persons", {})
    operator = str(content.get("operator") or one.owner)
    services = [
        {
            "names": said(service.get("names", {}), service["code"]),
            "path": f"/r1/{exchange.instance}/{exchange.member_class}/{one.id}/{service['code']}",
            "openapi": f"/r1/{exchange.instance}/{exchange.member_class}/{one.id}/getOpenAPI"
                       f"?serviceCode={service['code']}",
            "consent": bool(service.get("consent")),
        }
        for service in content.get("services", ())
    ]  # fmt: skip
    return {
        "system": one,
        "names": said(content.get("names", {}), one.code),
        "purpose": said(content.get("purpose", {}), one.code),
        "stage": _stages()[one.stage],
        "kind": words.word("kind", str(content.get("kind", "system"))),
        "operator": operator,
        "operator_names": body_names(operator),
        # Thousands apart by a space that does not break, as all three languages write them.
        "persons": f"{persons.get('count', 0):,}".replace(",", "\u00a0"),
        "who": [words.word("who", who) for who in persons.get("who", ())],
        "classes": [words.word("personal_class", c) for c in content.get("personal_classes", ())],
        "bases": [(act_names(b["act"]), b.get("article", "")) for b in
                  content.get("legal_bases", ())],
        "objects": [_object(thing) for thing in content.get("objects", ())],
        "sources": [_source(source, now) for source in content.get("sources", ())],
        "users": [(user, body_names(user)) for user in content.get("users", ())],
        "contacts": content.get("contacts", ()),
        "documents": [(words.word("document", d.get("kind", "")), d.get("name", ""))
                      for d in content.get("documents", ())],
        "services": services,
    }  # fmt: skip


def _object(thing: Mapping[str, Any]) -> dict[str, Any]:
    concepts = vocabulary().concepts
    return {
        "names": said(thing.get("names", {}), thing["code"]),
        "fields": [
            (said(field.get("names", {}), field["code"]), concepts.get(field.get("concept", "")))
            for field in thing.get("fields", ())
        ],
    }


def _source(source: Mapping[str, Any], now: Snapshot) -> dict[str, Any]:
    if source.get("kind") == "own":
        return {"names": texts().text("registry.system.own"), "address": None}
    key = str(source.get("system", ""))
    found = now.systems.get(key)
    if found is None:
        return {"names": Text(key, key, key), "address": None}
    return {"names": found.names, "address": reverse("registry_system", args=key.split("/"))}


def _right(right: OpenAgreement, now: Snapshot) -> dict[str, Any]:
    return {
        "id": right.id,
        "consumer": now.systems[right.consumer],
        "provider": now.systems[right.provider],
        "service": _service_names(right, now),
        "purposes": [purpose_names(one) for one in right.content.get("purposes", ())],
        "until": right.last_day,
    }


def _service_names(right: OpenAgreement, now: Snapshot) -> Text:
    """Return the words of the service; one that the node answers itself has only its code."""
    for one in now.systems[right.provider].services:
        if one.code == right.service:
            return one.names
    return Text(right.service, right.service, right.service)


def _state(right: OpenAgreement) -> str:
    today = local_date(settings.CLOCK.now())
    if right.force != "in-force":
        return right.force
    if today < right.first_day:
        return "not-yet"
    return "ended" if today > right.last_day else "in-force"


def _is_alive(right: OpenAgreement) -> bool:
    return _state(right) == "in-force"


def _word(area: str, code: str, language: str) -> str:
    key = f"{area}.{code.replace('-', '_')}"
    return texts().say(key, language) if key in texts() else code


def _history(one: OpenSystem) -> list[dict[str, Any]]:
    """Return the versions, the newest first, with what each changed of the open part."""
    kept = list(reading.descriptions(reading.system(one.owner, one.code)))
    rows = []
    for place, version in enumerate(kept):
        older = kept[place + 1] if place + 1 < len(kept) else None
        changed = [] if older is None else _open_changes(older.content, version.content)
        rows.append(
            {
                "number": version.number,
                "at": version.made_at,
                "is_first": older is None,
                "changes": changed,
                "is_shown": version.number == one.version,
            }
        )
    return rows


def _open_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[str]]:
    """Return (what, how) of each change that the public may read of."""
    old, new = (open_part("description", one, Audience.PUBLIC) for one in (before, after))
    return [_change(one) for one in differences(old, new)
            if may_read(Audience.PUBLIC, "description", one.key)]  # fmt: skip


def _change(of: Difference) -> list[str]:
    language = current_language()
    what = _word("registry.change.part", of.key, language)
    named = of.after if isinstance(of.after, dict) else of.before
    name = of.what
    if isinstance(named, dict) and isinstance(named.get("names"), dict):
        name = said(named["names"], of.what).in_language(language)
    return [f"{what}: {name}" if name else what, t(f"registry.change.{of.kind}")]
