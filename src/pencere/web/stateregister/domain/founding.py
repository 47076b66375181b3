"""Founding: what the country's data says becomes the first version, approved by law.

Afterwards newer data is an act by law too: a system's next version, an agreement's act with what
changed. Where people have acted, theirs stands and the difference is told (`newer_data`). No act
here is by a person; nobody's signature is made up for it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction

from pencere.countries.country import Country
from pencere.kernel.canonical import sha256_of
from pencere.web.stateregister.domain import duties
from pencere.web.stateregister.domain.accord_document import keep
from pencere.web.stateregister.domain.country_file import country_file
from pencere.web.stateregister.domain.recording import describe, record
from pencere.web.stateregister.models import Act, Agreement, Description, System

FOUNDED, BY_LAW, ENDED = "founded", "by-law", "ended"
# What of an agreement the data says.
TERMS = (
    "consumer_id", "provider_id", "service_code", "endpoints", "purposes", "legal_bases", "demands",
    "fields", "represents", "rate", "quota", "consent", "suppress",
)  # fmt: skip


def terms_digest(terms: Mapping[str, Any]) -> str:
    """Return the digest by which an act by law knows an agreement's TERMS."""
    return sha256_of({name: terms[name] for name in TERMS}).hex()


@transaction.atomic
def found(country: Country, *, at: datetime) -> int:
    """Record what the data says anew; return how many systems got their first description."""
    count = sum(_found_system(*one, at=at) for one in _contents(country, at=at))
    last = last_acts_by_law()
    for row in Agreement.objects.filter(accord=None, is_acted_on=False).order_by("id"):
        _found_agreement(row, last.get(row.id), at=at)
    return count


def last_acts_by_law() -> dict[str, Act]:
    """Return for each agreement the last act by which the data moved it."""
    acts = Act.objects.filter(about="agreement", person=None, kind__in=[FOUNDED, BY_LAW, ENDED])
    return {act.subject: act for act in acts.order_by("id")}


def _contents(
    country: Country, *, at: datetime
) -> Iterator[tuple[System, dict[str, Any], Description | None]]:
    """Give systems that the data decides about, what it says, and the newest description."""
    file = country_file(country)
    newest = {
        one.system_id: one
        for one in Description.objects.order_by("system_id", "-number").distinct("system_id")
    }
    waiting = System.objects.filter(is_active=True, is_acted_on=False).order_by("pk")
    for system in waiting.select_related("owner"):
        if system.key in file.data.systems:
            for made in file.documents(system.key):
                keep(made, "application/json", by=None, at=at)
            yield system, file.content(system.key), newest.get(system.pk)


def _found_system(
    system: System, content: dict[str, Any], before: Description | None, *, at: datetime
) -> bool:
    if before is not None and bytes(before.content_sha256) == sha256_of(content):
        return False
    kind = FOUNDED if before is None else BY_LAW
    record("system", system.key, kind, person=None, at=at, body=system.owner_id,
           details={"act": system.legal_basis, "data": "exchange.yaml"})  # fmt: skip
    describe(system, content, why=kind, application="", person=None, at=at)
    if before is None:
        duties.begin(system, content, at=at)
    return before is None


def _found_agreement(row: Agreement, last: Act | None, *, at: datetime) -> None:
    terms = terms_digest({name: getattr(row, name) for name in TERMS})
    details = {
        "acts": row.legal_bases, "data": "exchange.yaml", "terms": terms,
        "from": row.first_day.isoformat(), "until": row.last_day.isoformat(),
    }  # fmt: skip
    if not row.is_active:
        if last is not None and last.kind != ENDED:
            record("agreement", row.id, ENDED, person=None, at=at,
                   details={"data": "exchange.yaml"})  # fmt: skip
        return
    if last is None:
        record("agreement", row.id, FOUNDED, person=None, at=at, details=details)
    elif last.kind == ENDED or any(last.details.get(key) != details[key]
                                   for key in ("terms", "from", "until")):  # fmt: skip
        record("agreement", row.id, BY_LAW, person=None, at=at, details=details)


def since(system: System) -> date | None:
    """Return the day from which the register describes a system."""
    first = Description.objects.filter(system=system).order_by("number").first()
    return None if first is None else first.made_at.date()
