"""An access as each form of `findUsage` tells it."""

import json
from collections.abc import Sequence
from typing import Any

from pencere.gateway.directory.model import Directory
from pencere.gateway.exchange.usage.asked import Form
from pencere.gateway.log.usage import Access
from pencere.gateway.wire.actors import Actor
from pencere.gateway.wire.evidence import format_time
from pencere.gateway.wire.identifiers import decode_part


def render(
    form: Form, accesses: Sequence[Access], *, total: int, offset: int, directory: Directory
) -> bytes:
    """Return the body of the answer."""
    if form is Form.OWN:
        usages = [_own(one) for one in accesses]
        content: dict[str, Any] = {"totalUsages": total, "offset": offset, "usages": usages}
    elif form is Form.V2:
        content = {"totalUsages": total, "usages": [_v2(one, directory) for one in accesses]}
    else:
        content = {
            "totalUsages": total,
            "returnedUsages": len(accesses),
            "dataResponses": [_v3(one, directory) for one in accesses],
        }
    return json.dumps(content, ensure_ascii=False).encode()


def _own(access: Access) -> dict[str, Any]:
    _, _, member, system = access.consumer.split("/")
    entry = access.leaf_entry
    usage: dict[str, Any] = {
        "logtime": format_time(access.at),
        "action": access.endpoint,
        "receiverCode": member,
        "receiverSystem": system,
        "representedParty": _party(access.represented),
        # Who of a body it was is for the body and the auditor; the person learns the body.
        "self": access.actor is Actor.SELF,
        "automatic": access.actor is Actor.SYSTEM,
        "service": access.service,
        "purpose": access.purpose,
        "legalBasis": access.legal_basis,
        "case": access.case_number,
        "exchange": str(access.exchange),
        "outcome": access.outcome,
        "status": access.status,
        "consent": access.consent or None,
        "hiddenUntil": None if access.hidden_until is None else format_time(access.hidden_until),
        "hiddenReason": access.hidden_reason or None,
        "salt": access.leaf_salt.hex() if access.leaf_salt is not None else None,
        # Until the sequencer has given it an index: seconds.
        "leaf": {"entry": entry.decode(), "index": None} if entry is not None else None,
        "proof": None,
        "checkpoint": None,
    }
    if access.proof is not None:
        usage |= access.proof.as_json()
    return usage


def _v2(access: Access, directory: Directory) -> dict[str, Any]:
    _, _, code, name, system = _receiver(access, directory)
    usage = {
        "logtime": format_time(access.at),
        "action": _action(access, directory),
        "receiverCode": code,
        "receiverSystem": system,
    }
    return usage | ({"receiverName": name} if name else {})


def _v3(access: Access, directory: Directory) -> dict[str, Any]:
    _, member_class, code, name, system = _receiver(access, directory)
    provider = directory.members.get(access.service.rpartition("/")[0])
    usage: dict[str, Any] = {
        "logTime": format_time(access.at),
        "purpose": access.purpose or access.endpoint,
        "legalBasis": access.legal_basis or None,
        "consentReference": access.consent or None,
        "queryId": access.message_id,
        "queryGroupId": access.case_number or None,
        "bulkProcessing": access.actor is Actor.SYSTEM,
        "initiatorOrg": {
            "type": member_class,
            "code": code,
            "name": name or code,
            "systemName": system,
        },
        "target": {
            "type": provider.member_class if provider is not None else "GOV",
            "code": access.service.split("/")[2],
            "name": provider.name["az"] if provider is not None else access.service.split("/")[2],
            "systemName": decode_part(access.service.split("/")[3]),
        },
    }
    if access.hidden_until is not None:
        usage["hiddenUntil"] = format_time(access.hidden_until)
        usage["hiddenReason"] = access.hidden_reason
    return usage


def _receiver(access: Access, directory: Directory) -> tuple[str, str, str, str, str]:
    """Return instance, class, code, name and system of who was given the data."""
    instance, member_class, code, system = access.consumer.split("/")
    member = directory.members.get(access.consumer)
    system_name = decode_part(system)
    if access.represented:
        # A shared system asked for another body: that body is who was given the data.
        member_class, _, code = access.represented.rpartition("/")
        member = directory.members.get(f"{instance}/{access.represented}")
    name = member.name["az"] if member is not None else ""
    return instance, member_class or "GOV", code, name, system_name


def _action(access: Access, directory: Directory) -> str:
    """Say in words what was done; a service's name where the directory has one."""
    service = directory.services.get(access.service)
    return f"{service.code if service is not None else access.endpoint}: {access.purpose}"


def _party(represented: str) -> dict[str, str] | None:
    if not represented:
        return None
    party_class, _, code = represented.rpartition("/")
    return {"class": party_class, "code": code}
