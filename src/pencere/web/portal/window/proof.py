"""Checking that an access is in the log: with the log's public key, trusting nobody's word."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings

from pencere.kernel.errors import Missing
from pencere.ledger.verify import verify_entry
from pencere.web.exchange import Usage

# The logs in which nodes write what systems disclose: the portal has a node of its own.
_LOGS = {"portal": "gateway_portal"}
_OTHERS = "gateway_agencies"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: "verified", "pending" (no index yet), "wrong" with a reason."""

    state: str
    reason: str = ""


def verdict_of(usage: Usage, subsystem: str) -> Verdict:
    """Work the inclusion proof of an access to a system's data out."""
    log = _LOGS.get(subsystem, _OTHERS)
    leaf = usage.leaf
    if leaf is None or leaf.get("index") is None or not usage.checkpoint:
        return Verdict("pending")
    try:
        proof = [base64.b64decode(node, validate=True) for node in usage.proof]
        index = int(leaf["index"])
        entry = str(leaf["entry"]).encode()
    except (binascii.Error, ValueError, KeyError, TypeError):
        return Verdict("wrong", "proof.malformed")
    found = verify_entry(
        entry=entry,
        index=index,
        proof=proof,
        checkpoint=usage.checkpoint,
        public_key=_public_key(log),
        origin=f"pencere.az/{log}",
    )
    return Verdict("verified") if found.included else Verdict("wrong", found.reason or "")


def _public_key(log: str) -> ec.EllipticCurvePublicKey:
    path = settings.INSTALLATION.pki / f"ledger-{log}.pem"
    if not path.exists():
        raise Missing("ledger.key-missing")
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Missing("ledger.key-missing")
    return key
