"""Receipts: what the sender's node signs about a message it took over. docs/specs/messages.md."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.gateway.keys import NodeKeys

FORMAT = "pencere-message-receipt/1"
EVENT_FORMAT = "pencere-event/1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A statement of lines `key: value`, and who signed it."""

    kind: str
    statement: str
    certificate: bytes
    signature: bytes


def sign(keys: NodeKeys, kind: str, values: Mapping[str, str], form: str = FORMAT) -> Receipt:
    """Sign a statement; a value with a line break is refused with ValueError."""
    lines = [form, f"kind: {kind}"] + [f"{key}: {value}" for key, value in values.items()]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a value of a receipt holds a line break")
    pair = keys.current
    statement = "\n".join(lines) + "\n"
    signature = pair.signer.sign(statement.encode("utf-8"))
    return Receipt(kind, statement, bytes.fromhex(pair.fingerprint), signature)


def is_signed(receipt: Receipt, key: ec.EllipticCurvePublicKey) -> bool:
    """Say whether the signature holds under the key that its certificate names."""
    try:
        key.verify(receipt.signature, receipt.statement.encode("utf-8"), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def content_digest(content: bytes) -> str:
    """Return the SHA-512 of a body in hex, as evidence has it."""
    return hashlib.sha512(content).hexdigest()


def digest_of(method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return by what a message is the same again: what is asked, why, for whom, and the body."""
    said = {name.lower(): value for name, value in headers}
    whole = hashlib.sha256(b"pencere-message/1\n")
    for part in (method.encode("ascii"), target.encode("ascii")):
        whole.update(part + b"\n")
    for name in _SAME:
        whole.update(name + b":" + said.get(name, b"") + b"\n")
    whole.update(hashlib.sha256(body).digest())
    return whole.digest()


_SAME = (
    b"x-road-client",
    b"x-road-represented-party",
    b"x-road-userid",
    b"pencere-purpose",
    b"pencere-legal-basis",
    b"pencere-case",
    b"pencere-person",
    b"content-type",
)
