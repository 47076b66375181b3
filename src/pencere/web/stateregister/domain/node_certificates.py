"""Certificates of a node: a new one enters beside the old, an old one leaves, one is revoked.

A node asks by a JWS that its present key signed, so nobody else can change what it shows. The
new key proves itself too. docs/specs/joining.md.
"""

import base64
import hashlib
import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509.oid import NameOID
from django.db import transaction

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.trust import signed_json
from pencere.trust.validation import validate_chain
from pencere.web.people.models.person import Person
from pencere.web.stateregister.domain.publishing import directory_changes
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.models import Node, RevokedCertificate

log = logging.getLogger(__name__)

PURPOSE = "tls-node"
WINDOW = timedelta(minutes=5)
_MOST = 3
_ORIGIN = re.compile(r"[a-z0-9][A-Za-z0-9./_-]{0,199}\Z")


def entries(certificate: x509.Certificate) -> list[dict[str, str]]:
    """Return a certificate as a node's row holds it: for the link and for signatures."""
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return [{"use": use, "der": der} for use in ("tls", "sign")]


def fingerprint(entry: dict[str, str]) -> str:
    """Return the SHA-256 of a row's certificate, in hex."""
    return hashlib.sha256(base64.b64decode(entry["der"])).hexdigest()


def proof_text(node: str, certificate: x509.Certificate) -> bytes:
    """Return what the new key signs to prove that it is held by this node."""
    return (
        f"pencere-node-key/1\n{node}\n{certificate.fingerprint(hashes.SHA256()).hex()}\n".encode()
    )


@transaction.atomic
def change(jws: str, *, anchors: Sequence[x509.Certificate], at: datetime) -> str:
    """Do what a node asks of its certificates; return `added`, `removed` or `unchanged`.

    Raises:
        Refused, Invalid, Conflict: `node.*`, or what the signature lacks.
    """
    node, payload, signer = proved(jws, anchors=anchors, at=at)
    shown = signer.fingerprint(hashes.SHA256()).hex()
    act = payload.get("act")
    if act == "add":
        return _add(node, payload, signer, anchors, at)
    if act == "remove":
        return _remove(node, _text(payload, "sha256"), shown, at)
    if act == "ledger":
        return _name_ledger(node, payload, at)
    raise Invalid("node.act", example="add")


def proved(
    jws: str, *, anchors: Sequence[x509.Certificate], at: datetime
) -> tuple[Node, dict[str, Any], x509.Certificate]:
    """Return who says this, what, and by which certificate; the caller has a transaction.

    Raises:
        Refused, Invalid: `node.*`, or what the signature lacks.
    """
    payload, signer = signed_json.verify(jws, anchors, at, PURPOSE)
    node = Node.objects.select_for_update().filter(identifier=_text(payload, "node")).first()
    shown = signer.fingerprint(hashes.SHA256()).hex()
    if node is None or not node.is_active or node.is_suspended:
        raise Refused("node.unknown")
    if shown not in {fingerprint(one) for one in node.certificates} or _is_revoked(shown):
        log.error("node_change_refused node=%s certificate=%s", node.identifier, shown[:16])
        raise Refused("node.certificate")
    said = datetime.fromisoformat(_text(payload, "time"))
    if said.tzinfo is None or abs(said - at) > WINDOW:
        raise Refused(
            "node.clock", seconds=round((at - said).total_seconds()) if said.tzinfo else 0
        )
    return node, payload, signer


def revoke(sha256: str, *, why: str, at: datetime, by: Person | None = None) -> RevokedCertificate:
    """Have no node believe a certificate any more, from the next directory on.

    Raises:
        Missing: `node.certificate`; no node has it.
    """
    with transaction.atomic():
        for node in Node.objects.select_for_update().filter(certificates__isnull=False):
            if sha256 in {fingerprint(one) for one in node.certificates}:
                row = _revoke(node, sha256, why=why, at=at, by=by)
                directory_changes()
                return row
    raise Missing("node.certificate")


def revoke_all(node: Node, *, why: str, at: datetime, by: Person | None = None) -> None:
    """Revoke whatever a node has; the caller saves the node and publishes."""
    for sha256 in {fingerprint(one) for one in node.certificates}:
        _revoke(node, sha256, why=why, at=at, by=by)


def revoked(at: datetime) -> list[str]:
    """Return what the directory lists as revoked: what is still within its dates."""
    rows = RevokedCertificate.objects.filter(ends_at__gt=at - timedelta(days=1))
    return sorted(rows.values_list("sha256", flat=True))


def is_key_known(key: bytes, *, besides: str) -> bool:
    """Say whether another node has a certificate for this public key (SPKI)."""
    others = Node.objects.exclude(identifier=besides).values_list("certificates", flat=True)
    return any(_spki(_load(one)) == key for row in others for one in row)


