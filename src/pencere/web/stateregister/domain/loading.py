"""Bringing the register to what the country's data says. May be done again; nothing is lost.

What the data no longer names is not deleted but made inactive: exchanges of the past still name it.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction

from pencere.countries.country import Country
from pencere.kernel.errors import Invalid
from pencere.web.stateregister.domain.exchange_data import ExchangeData, read_exchange
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
    System.objects.exclude(pk__in=[one.pk for one in systems.values()]).update(is_active=False)
    services = [_load_service(key, data, systems).pk for key in data.services]
    Service.objects.exclude(pk__in=services).update(is_active=False)
    for entry in data.agreements:
        Agreement.objects.update_or_create(
            id=entry.id,
            defaults={
                "consumer": systems[entry.consumer],
                "provider": systems[entry.provider],
                "service_code": entry.service_code,
                "endpoints": [list(pair) for pair in entry.endpoints],
                "purposes": list(entry.purposes),
                "legal_bases": list(entry.legal_bases),
                "demands": list(entry.demands),
                "first_day": entry.first_day,
                "last_day": entry.last_day,
                "is_active": True,
            },
        )
    Agreement.objects.exclude(id__in=[one.id for one in data.agreements]).update(is_active=False)
    return data


@transaction.atomic
def load_nodes(nodes: Iterable[NodeEntry], instance: str) -> None:
    """Load the nodes; a system that is not registered cannot be served.

    Raises:
        Invalid: `stateregister.system_unknown`.
    """
    known = {identifier_of(system, instance): system for system in _systems()}
    kept = []
    for entry in nodes:
        unknown = [one for one in entry.serves if one not in known]
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
        node.serves.set([known[one] for one in entry.serves])
        kept.append(node.pk)
    Node.objects.exclude(pk__in=kept).update(is_active=False)


def identifier_of(system: System, instance: str) -> str:
    """Return the gateway identifier of a system."""
    return f"{instance}/{system.owner.member_class}/{system.owner_id}/{system.code}"


def _systems() -> Iterable[System]:
    return System.objects.filter(is_active=True).select_related("owner")


def _load_system(key: str, data: ExchangeData) -> System:
    entry = data.systems[key]
    system, _ = System.objects.update_or_create(
        owner_id=entry.body,
        code=entry.code,
        defaults={
            "names": entry.names.as_mapping(),
            "legal_basis": entry.legal_basis,
            "is_active": True,
        },
    )
    return system


def _load_service(key: str, data: ExchangeData, systems: Mapping[str, System]) -> Service:
    entry = data.services[key]
    service, _ = Service.objects.update_or_create(
        system=systems[entry.system],
        code=entry.code,
        defaults={
            "names": entry.names.as_mapping(),
            "endpoints": [list(pair) for pair in entry.endpoints],
            "demands": list(entry.demands),
            "is_active": True,
        },
    )
    return service
