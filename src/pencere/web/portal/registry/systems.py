"""The page of a system, of one of its versions, of a body, a concept, an agreement."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Missing, PencereError
from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.middleware.page_cache import page_cache
from pencere.web.openregister.domain.audience import Audience, may_read, open_part
from pencere.web.openregister.domain.records import (
    OpenAgreement,
    OpenService,
    OpenSystem,
    act_names,
    body_names,
    purpose_names,
)
from pencere.web.openregister.domain.snapshot import Snapshot, said, snapshot
from pencere.web.openregister.domain.words import event_names
from pencere.web.rules import public, rule
from pencere.web.stateregister.domain import reading
from pencere.web.stateregister.domain.description import Difference, differences
from pencere.web.stateregister.domain.exchange_data import SUBSCRIPTION, ExchangeData, read_exchange
from pencere.web.stateregister.domain.openapi import document_of
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
        **_described(one, now, one.content, one.version),
        "is_old": False,
        "asked_by": _rights(one, now, "given"),
        "asks": _rights(one, now, "taken"),
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
        **_described(one, now, content, number),
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
    wants, holder = _sides(right)
    facts = {
        "right": right,
        "consumer": now.systems[wants],
        "provider": now.systems[holder],
        "service": now.service_names(right.provider, right.service),
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


def _described(
    one: OpenSystem, now: Snapshot, content: Mapping[str, Any], number: int
) -> dict[str, Any]:
    """Return what both pages of a system say of a content, that of the version `number`."""
    words, exchange = vocabulary(), read_exchange(country())
    persons = content.get("persons", {})
    operator = str(content.get("operator") or one.owner)
    services = [
        _service(OpenService(one.id, code, said(service.get("names", {}), code), service), number,
                 exchange)
        for service in content.get("services", ())
        for code in [service["code"]]
    ]  # fmt: skip
    return {
        "system": one,
        "number": number,
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


def _service(of: OpenService, number: int, exchange: ExchangeData) -> dict[str, Any]:
    path = of.gateway_path(exchange.instance, exchange.member_class)
    above = path.rpartition("/")[0]
    schemas = of.content.get("schemas") or {}
    return {
        "names": of.names,
        "path": path,
        "events": [(name, event_names(name), _pretty(schemas.get(name))) for name in of.events],
        "operations": [" ".join(one) for one in of.content.get("endpoints", ())],
        "openapi": f"{above}/getOpenAPI?serviceCode={of.code}",
        "document": _document(of, number),
        "consent": bool(of.content.get("consent")),
    }


def _document(of: OpenService, number: int) -> dict[str, Any] | None:
    """Return the kept OpenAPI document of a service: where it is, and what it says of itself."""
    if not of.openapi_sha256:
        return None
    place = reverse("registry_api_version_openapi", args=[*of.system.split("/"), number, of.code])
    try:
        said_there = document_of(of.openapi_sha256)
    except PencereError:  # kept before documents were checked as they are now
        return {"address": place, "title": "", "version": "", "operations": []}
    return {
        "address": place,
        "title": said_there.title,
        "version": said_there.version,
        "operations": [[one.method, one.path, one.summary] for one in said_there.operations],
    }


def _pretty(schema: Mapping[str, Any] | None) -> str:
    return "" if schema is None else json.dumps(schema, ensure_ascii=False, indent=1)


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


def _rights(of: OpenSystem, now: Snapshot, side: str) -> list[dict[str, Any]]:
    """Return what others may ask of a system (`given`), or it of others, by the other system."""
    found: dict[str, list[dict[str, Any]]] = {}
    for right in now.agreements_of(of.id):
        wants, holder = _sides(right)
        mine, other = (holder, wants) if side == "given" else (wants, holder)
        if mine == of.id and _is_alive(right):
            found.setdefault(other, []).append(
                {
                    "id": right.id,
                    "service": now.service_names(right.provider, right.service),
                    "events": [
                        event_names(path.removeprefix("/"))
                        for _, path in right.content["endpoints"]
                    ]
                    if right.service == SUBSCRIPTION
                    else [],
                    "purposes": [purpose_names(one) for one in right.content.get("purposes", ())],
                    "until": right.last_day,
                }
            )
    return [{"system": now.systems[key], "rights": found[key]} for key in sorted(found)]


def _sides(right: OpenAgreement) -> tuple[str, str]:
    """Return who wants something and who has it: events go to the subscriber."""
    if right.service == SUBSCRIPTION:
        return right.provider, right.consumer
    return right.consumer, right.provider


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
