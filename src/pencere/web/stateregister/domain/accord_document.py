"""The document of an accord: the PDF that both sides sign, made once and kept as it is."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from pencere.documents.code import new_code
from pencere.kernel.clock import local_date
from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.people.models.person import Person
from pencere.web.stateregister.domain.reading import description_of
from pencere.web.stateregister.domain.sides import asked, asking
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Accord, Document

TEMPLATE = "accord.typ"
LANGUAGE = "az"  # the state language; the terms in the register are the same in every language


def document_of(row: Accord, *, by: Person, at: datetime) -> bytes:
    """Make the PDF of the terms as they are, keep it, and return its SHA-256."""
    # typst takes 35 MiB and a second: only who makes a document loads it.
    from pencere.documents.make import make_pdf  # noqa: PLC0415

    row.code = new_code()
    row.save(update_fields=["code"])
    pdf = make_pdf(
        country().folder / TEMPLATE,
        _facts(row),
        LANGUAGE,
        f"{settings.INSTALLATION.address('portal')}/v/{row.code}",
        document={
            "authority": country().body(vocabulary().approvers["register-approver"].body)
            .names.as_mapping(),
            "number": row.number,
            "issued_on": local_date(at).isoformat(),
        },
        made_at=at,
    )  # fmt: skip
    return keep(pdf, "application/pdf", by=by, at=at)


def keep(content: bytes, media_type: str, *, by: Person | None, at: datetime) -> bytes:
    """Keep a file among the register's documents; return its SHA-256."""
    digest = hashlib.sha256(content).digest()
    Document.objects.get_or_create(
        sha256=digest,
        defaults={
            "media_type": media_type, "content": content, "added_by": by, "added_at": at,
        },
    )  # fmt: skip
    return digest


def _facts(row: Accord) -> dict[str, Any]:
    terms, wants, holder = row.terms, asking(row), asked(row)
    described = {
        field["code"]: field["names"]
        for one in description_of(holder).content["objects"]
        for field in one["fields"]
    }
    purposes, acts, bodies = country().purposes, country().acts, country().bodies
    return {
        "consumer_body": wants.owner.names,
        "consumer": wants.names,
        "provider_body": holder.owner.names,
        "provider": holder.names,
        "agreement": row.agreement_id,
        "is_amendment": row.is_amendment,
        "service": terms["service"],
        "endpoints": [" ".join(pair) for pair in terms["endpoints"]],
        "purposes": [_said(purposes[one].names) for one in terms["purposes"]],
        "legal_bases": [_act(acts[one]) for one in terms["legal_bases"]],
        "fields": [described.get(one, {LANGUAGE: one})[LANGUAGE] for one in terms["fields"]],
        "demands": terms["demands"],
        "represents": [_said(bodies[one.partition("/")[2]].names) for one in terms["represents"]],
        "persons": terms["persons"],
        "rate": _rate(terms["rate"]),
        "quota": terms["quota"] or {},
        "consent": terms["consent"],
        "suppress": _suppress(terms.get("suppress"), acts),
        "from": terms["from"],
        "until": terms["until"],
        "note": terms["note"],
    }


def _said(names: Text) -> str:
    return names.in_language(LANGUAGE)


def _act(act: Any) -> str:
    return f"{_said(act.names)}, № {act.number}, {act.adopted:%d.%m.%Y}"


def _suppress(suppress: dict[str, Any] | None, acts: Mapping[str, Any]) -> dict[str, Any]:
    if suppress is None:
        return {}
    return {"bases": [_act(acts[one]) for one in suppress["bases"]], "days": suppress["days"]}


def _rate(rate: dict[str, Any] | None) -> dict[str, Any]:
    return rate or {}
