"""Metadata: who is in the directory, which services a provider has, which of them are mine.

PR-META and PR-MREST as released X-Road code answers them (annex B, snake_case), since the
texts' annex A differs from it.
"""

import json
from datetime import date
from xml.sax.saxutils import escape, quoteattr

from pencere.gateway.directory.model import Directory, EndpointPattern, Member, Service
from pencere.gateway.wire.faults import Kind, client_fault
from pencere.gateway.wire.head import Headers
from pencere.gateway.wire.identifiers import ServiceTarget

_JSON = [(b"content-type", b"application/json;charset=utf-8")]
_LISTED_TYPES = frozenset({"REST", "OPENAPI"})


def list_clients(directory: Directory, query: str, accept: bytes) -> tuple[int, Headers, bytes]:
    """Return `/listClients`: JSON when Accept names it, X-Road's XML otherwise."""
    for pair in query.removeprefix("?").split("&"):
        name, _, value = pair.partition("=")
        if name == "xRoadInstance" and value != directory.instance:
            raise client_fault(Kind.INTERNAL_ERROR, f"instance '{value}' is not known here")
    members = list(directory.members.values())
    if b"application/json" in accept.lower():
        body = json.dumps({"member": [_member_json(one) for one in members]}, ensure_ascii=False)
        return 200, _JSON, body.encode()
    return 200, [(b"content-type", b"text/xml;charset=utf-8")], _members_xml(members).encode()


def list_methods(
    directory: Directory, target: ServiceTarget, client: str, on: date
) -> tuple[int, Headers, bytes]:
    """Return `listMethods` or `allowedMethods` of a provider, by the agreements in force."""
    services = [one for one in directory.services_of(target.provider) if one.kind in _LISTED_TYPES]
    listed: list[dict[str, object]] = []
    for service in services:
        endpoints = service.endpoints
        if target.code == "allowedMethods":
            rights = [
                endpoint
                for agreement in directory.agreements.get((client, service.identifier), ())
                if agreement.is_in_force(on)
                for endpoint in agreement.endpoints
            ]
            if not rights:
                continue
            endpoints = tuple(one for one in endpoints if _is_allowed(one, rights))
        listed.append(_service_json(directory, service, endpoints))
    return 200, _JSON, json.dumps({"service": listed}, ensure_ascii=False).encode()


def _is_allowed(endpoint: EndpointPattern, rights: list[EndpointPattern]) -> bool:
    # The listed text is matched against the rights, wildcards and all, as X-Road does.
    return any(
        right.method in {"*", endpoint.method}
        and (right.path == endpoint.path or right.expression.fullmatch(endpoint.path))
        for right in rights
    )


def _member_json(member: Member) -> dict[str, object]:
    identifier: dict[str, object] = {
        "object_type": "SUBSYSTEM" if member.subsystem is not None else "MEMBER",
        "xroad_instance": member.instance,
        "member_class": member.member_class,
        "member_code": member.code,
    }
    if member.subsystem is not None:
        identifier["subsystem_code"] = member.subsystem
    entry: dict[str, object] = {"id": identifier, "name": member.name["az"]}
    if member.subsystem_name:
        entry["subsystem_name"] = member.subsystem_name["az"]
    return entry


def _service_json(
    directory: Directory, service: Service, endpoints: tuple[EndpointPattern, ...]
) -> dict[str, object]:
    provider = directory.members[service.provider]
    return {
        "object_type": "SERVICE",
        "service_type": service.kind,
        "xroad_instance": provider.instance,
        "member_class": provider.member_class,
        "member_code": provider.code,
        "subsystem_code": provider.subsystem,
        "service_code": service.code,
        "endpoint_list": [{"method": one.method, "path": one.path} for one in endpoints],
    }


def _members_xml(members: list[Member]) -> str:
    rows = "".join(
        f"<xsd:member><xsd:id id:objectType={quoteattr(_type(one))}>"
        f"<id:xRoadInstance>{escape(one.instance)}</id:xRoadInstance>"
        f"<id:memberClass>{escape(one.member_class)}</id:memberClass>"
        f"<id:memberCode>{escape(one.code)}</id:memberCode>"
        + (
            f"<id:subsystemCode>{escape(one.subsystem)}</id:subsystemCode>"
            if one.subsystem is not None
            else ""
        )
        + f"</xsd:id><xsd:name>{escape(one.name['az'])}</xsd:name></xsd:member>"
        for one in members
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<xsd:clientList xmlns:xsd="http://x-road.eu/xsd/xroad.xsd"'
        ' xmlns:id="http://x-road.eu/xsd/identifiers">' + rows + "</xsd:clientList>"
    )


def _type(member: Member) -> str:
    return "SUBSYSTEM" if member.subsystem is not None else "MEMBER"
