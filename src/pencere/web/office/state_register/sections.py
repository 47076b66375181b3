"""Sections of the form of a description: what was typed becomes content, and back."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest, QueryDict

from pencere.kernel.alphabet import fold
from pencere.kernel.errors import Invalid
from pencere.kernel.events.schemas import EventSchema
from pencere.web.country import country
from pencere.web.office.state_register.accord_form import whole_number
from pencere.web.office.state_register.openapi_form import kept_document, with_document
from pencere.web.people.models.person import Person
from pencere.web.stateregister.domain.accord_document import keep
from pencere.web.stateregister.domain.description import SECTIONS
from pencere.web.stateregister.domain.exchange_data import DEMANDS, EVENT, EVENTS
from pencere.web.stateregister.domain.openapi import METHODS, MOST_OPERATIONS
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import System

LONGEST, LONG = 200, 2000
SPARE_FIELDS = 4  # empty rows below what is there
LARGEST = 5 * 1024 * 1024
LARGEST_SCHEMAS = 64 * 1024
MOST_FIELDS = 300
_EVENT_PATH = re.compile(r"/[a-z][a-z0-9-]{0,63}")
Form = Mapping[str, Any]


def taken(
    section: str, request: HttpRequest, content: Form, *, by: Person, at: datetime
) -> dict[str, Any]:
    """Return the keys of the content that a section writes, from what was sent.

    Raises:
        Invalid: `stateregister.content`, `stateregister.number`, `stateregister.file_kind`,
            `stateregister.openapi` and its kin.
    """
    if section not in SECTIONS:
        raise Invalid("stateregister.content")
    if section in {"documents", "services"}:
        read_files = {"documents": _documents, "services": _services}[section]
        return read_files(request, content, by, at)
    readers: Mapping[str, Callable[[HttpRequest], dict[str, Any]]] = {
        "general": _general, "law": _law, "data": _data, "persons": _persons,
        "exchange": _exchange, "protection": _protection,
    }  # fmt: skip
    return readers[section](request)


def rows_of(content: Form) -> list[dict[str, str]]:
    """Return the fields of a description as rows of the form, with empty ones below."""
    found = [
        {
            "object": one["names"]["az"],
            "name": field["names"]["az"],
            "concept": field["concept"],
        }
        for one in content["objects"]
        for field in one["fields"]
    ]
    return found + [{"object": "", "name": "", "concept": ""}] * SPARE_FIELDS


def _general(request: HttpRequest) -> dict[str, Any]:
    sent = request.POST
    kind = _one_of(sent.get("kind"), vocabulary().codes["kind"]) or "system"
    return {
        "kind": kind,
        "names": _text(sent, "names"),
        "purpose": _text(sent, "purpose"),
        "operator": _one_of(sent.get("operator"), country().bodies),
    }


def _law(request: HttpRequest) -> dict[str, Any]:
    acts, articles = request.POST.getlist("act"), request.POST.getlist("article")
    return {
        "legal_bases": [
            {"act": act, "article": article.strip()[:40]}
            for act, article in zip(acts, articles, strict=False)
            if act in country().acts
        ]
    }


def _data(request: HttpRequest) -> dict[str, Any]:
    sent = request.POST
    objects: dict[str, dict[str, Any]] = {}
    columns = (sent.getlist(name)[:MOST_FIELDS] for name in ("object", "name", "concept"))
    for an_object, name, concept in zip(*columns, strict=False):
        name, an_object = name.strip()[:LONGEST], an_object.strip()[:LONGEST]  # noqa: PLW2901
        if not name:
            continue
        title = an_object or "Məlumat"
        one = objects.setdefault(
            fold(title),
            {"code": _code(title), "names": _same(title), "fields": []},
        )
        code = _code(name)
        if code not in {field["code"] for field in one["fields"]}:
            one["fields"].append(
                {
                    "code": code,
                    "names": _same(name),
                    "concept": _one_of(concept, vocabulary().concepts),
                }
            )
    return {"objects": list(objects.values())}


def _persons(request: HttpRequest) -> dict[str, Any]:
    sent = request.POST
    codes = vocabulary().codes
    return {
        "persons": {
            "who": [one for one in sent.getlist("who") if one in codes["who"]],
            "count": whole_number(sent.get("count", "")) or 0,
        },
        "personal_classes": [
            one for one in sent.getlist("personal_classes") if one in codes["personal_class"]
        ],
    }


def _exchange(request: HttpRequest) -> dict[str, Any]:
    sent = request.POST
    known = {one.key for one in System.objects.select_related("owner")}
    sources: list[dict[str, str]] = [{"kind": "own"}] if sent.get("own") else []
    sources += [
        {"kind": "register", "system": one} for one in sent.getlist("sources") if one in known
    ]
    return {
        "sources": sources,
        "users": [one for one in sent.getlist("users") if one in country().bodies],
    }


def _protection(request: HttpRequest) -> dict[str, Any]:
    sent, codes = request.POST, vocabulary().codes
    contact = {key: sent.get(key, "").strip()[:LONGEST] for key in ("unit", "phone", "email")}
    return {
        "security_class": _one_of(sent.get("security_class"), codes["security_class"]),
        "location": {
            "data_centre": _one_of(sent.get("data_centre"), codes["data_centre"]),
            "address": sent.get("address", "").strip()[:LONGEST],
        },
        "contacts": [contact] if any(contact.values()) else [],
    }


def _documents(request: HttpRequest, content: Form, by: Person, at: datetime) -> dict[str, Any]:
    removed = set(request.POST.getlist("remove"))
    kept = [one for one in content["documents"] if one["sha256"] not in removed]
    given = request.FILES.get("file")
    if given is not None:
        data = given.read(LARGEST + 1)
        media_type = _media_type(data)
        if len(data) > LARGEST or not media_type:
            raise Invalid("stateregister.file_kind")
        digest = keep(data, media_type, by=by, at=at).hex()
        kind = _one_of(request.POST.get("document_kind"), vocabulary().codes["document"])
        if digest not in {one["sha256"] for one in kept}:
            kept.append(
                {
                    "kind": kind or "other",
                    "name": (given.name or "document")[:LONGEST],
                    "sha256": digest,
                    "size": len(data),
                    "media_type": media_type,
                }
            )
    return {"documents": kept}


def _services(request: HttpRequest, content: Form, by: Person, at: datetime) -> dict[str, Any]:
    sent = request.POST
    removed = set(sent.getlist("remove"))
    kept = [one for one in content["services"] if one["code"] not in removed]
    kept = with_document(request, kept, by=by, at=at)
    code = sent.get("service_code", "").strip()
    if not code:
        return {"services": kept}
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,39}", code):
        raise Invalid("stateregister.code")
    title = sent.get("service_name", "").strip()[:LONGEST] or code
    endpoints = [
        [method.upper(), path]
        for line in sent.get("endpoints", "").splitlines()
        for method, _, path in [line.strip().partition(" ")]
        if (method.lower() in METHODS or method.upper() == EVENT) and path.startswith("/")
    ]
    openapi, schemas = "", {}
    given = request.FILES.get("openapi")
    if given is not None and code == EVENTS:
        schemas = _schemas_of(given.read(LARGEST + 1), endpoints)
    elif given is not None:
        openapi, endpoints = kept_document(given.read(LARGEST + 1), by=by, at=at)
    before = next((one for one in kept if one["code"] == code), None)
    if not endpoints and before is not None:
        endpoints, openapi = before["endpoints"], openapi or before["openapi_sha256"]
        schemas = schemas or before.get("schemas", {})
    if not endpoints:
        raise Invalid("stateregister.openapi")
    if not _is_kept_apart(code, endpoints):
        raise Invalid("stateregister.events")
    service = {
        "code": code,
        "names": _same(title),
        "kind": "OPENAPI" if openapi else "REST",
        "endpoints": endpoints[:MOST_OPERATIONS],
        "demands": [one for one in sent.getlist("demands") if one in DEMANDS],
        "timeout_s": min(max(whole_number(sent.get("timeout_s", "")) or 10, 1), 60),
        "consent": _one_of(sent.get("consent"), country().purposes),
        "description": "/openapi.json" if openapi else "",
        "openapi_sha256": openapi,
        "schemas": schemas,
    }
    return {"services": [*(one for one in kept if one["code"] != code), service]}


def _is_kept_apart(code: str, endpoints: list[list[str]]) -> bool:
    """Say whether events are published by the service `events`, and by it nothing else."""
    are_events = [method == EVENT for method, _ in endpoints]
    if code != EVENTS:
        return not any(are_events)
    return all(are_events) and all(_EVENT_PATH.fullmatch(path) for _, path in endpoints)


def _schemas_of(data: bytes, endpoints: list[list[str]]) -> dict[str, Any]:
    """Return JSON Schemas by type of event, such as nodes check by."""
    try:
        said = json.loads(data.decode("utf-8")) if len(data) <= LARGEST_SCHEMAS else None
        if not isinstance(said, dict) or not {f"/{name}" for name in said} <= {
            path for _, path in endpoints
        }:
            raise Invalid("stateregister.schemas")
        for one in said.values():
            EventSchema(one)  # raises UnusableSchema, a ValueError
    except (ValueError, AttributeError, RecursionError) as error:
        raise Invalid("stateregister.schemas") from error
    return said


def _media_type(data: bytes) -> str:
    """Return what a file is by its first bytes; empty for what is not accepted."""
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "text/plain" if text.strip() and "\0" not in text else ""


def _text(sent: QueryDict, name: str) -> dict[str, str]:
    """Return three languages; what is not given is as in Azerbaijani."""
    given = {one: str(sent.get(f"{name}_{one}") or "").strip()[:LONG] for one in ("az", "en", "ru")}
    return {one: value or given["az"] for one, value in given.items()}


def _same(words: str) -> dict[str, str]:
    return {"az": words, "en": words, "ru": words}


def _code(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", fold(words)).strip("-")[:60] or "field"


def _one_of(value: str | None, known: Mapping[str, Any]) -> str:
    return value if value is not None and value in known else ""
