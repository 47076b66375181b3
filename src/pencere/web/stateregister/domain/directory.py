"""The signed directory of the gateway, made of the register. docs/specs/directory.md.

A new version is signed when the register says something else than the newest one does, or when
half of the newest one's life is over; otherwise the newest stands. Changing a right is an act in
the register, never a file.
"""

import base64
import hashlib
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from pencere.kernel.canonical import sha256_of
from pencere.kernel.errors import Missing
from pencere.trust import signed_json
from pencere.trust.durable import write_durably
from pencere.trust.signers import Signer
from pencere.web.stateregister.domain import node_certificates
from pencere.web.stateregister.domain.loading import identifier_of
from pencere.web.stateregister.models import (
    Agreement,
    Body,
    Force,
    Node,
    Publication,
    Service,
    System,
)

log = logging.getLogger(__name__)

FORMAT = "pencere-directory/1"
LIFETIME = timedelta(hours=24)


@transaction.atomic
def publish(
    *, instance: str, signer: Signer, at: datetime, consent_register: str | None = None
) -> Publication:
    """Return the directory in force, signing a new version if one is due."""
    with connection.cursor() as cursor:
        # Two publishers at once take turns, so that a version is signed once.
        cursor.execute("select pg_advisory_xact_lock(hashtext('stateregister publish'))")
    content = directory_content(instance, consent_register)
    content["revoked"] = node_certificates.revoked(at)
    digest = sha256_of(content)
    newest = Publication.objects.order_by("-version").first()
    if (
        newest is not None
        and bytes(newest.content_sha256) == digest
        and newest.expires_at - at > LIFETIME / 2
    ):
        return newest
    issued = at.replace(microsecond=0)
    if newest is not None:
        issued = max(issued, newest.issued_at)
    # Of the clock, so that a register restored from an older backup still counts above what the
    # nodes have seen; they never take a lower version.
    version = int(issued.timestamp())
    if newest is not None:
        version = max(version, newest.version + 1)
    expires = issued + LIFETIME
    payload = {
        "format": FORMAT,
        "version": version,
        "issued_at": issued.isoformat(),
        "expires_at": expires.isoformat(),
        **content,
    }
    publication = Publication.objects.create(
        version=version,
        content_sha256=digest,
        jws=signed_json.sign(payload, signer),
        issued_at=issued,
        expires_at=expires,
    )
    log.info("directory_published version=%s expires=%s", version, expires.isoformat())
    return publication


def newest_jws() -> str:
    """Return the newest directory as signed.

    Raises:
        Missing: `stateregister.nothing_published`.
    """
    newest = Publication.objects.order_by("-version").only("jws").first()
    if newest is None:
        raise Missing("stateregister.nothing_published")
    return newest.jws


@transaction.atomic
def write_newest(file: Path) -> None:
    """Put the newest directory where the nodes of this machine read it, whole or not at all.

    Who writes has the turn and reads the newest then, so an older one never takes its place.

    Raises:
        Missing: `stateregister.nothing_published`.
        Unavailable: `storage.*`; the file there was stays.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('stateregister file'))")
    write_durably(file, newest_jws().encode("ascii"), mode=0o644)


def directory_content(instance: str, consent_register: str | None = None) -> dict[str, Any]:
    """Return what the directory says of the state, in a fixed order."""
    systems = list(
        System.objects.filter(is_active=True, owner__is_active=True)
        .select_related("owner")
        .order_by("owner_id", "code")
    )
    content = {
        "instance": instance,
        "members": _members(instance, systems),
        "nodes": [_node(node, instance) for node in _nodes()],
        "services": [
            _service(service, instance)
            for service in Service.objects.filter(is_active=True, system__in=systems)
            .select_related("system__owner")
            .order_by("system__owner_id", "system__code", "code")
        ],
        "agreements": [
            _agreement(agreement, instance)
            for agreement in Agreement.objects.filter(
                is_active=True,
                force=Force.IN_FORCE,
                consumer__in=systems,
                provider__in=systems,
            )
            .select_related("consumer__owner", "provider__owner")
            .order_by("id")
        ],
    }
    if consent_register is not None:
        content["consent_register"] = consent_register
    return content


def _members(instance: str, systems: list[System]) -> list[dict[str, Any]]:
    """Return every body: one without a system of its own may be represented by a shared one."""
    members: dict[str, dict[str, Any]] = {
        body.id: {
            "id": f"{instance}/{body.member_class}/{body.id}",
            "name": body.names,
            "subsystems": [],
        }
        for body in Body.objects.filter(is_active=True).order_by("id")
    }
    for system in systems:
        members[system.owner_id]["subsystems"].append({"code": system.code, "name": system.names})
    return list(members.values())


def _nodes() -> list[Node]:
    nodes = Node.objects.filter(is_active=True, is_suspended=False).order_by("identifier")
    return list(nodes.prefetch_related("serves__owner"))


def _node(node: Node, instance: str) -> dict[str, Any]:
    said = {
        "id": node.identifier,
        "address": node.address,
        "serves": sorted(
            identifier_of(system, instance) for system in node.serves.all() if system.is_active
        ),
        "certificates": [
            {
                "use": one["use"],
                "sha256": hashlib.sha256(base64.b64decode(one["der"])).hexdigest(),
                "der": one["der"],
            }
            for one in node.certificates
        ],
    }
    if node.name:
        said["name"] = node.name
    if node.ledger:
        said["ledger"] = node.ledger
    return said


def _service(service: Service, instance: str) -> dict[str, Any]:
    said = {
        "id": f"{identifier_of(service.system, instance)}/{service.code}",
        "type": service.kind,
        "name": service.names,
        "endpoints": service.endpoints,
        "demands": service.demands,
        "disabled": service.disabled_notice or None,
        "timeout_s": service.timeout_s,
    }
    for key in ("consent", "description", "schemas"):
        if getattr(service, key):
            said[key] = getattr(service, key)
    return said


def _agreement(agreement: Agreement, instance: str) -> dict[str, Any]:
    said = {
        "id": agreement.id,
        "consumer": identifier_of(agreement.consumer, instance),
        "service": f"{identifier_of(agreement.provider, instance)}/{agreement.service_code}",
        "endpoints": agreement.endpoints,
        "purposes": agreement.purposes,
        "legal_bases": agreement.legal_bases,
        "demands": agreement.demands,
        "from": agreement.first_day.isoformat(),
        "until": agreement.last_day.isoformat(),
    }
    # Absent does not restrict; an empty list would be no list at all.
    for key in ("fields", "represents", "rate", "quota", "consent", "suppress"):
        value = getattr(agreement, key)
        if value:
            said[key] = value
    return said
