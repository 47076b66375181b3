"""Services offered after an event, from the country's `offers.yaml`; a person may decline them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pencere.kernel.datafile import Node
from pencere.services.catalogue import Catalogue
from pencere.web.country import country
from pencere.web.notifications.models import OffersDeclined


@dataclass(frozen=True, slots=True)
class Offer:
    """Services to offer when the event holds what `only` says."""

    only: Mapping[str, str]
    services: tuple[str, ...]


def services_after(event: str, data: Mapping[str, Any], *, person: Any) -> list[str]:
    """Return the services to offer to a person after an event, none when they declined offers."""
    found = _offers(country().folder).get(event)
    if found is None or any(str(data.get(key)) != value for key, value in found.only.items()):
        return []
    return [] if is_declined(person) else list(found.services)


def is_declined(person: Any) -> bool:
    """Say whether the person wants no offers."""
    return OffersDeclined.objects.filter(person=person).exists()


def decline(person: Any, *, at: datetime) -> None:
    """Offer nothing to the person any more."""
    OffersDeclined.objects.get_or_create(person=person, defaults={"at": at})


def allow(person: Any) -> None:
    """Offer again."""
    OffersDeclined.objects.filter(person=person).delete()


@cache
def _offers(folder: Path) -> Mapping[str, Offer]:
    """Return the offers of a country by event.

    Raises:
        Misconfigured: a service that the catalogue does not have, or a wrong form.
    """
    file = folder / "offers.yaml"
    if not file.exists():
        return MappingProxyType({})
    known = Catalogue.load(folder).entries
    found = {}
    for event, node in Node.of_file(file).children("offers").items():
        services = node.strings("services", ("residence-certificate",))
        if not services or not set(services) <= known.keys():
            raise node.wrong("services", [next(iter(known))])
        only = node.child("only") if node.has("only") else None
        facts = {} if only is None else {str(key): only.string(str(key)) for key in only.values}
        found[event] = Offer(MappingProxyType(facts), services)
    return MappingProxyType(found)
