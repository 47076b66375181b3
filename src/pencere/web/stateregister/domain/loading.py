"""Bringing the register to what the country's data says. May be done again; nothing is lost.

The first time founds the register: what the data says counts as approved by law. Afterwards the
data still moves what nobody has decided about; a system, its services, or an agreement with an
act of people stays as people left it (docs/decisions/0028-founded-once-then-acts.md). What the
data no longer names is not deleted but made inactive: exchanges of the past still name it.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from pencere.countries.country import Country
from pencere.kernel.errors import Invalid
from pencere.web.stateregister.domain.country_file import service_said
from pencere.web.stateregister.domain.exchange_data import (
    AgreementEntry,
    ExchangeData,
    read_exchange,
)
from pencere.web.stateregister.models import Agreement, Body, Node, Service, System


@dataclass(frozen=True)
class NodeEntry:
    """A node as whoever installs it describes it; `certificates` are DER, for TLS and signing.

    `serves` are gateway identifiers of systems: `AZ/GOV/idda/portal`.
    """

    id: str
    address: str
    serves: tuple[str, ...]
    certificates: tuple[bytes, ...]


@transaction.atomic
def load_country(country: Country) -> ExchangeData:
    """Load bodies, systems, services and agreements."""
    data = read_exchange(country)
    for body in country.bodies.values():
        Body.objects.update_or_create(
            id=body.id,
            defaults={
                "member_class": data.member_class,
                "names": body.names.as_mapping(),
                "is_active": True,
            },
        )
    Body.objects.exclude(id__in=country.bodies).update(is_active=False)
    systems = {entry.id: _load_system(entry.id, data) for entry in data.systems.values()}
    System.objects.exclude(pk__in=[one.pk for one in systems.values()]).exclude(
        is_acted_on=True
    ).update(is_active=False)
    services = [_load_service(key, data, systems).pk for key in data.services]
    Service.objects.exclude(pk__in=services).exclude(system__is_acted_on=True).update(
        is_active=False
    )
    for entry in data.agreements:
        _load_agreement(entry, systems)
    Agreement.objects.exclude(id__in=[one.id for one in data.agreements]).exclude(
        is_acted_on=True
    ).update(is_active=False)
    return data


@transaction.atomic
def load_nodes(nodes: Iterable[NodeEntry], instance: str) -> None:
    """Load the nodes; a system that is not registered cannot be served.

    Raises:
        Invalid: `stateregister.system_unknown`.
    """
    known = {identifier_of(system, instance): system for system in _systems()}
    # What people closed stays served by nobody, whatever the installation says.
    closed = {
        identifier_of(system, instance)
        for system in System.objects.filter(is_active=False, is_acted_on=True).select_related(
            "owner"
        )
    }
    kept = []
    for entry in nodes:
        unknown = [one for one in entry.serves if one not in known and one not in closed]
        if unknown:
            raise Invalid("stateregister.system_unknown", node=entry.id, system=unknown[0])
        encoded = [base64.b64encode(der).decode("ascii") for der in entry.certificates]
        node, _ = Node.objects.update_or_create(
            identifier=entry.id,
            defaults={
                "address": entry.address,
                "certificates": [
                    {"use": use, "der": der} for der in encoded for use in ("tls", "sign")
                ],
                "is_active": True,
            },
        )
        served = [known[one] for one in entry.serves if one in known]
        if node.is_acted_on:  # people gave it systems besides
            node.serves.add(*served)
        else:
            node.serves.set(served)
        kept.append(node.pk)
    Node.objects.exclude(pk__in=kept).exclude(is_acted_on=True).update(is_active=False)


def identifier_of(system: System, instance: str) -> str:
    """Return the gateway identifier of a system."""
    return f"{instance}/{system.owner.member_class}/{system.owner_id}/{system.code}"


def _systems() -> Iterable[System]:
    return System.objects.filter(is_active=True).select_related("owner")


def _load_system(key: str, data: ExchangeData) -> System:
    entry = data.systems[key]
    names = entry.names.as_mapping()
    system, is_new = System.objects.get_or_create(
        owner_id=entry.body,
        code=entry.code,
        defaults={"names": names, "legal_basis": entry.legal_basis},
    )
    if not is_new and not system.is_acted_on:
        System.objects.filter(pk=system.pk, is_acted_on=False).update(
            names=names, legal_basis=entry.legal_basis, is_active=True
        )
        system.refresh_from_db()
    return system


def _load_service(key: str, data: ExchangeData, systems: Mapping[str, System]) -> Service:
    entry = data.services[key]
    system = systems[entry.system]
    defaults = {**service_said(entry), "is_active": True}
    service, is_new = Service.objects.get_or_create(
        system=system, code=entry.code, defaults=defaults
    )
    if not is_new and not system.is_acted_on:
        Service.objects.filter(pk=service.pk).update(**defaults)
    return service


def _load_agreement(entry: AgreementEntry, systems: Mapping[str, System]) -> None:
    values = {
        "consumer": systems[entry.consumer],
        "provider": systems[entry.provider],
        "is_active": True,
        **values_of(entry),
    }
    agreement, is_new = Agreement.objects.get_or_create(id=entry.id, defaults=values)
    if not is_new and not agreement.is_acted_on:
        Agreement.objects.filter(id=entry.id, is_acted_on=False).update(**values)


def values_of(entry: AgreementEntry) -> dict[str, Any]:
    """Return an agreement's terms as its row has them."""
    return {
        "service_code": entry.service_code,
        "endpoints": [list(pair) for pair in entry.endpoints],
        "purposes": list(entry.purposes),
        "legal_bases": list(entry.legal_bases),
        "demands": list(entry.demands),
        "first_day": entry.first_day,
        "last_day": entry.last_day,
        "fields": list(entry.fields),
        "represents": list(entry.represents),
        "rate": _plain(entry.rate),
        "quota": _plain(entry.quota),
        "consent": entry.consent,
        "suppress": _plain(entry.suppress),
    }


def _plain(value: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if value is None else dict(value)
