"""A node joins: an officer makes a token, the node proves its key and is registered.

docs/specs/joining.md. A token is used once, soon, by one key. Whatever does not fit is refused
with its reason and leaves an act, because somebody may be trying to be a node that is not theirs.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import transaction
from django.db.models import QuerySet

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.web.people.models.person import Person
from pencere.web.stateregister.domain import node_certificates, nodes
from pencere.web.stateregister.domain.publishing import directory_changes
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.models import Body, JoinToken, Node

log = logging.getLogger(__name__)

LIFETIME = timedelta(hours=24)
_PREFIX = "pnj1"
_MOST_OPEN = 20

# Body id, common name of the node, its host, DER request -> certificate and the chain above it.
Certify = Callable[[Body, str, str, bytes], Sequence[x509.Certificate]]


@dataclass(frozen=True)
class Asked:
    """What a node shows: its token, its address, and a PKCS#10 request (DER) for its key.

    `node` is who it means to be, empty for whoever the token says.
    """

    token: str
    address: str
    request: bytes
    node: str = ""


@dataclass(frozen=True)
class Joined:
    """A node that is registered now, with its certificate and the chain above it."""

    node: Node
    chain: tuple[x509.Certificate, ...]


def make(  # noqa: PLR0913, a token says all of these
    body: Body,
    *,
    node: str,
    serves: Sequence[str],
    root_sha256: str,
    at: datetime,
    name: str = "",
    hosts: Sequence[str] = (),
    replaces: bool = False,
    by: Person | None = None,
    instance: str = "AZ",
) -> tuple[JoinToken, str]:
    """Make a token; return it and its text, which is shown once.

    `serves` are systems of any body as `body/code`; `root_sha256` names the root by which the
    node will know the register.

    Raises:
        Invalid: `joining.node`, `joining.serves`, `joining.hosts`.
        Conflict: `joining.identity_taken`, `joining.too_many`.
    """
    nodes.check_identifier(node, body, instance=instance)
    found = nodes.systems(serves)
    for host in hosts:
        nodes.check_host(host)
    if not replaces and Node.objects.filter(identifier=node, is_active=True).exists():
        raise Conflict("joining.identity_taken", node=node)
    is_open = JoinToken.objects.filter(body=body, used_at=None, ended_at=None, expires_at__gt=at)
    if is_open.count() >= _MOST_OPEN:
        raise Conflict("joining.too_many", count=_MOST_OPEN)
    identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    with transaction.atomic():
        token = JoinToken.objects.create(
            id=identifier,
            secret_sha256=hashlib.sha256(secret.encode()).digest(),
            body=body,
            node=node,
            name=name,
            serves=[system.key for system in found],
            hosts=list(hosts),
            replaces=replaces,
            made_by=by,
            made_at=at,
            expires_at=at + LIFETIME,
        )
        record(
            "node", node, "join-token-made", person=by, at=at, body=body.id,
            details={"token": identifier, "serves": token.serves},
        )  # fmt: skip
    return token, f"{_PREFIX}.{identifier}.{secret}.{root_sha256}"


def listing(body: Body | None = None) -> QuerySet[JoinToken]:
    """Return tokens, newest first."""
    rows = JoinToken.objects.select_related("body").order_by("-made_at", "id")
    return rows if body is None else rows.filter(body=body)


@transaction.atomic
def end(identifier: str, *, by: Person | None, at: datetime) -> None:
    """End a token that was not used.

    Raises:
        Missing: `joining.token`; Conflict: `joining.used`.
    """
    token = JoinToken.objects.select_for_update().filter(id=identifier).first()
    if token is None:
        raise Missing("joining.token")
    if token.used_at is not None:
        raise Conflict("joining.used")
    token.ended_at = token.ended_at or at
    token.save(update_fields=["ended_at"])
    record("node", token.node, "join-token-ended", person=by, at=at, body=token.body_id)


def join(asked: Asked, *, certify: Certify, at: datetime) -> Joined:
    """Register the node that shows a token; the same key may ask again for the same.

    Raises:
        Refused, Conflict, Invalid: `joining.*`; a refusal leaves an act and a line in the journal.
    """
    try:
        with transaction.atomic():
            return _join(asked, certify, at)
    except (Refused, Conflict, Invalid) as problem:
        _alarm(asked.token, problem.code, at)
        raise


def _join(asked: Asked, certify: Certify, at: datetime) -> Joined:
    token, key = _token(asked.token), _proven_key(asked.request)
    host = _check(token, asked, key, at)
    there = Node.objects.select_for_update().filter(identifier=token.node).first()
    if token.used_at is None and there is not None and there.is_active:
        if not token.replaces:
            raise Conflict("joining.identity_taken", node=token.node)
        node_certificates.revoke_all(there, why="replaced", at=at)
    if node_certificates.is_key_known(key, besides=token.node):
        raise Conflict("joining.key_taken", node=token.node)
    chain = tuple(certify(token.body, token.node, host, asked.request))
    if _spki(chain[0]) != key:
        raise Refused("joining.certificate", node=token.node)
    found = there or Node(identifier=token.node)
    found.address, found.name = asked.address, token.name
    found.is_active, found.is_acted_on = True, True
    found.certificates = node_certificates.entries(chain[0])
    found.save()
    found.serves.set(nodes.systems(token.serves))
    if token.used_at is None:
        token.used_at, token.key_sha256 = at, hashlib.sha256(key).digest()
        token.save(update_fields=["used_at", "key_sha256"])
        record(
            "node", token.node, "joined", person=None, at=at, body=token.body_id,
            details={"token": token.id, "address": asked.address},
        )  # fmt: skip
    directory_changes()
    log.info("node_joined node=%s token=%s", token.node, token.id)
    return Joined(found, chain)


def _check(token: JoinToken, asked: Asked, key: bytes, at: datetime) -> str:
    """Return the host of the address when the token allows all that is asked."""
    known = bytes(token.key_sha256 or b"")
    if token.used_at is not None and known != hashlib.sha256(key).digest():
        raise Conflict("joining.used", node=token.node)
    if token.ended_at is not None:
        raise Refused("joining.ended", node=token.node)
    if at >= token.expires_at:
        raise Refused("joining.expired", node=token.node)
    if asked.node and asked.node != token.node:
        raise Refused("joining.other_node", node=token.node)
    host = nodes.check_address(asked.address)
    if token.hosts and host not in token.hosts:
        raise Refused("joining.host", node=token.node)
    nodes.refuse_taken_address(asked.address, token.node)
    return host


def _token(text: str) -> JoinToken:
    parts = text.split(".")
    if len(parts) != 4 or parts[0] != _PREFIX or len(parts[1]) > 22:
        raise Refused("joining.token")
    token = JoinToken.objects.select_for_update().filter(id=parts[1]).first()
    digest = hashlib.sha256(parts[2].encode()).digest()
    expected = bytes(token.secret_sha256) if token is not None else bytes(32)
    if not hmac.compare_digest(digest, expected) or token is None:
        raise Refused("joining.token")
    return token


def _proven_key(request: bytes) -> bytes:
    """Return the public key (SPKI) that the PKCS#10 request proves."""
    try:
        asked = x509.load_der_x509_csr(request)
        is_proven = asked.is_signature_valid
    except ValueError as problem:
        raise Invalid("joining.request") from problem
    if not is_proven:
        raise Refused("joining.unproven")
    return asked.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _alarm(text: str, code: str, at: datetime) -> None:
    """Leave what happened where the supervisors of the register look."""
    parts = text.split(".")
    token = JoinToken.objects.filter(id=parts[1][:22]).first() if len(parts) == 4 else None
    log.error("join_refused code=%s token=%s", code, token.id if token else "unknown")
    if token is not None:
        record(
            "node", token.node, "join-refused", person=None, at=at, body=token.body_id,
            reason=code, details={"token": token.id},
        )  # fmt: skip
