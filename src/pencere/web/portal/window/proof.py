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

# The log in which the providers' node writes what it discloses.
DATABASE = "gateway_agencies"
ORIGIN = f"pencere.az/{DATABASE}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: "verified", "pending" (no index yet), "wrong" with a reason."""

    state: str
    reason: str = ""


def verdict_of(usage: Usage) -> Verdict:
    """Work the inclusion proof of an access out."""
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
        public_key=_public_key(),
        origin=ORIGIN,
    )
    return Verdict("verified") if found.included else Verdict("wrong", found.reason or "")


def _public_key() -> ec.EllipticCurvePublicKey:
    path = settings.INSTALLATION.pki / f"ledger-{DATABASE}.pem"
    if not path.exists():
        raise Missing("ledger.key-missing")
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Missing("ledger.key-missing")
    return key
