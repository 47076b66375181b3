"""The whole open register in memory, made anew when a table of it changed.

Reading is then free of the database: one cheap question says whether anything is new. A few
thousand systems are a few tens of megabytes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from types import MappingProxyType
from typing import Any

from django.db import connection

from pencere.kernel.text import LANGUAGES, Text
from pencere.web.openregister.domain.audience import Audience, open_part
from pencere.web.openregister.domain.records import OpenAgreement, OpenService, OpenSystem
from pencere.web.openregister.domain.words import SystemIndex
from pencere.web.stateregister.domain.periods import periods
from pencere.web.stateregister.models import Agreement, Description, Stage, System
from pencere.web.texts import texts

# A row that is changed gets another xmin, and their sum another value.
_STAMP = """
select 'system', count(*), coalesce(sum(xmin::text::bigint), 0) from stateregister_system
union all
select 'agreement', count(*), coalesce(sum(xmin::text::bigint), 0) from stateregister_agreement
union all
select 'description', count(*), coalesce(max(id), 0) from stateregister_description
"""
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Snapshot:
    """Everything the public may read, and the index of its words.

    `systems` are all that were ever registered, `living` those not closed.
    """

    stamp: Stamp
    systems: Mapping[str, OpenSystem]
    agreements: Mapping[str, OpenAgreement]
    modified: datetime
    index: SystemIndex
    _of_system: Mapping[str, tuple[OpenAgreement, ...]] = field(repr=False)
    _of_concept: Mapping[str, tuple[OpenSystem, ...]] = field(repr=False)

    @property
    def living(self) -> tuple[OpenSystem, ...]:
        """Systems that are not closed."""
        return tuple(one for one in self.systems.values() if one.stage != Stage.CLOSED)

    def agreements_of(self, system: str) -> tuple[OpenAgreement, ...]:
        """Return agreements in which a system asks or answers."""
        return self._of_system.get(system, ())

    def service_names(self, provider: str, code: str) -> Text:
        """Return the words of a service, also of what nodes answer themselves."""
        key = f"registry.service.{code}"
        if key in texts():
            return texts().text(key)
        found = self.systems.get(provider)
        for one in () if found is None else found.services:
            if one.code == code:
                return one.names
        return Text(code, code, code)

    def holders_of(self, concept: str) -> tuple[OpenSystem, ...]:
        """Return the systems that keep a concept."""
        return self._of_concept.get(concept, ())

    def systems_of(self, body: str) -> tuple[OpenSystem, ...]:
        """Return the systems of a body."""
        return tuple(one for one in self.systems.values() if one.owner == body)

    @property
    def services(self) -> tuple[OpenService, ...]:
        """Every service of systems in use."""
        return tuple(one for system in self.living for one in system.services)


_kept: list[Snapshot] = []
_lock = Lock()


def snapshot() -> Snapshot:
    """Return the register as it is now."""
    stamp = _stamp()
    if _kept and _kept[0].stamp == stamp:
        return _kept[0]
    with _lock:
        if not _kept or _kept[0].stamp != stamp:
            _kept[:] = [_make(stamp)]
        return _kept[0]


def _stamp() -> Stamp:
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)
        return tuple((str(name), int(rows), int(mark)) for name, rows, mark in cursor)


def _make(stamp: Stamp) -> Snapshot:
    newest = {
        row["system_id"]: row
        for row in Description.objects.order_by("system_id", "-number")
        .distinct("system_id")
        .values("system_id", "number", "made_at", "content")
    }
    systems = {}
    for row in System.objects.order_by("owner_id", "code"):
        # One that the data dropped and nobody ever described is history without a page.
        if row.pk in newest and (row.is_active or row.is_acted_on):
            made = _system(row, newest[row.pk])
            systems[made.id] = made
    agreements = dict(_agreements(systems))
    of_system: dict[str, list[OpenAgreement]] = defaultdict(list)
    for agreement in agreements.values():
        for end in dict.fromkeys((agreement.consumer, agreement.provider)):
            of_system[end].append(agreement)
    of_concept: dict[str, list[OpenSystem]] = defaultdict(list)
    for one in systems.values():
        if one.stage != Stage.CLOSED:
            for concept in one.concepts:
                of_concept[concept].append(one)
    return Snapshot(
        stamp=stamp,
        systems=MappingProxyType(systems),
        agreements=MappingProxyType(agreements),
        modified=max((one.published for one in systems.values()), default=_EPOCH),
        index=SystemIndex(systems.values()),
        _of_system={key: tuple(found) for key, found in of_system.items()},
        _of_concept={key: tuple(found) for key, found in of_concept.items()},
    )


def _system(row: System, newest: Mapping[str, Any]) -> OpenSystem:
    content = open_part("description", newest["content"], Audience.PUBLIC)
    key = row.key
    return OpenSystem(
        id=key,
        owner=row.owner_id,
        code=row.code,
        stage=row.stage,
        names=said(content.get("names", {}), row.code),
        purpose=said(content.get("purpose", {}), row.code),
        version=newest["number"],
        published=newest["made_at"],
        content=MappingProxyType(content),
        content_all=MappingProxyType(newest["content"]),
        services=tuple(
            OpenService(key, one["code"], said(one.get("names", {}), one["code"]), one)
            for one in content.get("services", ())
        ),
        concepts=frozenset(
            one["concept"]
            for thing in content.get("objects", ())
            for one in thing.get("fields", ())
            if one.get("concept")
        ),
        acts=frozenset(one["act"] for one in content.get("legal_bases", ())),
        classes=frozenset(content.get("personal_classes", ())),
    )


def _agreements(systems: Mapping[str, OpenSystem]) -> Iterable[tuple[str, OpenAgreement]]:
    rows = Agreement.objects.select_related("consumer", "provider").order_by("id")
    days = periods()
    for row in rows:
        consumer, provider = row.consumer.key, row.provider.key
        if consumer not in systems or provider not in systems:
            continue
        if not row.is_active and not row.is_acted_on:
            continue
        whole = {
            "id": row.id,
            "consumer": consumer,
            "provider": provider,
            "service": row.service_code,
            "endpoints": row.endpoints,
            "purposes": row.purposes,
            "legal_bases": row.legal_bases,
            "demands": row.demands,
            "fields": row.fields,
            "consent": row.consent,
            "first_day": row.first_day.isoformat(),
            "last_day": row.last_day.isoformat(),
            "state": row.force if row.is_active else "ended",
            "accord": row.accord_id,
            "rate": row.rate,
            "quota": row.quota,
            "represents": row.represents,
            "suppress": row.suppress,
        }
        yield (
            row.id,
            OpenAgreement(
                id=row.id,
                consumer=consumer,
                provider=provider,
                service=row.service_code,
                first_day=row.first_day,
                last_day=row.last_day,
                force=row.force if row.is_active else "ended",
                content=MappingProxyType(open_part("agreement", whole, Audience.PUBLIC)),
                hides_traffic=row.suppress is not None,
                periods=days.get(row.id, ()),
            ),
        )


def said(names: Mapping[str, Any], otherwise: str) -> Text:
    """Return a text; a language in which nothing was written borrows from the first that has."""
    first = next((str(names[one]) for one in LANGUAGES if names.get(one)), otherwise)
    return Text(*(str(names.get(one) or first) for one in LANGUAGES))