def _add(
    node: Node,
    payload: dict[str, Any],
    signer: x509.Certificate,
    anchors: Sequence[x509.Certificate],
    at: datetime,
) -> str:
    try:
        chain = [
            x509.load_der_x509_certificate(base64.b64decode(one, validate=True))
            for one in payload["chain"]
        ]
        proof = base64.b64decode(_text(payload, "proof"), validate=True)
        made = chain[0]
        key = made.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise ValueError("not a P-256 key")  # noqa: TRY301
        key.verify(proof, proof_text(node.identifier, made), ec.ECDSA(hashes.SHA256()))
    except (KeyError, TypeError, ValueError, IndexError, InvalidSignature) as problem:
        raise Invalid("node.new_certificate") from problem
    validate_chain(made, chain[1:], anchors, at, PURPOSE)
    if _holder(made) != _holder(signer):
        raise Refused("node.holder")
    sha256 = made.fingerprint(hashes.SHA256()).hex()
    known = {fingerprint(one) for one in node.certificates}
    if sha256 in known:
        return "unchanged"
    if _is_revoked(sha256) or is_key_known(_spki(made), besides=node.identifier):
        raise Conflict("node.key_taken")
    if len(known) >= _MOST:
        raise Conflict("node.too_many", count=_MOST)
    node.certificates = [*node.certificates, *entries(made)]
    node.is_acted_on = True
    node.save(update_fields=["certificates", "is_acted_on"])
    _note(node, "certificate-added", sha256, at)
    return "added"


def _remove(node: Node, sha256: str, shown: str, at: datetime) -> str:
    if sha256 == shown:
        raise Refused("node.in_use")
    kept = [one for one in node.certificates if fingerprint(one) != sha256]
    if len(kept) == len(node.certificates):
        return "unchanged"
    node.certificates = kept
    node.save(update_fields=["certificates"])
    _note(node, "certificate-removed", sha256, at)
    return "removed"


def _name_ledger(node: Node, payload: dict[str, Any], at: datetime) -> str:
    """Keep the key of the node's ledger; each change stays visible as an act."""
    origin, encoded = _text(payload, "origin"), _text(payload, "key")
    try:
        key = load_der_public_key(base64.b64decode(encoded, validate=True))
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Invalid("node.ledger") from problem
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Invalid("node.ledger")
    if _ORIGIN.match(origin) is None:
        raise Invalid("node.ledger")
    others = Node.objects.exclude(identifier=node.identifier).exclude(ledger={})
    if any(one.ledger["origin"] == origin and one.ledger["key"] != encoded for one in others):
        raise Conflict("node.ledger_taken")
    named = {"origin": origin, "key": encoded}
    if node.ledger == named:
        return "unchanged"
    node.ledger = named
    node.save(update_fields=["ledger"])
    sha256 = hashlib.sha256(base64.b64decode(encoded)).hexdigest()
    record(
        "node", node.identifier, "ledger-named", person=None, at=at,
        details={"origin": origin, "sha256": sha256},
    )  # fmt: skip
    directory_changes()
    log.info("node_ledger_named node=%s key=%s", node.identifier, sha256[:16])
    return "named"


def _note(node: Node, kind: str, sha256: str, at: datetime) -> None:
    record("node", node.identifier, kind, person=None, at=at, details={"sha256": sha256})
    directory_changes()
    log.info("node_%s node=%s certificate=%s", kind, node.identifier, sha256[:16])


def _revoke(
    node: Node, sha256: str, *, why: str, at: datetime, by: Person | None
) -> RevokedCertificate:
    ends = next(
        _load(one).not_valid_after_utc for one in node.certificates if fingerprint(one) == sha256
    )
    row, is_new = RevokedCertificate.objects.get_or_create(
        sha256=sha256,
        defaults={"node": node.identifier, "why": why, "revoked_at": at, "ends_at": ends},
    )
    if is_new:
        record(
            "node", node.identifier, "certificate-revoked", person=by, at=at, reason=why,
            details={"sha256": sha256},
        )  # fmt: skip
        log.warning("node_certificate_revoked node=%s certificate=%s", node.identifier, sha256[:16])
    return row


def _is_revoked(sha256: str) -> bool:
    return RevokedCertificate.objects.filter(sha256=sha256).exists()


def _holder(certificate: x509.Certificate) -> list[str]:
    oid = NameOID.ORGANIZATION_IDENTIFIER
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(oid)]


def _load(entry: dict[str, str]) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(entry["der"]))


def _spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _text(payload: dict[str, Any], key: str) -> str:
    value = payload.get(key)
    if not isinstance(value, str) or len(value) > 1000:
        raise Invalid("node.malformed", key=key)
    return value
