"""Which events there are and who may have them: read from the directory.

A type is an endpoint `EVENT /<type>` of the publisher's service `events`, whose `schemas` may say
what an event of it looks like. A subscription is an
agreement of the publisher about `POST /<type>` of the subscriber's service `deliverEvent`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.gateway.directory.builtin import DELIVER_EVENT
from pencere.gateway.directory.model import Agreement, Directory
from pencere.kernel.events.schemas import EventSchema

_TYPE = re.compile(r"[a-z][a-z0-9-]{0,63}")
METHOD = "EVENT"
SERVICE = "events"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who gets events of a type, why, and which fields of them."""

    agreement: Agreement
    subscriber: str
    name: str

    @property
    def key(self) -> str:
        """Return by what its cursor is known: an agreement may be about several types."""
        return f"{self.identifier}/{self.name}"

    @property
    def identifier(self) -> str:
        """Return the number of the agreement."""
        return self.agreement.identifier

    def narrowed(self, data: Mapping[str, object]) -> dict[str, object]:
        """Return what of an event the subscriber may see."""
        fields = self.agreement.fields
        return {name: value for name, value in data.items() if not fields or name in fields}


def is_type(name: str) -> bool:
    """Say whether a type may be called so."""
    return _TYPE.fullmatch(name) is not None


def is_registered(directory: Directory, publisher: str, name: str) -> bool:
    """Say whether the directory knows the type as the publisher's."""
    service = directory.services.get(f"{publisher}/{SERVICE}")
    return service is not None and any(one.covers(METHOD, f"/{name}") for one in service.endpoints)


def schema_of(directory: Directory, publisher: str, name: str) -> Mapping[str, Any] | None:
    """Return the JSON Schema that a registered type states, None when it states none."""
    service = directory.services.get(f"{publisher}/{SERVICE}")
    return service.schemas.get(name) if service is not None else None


def misfit(directory: Directory, publisher: str, name: str, data: Mapping[str, Any]) -> str:
    """Return what the type's schema demands and an event does not keep; empty: it fits.

    Raises:
        UnusableSchema: nothing can be checked by what the type states.
    """
    stated = schema_of(directory, publisher, name)
    if stated is None:
        return ""
    key = ("event schema", publisher, name)
    schema: EventSchema | None = directory.decided.get(key)
    if schema is None:
        schema = directory.decided[key] = EventSchema(stated)
    return schema.misfit(data)


def subscriptions(directory: Directory, publisher: str, name: str, on: date) -> list[Subscription]:
    """Return who gets events of the type on a day."""
    found = []
    for (consumer, service), group in directory.agreements.items():
        subscriber, _, code = service.rpartition("/")
        if consumer != publisher or code != DELIVER_EVENT:
            continue
        found += [
            Subscription(one, subscriber, name)
            for one in group
            if one.is_in_force(on) and any(e.covers("POST", f"/{name}") for e in one.endpoints)
        ]
    return found


def whole(publisher: str, name: str) -> str:
    """Return the name of a type among all publishers."""
    return f"{publisher}/{name}"
