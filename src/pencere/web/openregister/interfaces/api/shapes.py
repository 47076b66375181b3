"""What the API says of each thing. The shapes are those of openapi.yaml; a test compares."""

from typing import Any

from pencere.web.openregister.domain.audience import Audience, open_part
from pencere.web.openregister.domain.graph import Edge
from pencere.web.openregister.domain.records import (
    OpenAgreement,
    OpenService,
    OpenSystem,
    body_names,
)
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.openregister.exports.names import addresses
from pencere.web.stateregister.domain.exchange_data import ExchangeData
from pencere.web.stateregister.models import Description


def summary(of: OpenSystem) -> dict[str, Any]:
    """Return a system as lists show it."""
    return {
        "id": of.id,
        "address": str(addresses().id("system", of.id)),
        "kind": of.kind,
        "state": of.stage,
        "owner": {"id": of.owner, "names": of.owner_names.as_mapping()},
        "names": of.names.as_mapping(),
        "purpose": of.purpose.as_mapping(),
        "version": of.version,
        "published": of.published.isoformat(),
        "personal_classes": sorted(of.classes),
        "concepts": sorted(of.concepts),
        "legal_bases": sorted(of.acts),
        "services": len(of.services),
    }


def system(of: OpenSystem, every: Snapshot, exchange: ExchangeData) -> dict[str, Any]:
    """Return a system whole: its open description, services, agreements."""
    found = summary(of)
    found["services"] = [service(one, exchange) for one in of.services]
    content = dict(of.content)
    content.pop("services", None)
    found["description"] = content
    found["agreements"] = [agreement(one) for one in every.agreements_of(of.id)]
    return found


def service(of: OpenService, exchange: ExchangeData) -> dict[str, Any]:
    """Return a service with its address on the gateway."""
    path = of.gateway_path(exchange.instance, exchange.member_class)
    above = path.rpartition("/")[0]
    return {
        "id": of.id,
        "system": of.system,
        "code": of.code,
        "names": of.names.as_mapping(),
        "kind": of.content.get("kind", "REST"),
        "endpoints": of.content.get("endpoints", []),
        "demands": of.content.get("demands", []),
        "consent": of.content.get("consent") or None,
        "gateway_path": path,
        "openapi_path": None if of.events else f"{above}/getOpenAPI?serviceCode={of.code}",
        "openapi_address": str(addresses().api(f"services/{of.id}/openapi"))
        if of.openapi_sha256
        else None,
        "openapi_sha256": of.openapi_sha256 or None,
        "event_schemas": of.content.get("schemas") or {},
    }


def agreement(of: OpenAgreement) -> dict[str, Any]:
    """Return an agreement's open part."""
    return {**of.content, "address": str(addresses().id("agreement", of.id))}


def version(of: Description) -> dict[str, Any]:
    """Return a version of a description, its open part."""
    facts = {
        "number": of.number,
        "published": of.made_at.isoformat(),
        "application": of.application or None,
        "why": of.why,
    }
    found = open_part("version", facts, Audience.PUBLIC)
    content = open_part("description", of.content, Audience.PUBLIC)
    return {**found, "sha256": bytes(of.content_sha256).hex(), "description": content}


def edge(of: Edge) -> dict[str, Any]:
    """Return a pair of the graph; what is hidden has no counts."""
    counted = of.counted
    return {
        "consumer": of.consumer,
        "consumer_body": body_names(of.consumer.partition("/")[0]).as_mapping(),
        "service": of.service_id,
        "agreements": [one.id for one in of.agreements],
        "verdict": of.verdict,
        "exchanges": None if counted is None else counted.answered,
        "exchanges_30_days": None if counted is None else counted.lately,
        "other_outcomes": None if counted is None else counted.other,
        "last": None
        if counted is None or counted.last_answered is None
        else counted.last_answered.isoformat(),
    }
