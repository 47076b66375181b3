"""Evidence: a node's signature over one message. docs/specs/evidence.md.

What is signed is a short text that names everything that matters: domain, kind, exchange,
both nodes, the key, the time, the digests, and for a response the request it answers. So a
signature cannot be moved to another message, receiver, time, or direction. ECDSA P-256 with
SHA-256; the form `single` leaves room for a batch form over a Merkle root.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

DOMAIN = "pencere-exchange-evidence/1"
_FORM = "single"
_ECDSA = ec.ECDSA(hashes.SHA256())


class SigningKey(Protocol):
    """Whatever signs: the keystore's signer, or a throw-away key of the sandbox."""

    def sign(self, data: bytes, /) -> bytes:
        """Return a DER ECDSA signature with SHA-256 over `data`."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a node says of a message by signing it. `request` is empty in a request."""

    kind: str
    exchange: str
    signer: str
    receiver: str
    certificate: str
    time: str
    head: bytes
    body: bytes | None
    request: bytes | None = None

    def to_bytes(self) -> bytes:
        """Return the text that is signed: ASCII, one fact a line, LF at each end."""
        body = self.body.hex() if self.body is not None else "-"
        request = self.request.hex() if self.request is not None else "-"
        return (
            f"{DOMAIN}\nform: {_FORM}\nkind: {self.kind}\nexchange: {self.exchange}\n"
            f"signer: {self.signer}\nreceiver: {self.receiver}\n"
            f"certificate: {self.certificate}\ntime: {self.time}\n"
            f"head: {self.head.hex()}\nbody: {body}\nrequest: {request}\n"
        ).encode("ascii")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A signature as it travels: with the time and the key it names."""

    time: str
    certificate: str
    signature: bytes

    def to_bytes(self) -> bytes:
        """Return the evidence section of an envelope."""
        signature = base64.b64encode(self.signature).decode("ascii")
        return f"{_FORM} {self.time} {self.certificate} {signature}".encode("ascii")


def parse_evidence(section: bytes) -> Evidence:
    """Parse the evidence section; ValueError when it is not one."""
    form, _, rest = section.decode("ascii").partition(" ")
    if form != _FORM:
        raise ValueError("unknown form of evidence")
    time, certificate, signature = rest.split(" ")
    parse_time(time)
    if len(certificate) != 64 or certificate != certificate.lower():
        raise ValueError("a certificate is named by its SHA-256 in lower-case hex")
    bytes.fromhex(certificate)
    try:
        return Evidence(time, certificate, base64.b64decode(signature, validate=True))
    except binascii.Error as problem:
        raise ValueError("the signature is not base64") from problem


def format_time(instant: datetime) -> str:
    """Return an instant in UTC with milliseconds: `2026-11-22T13:00:00.000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the instant; ValueError unless written exactly as `format_time` does."""
    # Not strptime: it costs twenty times as much, and this runs several times a message.
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or format_time(instant) != text:
        raise ValueError("an instant is written in UTC with milliseconds")
    return instant


def sign(statement: Statement, key: SigningKey) -> Evidence:
    """Sign a statement."""
    return Evidence(statement.time, statement.certificate, key.sign(statement.to_bytes()))


def is_authentic(
    statement: Statement, evidence: Evidence, public_key: ec.EllipticCurvePublicKey
) -> bool:
    """Say whether `evidence` is a signature of `statement` by `public_key`."""
    try:
        public_key.verify(evidence.signature, statement.to_bytes(), _ECDSA)
    except InvalidSignature:
        return False
    return True


def statement_digest(statement: Statement) -> bytes:
    """Return the SHA-256 by which a response names the request it answers."""
    return hashlib.sha256(statement.to_bytes()).digest()
