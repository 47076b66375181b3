"""Evidence: a node's signature over one message. docs/specs/evidence.md.

What a node states of a message is a short text that names everything that matters: domain,
kind, exchange, both nodes, the key, the time, the digests, and for a response the request it
answers. So a signature cannot be moved to another message, receiver, time, or direction. Version
2 signs many statements at once: each is a leaf of a Merkle tree as in RFC 9162 and the node signs
its root; version 1 (`single`), a signature for each, stays readable.
"""

import base64
import binascii
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.gateway.wire import tree

BATCH, SINGLE = "batch", "single"
LARGEST_BATCH = 65_536
_DOMAINS = {BATCH: "pencere-exchange-evidence/2", SINGLE: "pencere-exchange-evidence/1"}
_BATCH_DOMAIN = "pencere-exchange-batch/1"
_LONGEST_SECTION = 2_048
_ECDSA = ec.ECDSA(hashes.SHA256())


class SigningKey(Protocol):
    """Whatever signs: the keystore's signer, or a throw-away key of the sandbox."""

    def sign(self, data: bytes, /) -> bytes:
        """Return a DER ECDSA signature with SHA-256 over `data`."""


@dataclass(slots=True)
class Statement:
    """What a node says of a message by signing it. `request` is empty in a request.

    Before its batch is closed it is a draft: `certificate` and `time` are empty. It is not changed
    any more once somebody asked for its text.
    """

    kind: str
    exchange: str
    signer: str
    receiver: str
    certificate: str
    time: str
    head: bytes
    body: bytes | None
    request: bytes | None = None
    form: str = BATCH
    _text: bytes = field(default=b"", init=False, compare=False, repr=False)

    def to_bytes(self) -> bytes:
        """Return the text that is signed: ASCII, one fact a line, LF at each end."""
        # Signed or verified, named by its answer, and committed to in the log.
        if not self._text:
            body = self.body.hex() if self.body is not None else "-"
            request = self.request.hex() if self.request is not None else "-"
            self._text = (
                f"{_DOMAINS[self.form]}\nform: {self.form}\nkind: {self.kind}\n"
                f"exchange: {self.exchange}\nsigner: {self.signer}\nreceiver: {self.receiver}\n"
                f"certificate: {self.certificate}\ntime: {self.time}\n"
                f"head: {self.head.hex()}\nbody: {body}\nrequest: {request}\n"
            ).encode("ascii")
        return self._text


class Evidence(NamedTuple):
    """A signature as it travels: the key and time it names, and the way from leaf to root.

    `leaf` is its index, `path` the audit path, 32 bytes a hash, from the leaf upwards; of form
    `single` there is no tree.
    """

    form: str
    time: str
    certificate: str
    signature: bytes
    size: int = 1
    leaf: int = 0
    path: bytes = b""
    # The signature in base64 where it is at hand: all messages of a batch have the same.
    encoded: str = ""

    def to_bytes(self) -> bytes:
        """Return the evidence section of an envelope."""
        signature = self.encoded or base64.b64encode(self.signature).decode("ascii")
        if self.form == SINGLE:
            return f"{SINGLE} {self.time} {self.certificate} {signature}".encode("ascii")
        path = base64.b64encode(self.path).decode("ascii") or "-"
        return (
            f"{BATCH} {self.time} {self.certificate} {self.size} {self.leaf} {path} {signature}"
        ).encode("ascii")


class VerifiedRoots:
    """Roots whose signature was verified: the next message of a batch costs no second check.

    Holds at most `limit`, the oldest go. To be dropped when the directory changes.
    """

    def __init__(self, limit: int = 4_096) -> None:
        self._limit = limit
        self._known: dict[tuple[object, ...], None] = {}

    def __contains__(self, key: tuple[object, ...]) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: tuple[object, ...]) -> None:
        """Remember a root."""
        if len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]
        self._known[key] = None

    def clear(self) -> None:
        """Forget all: a key may have been revoked."""
        self._known.clear()


def batch_bytes(signer: str, certificate: str, size: int, root: bytes, time: str) -> bytes:
    """Return the text that is signed for a batch."""
    return (
        f"{_BATCH_DOMAIN}\nsigner: {signer}\ncertificate: {certificate}\nsize: {size}\n"
        f"root: {root.hex()}\ntime: {time}\n"
    ).encode("ascii")


def sign(
    drafts: Sequence[Statement], key: SigningKey, certificate: str, time: str
) -> list[tuple[Statement, Evidence]]:
    """Complete drafts of one signer and sign them as one batch.

    `certificate` is the SHA-256 of its own, hex.
    """
    size = len(drafts)
    leaves: list[bytes] = []
    for one in drafts:
        one.certificate, one.time = certificate, time
        leaves.append(tree.leaf_hash(one.to_bytes()))
    root, paths = tree.grow(leaves)
    signature = key.sign(batch_bytes(drafts[0].signer, certificate, size, root, time))
    encoded = base64.b64encode(signature).decode("ascii")
    signed: list[tuple[Statement, Evidence]] = []
    for index, path in enumerate(paths):
        proof = Evidence(BATCH, time, certificate, signature, size, index, path, encoded)
        signed.append((drafts[index], proof))
    return signed


def verify(
    statement: Statement,
    evidence: Evidence,
    public_key: ec.EllipticCurvePublicKey,
    cache: VerifiedRoots | None = None,
) -> bool:
    """Say whether `evidence` proves that the key's holder signed `statement`.

    Certificate and time of both must be the same, or it does not; with a cache the signature of a
    batch is checked once.
    """
    form, time, certificate, signature, size, index, path, _ = evidence
    if (form, time, certificate) != (statement.form, statement.time, statement.certificate):
        return False
    text = statement.to_bytes()
    if form == SINGLE:
        return _is_signature(public_key, signature, text)
    root = tree.climb(tree.leaf_hash(text), index, size, path)
    if root is None:
        return False
    key = (statement.signer, certificate, root, size, time, signature)
    if cache is not None and key in cache:
        return True
    signed = batch_bytes(statement.signer, certificate, size, root, time)
    if not _is_signature(public_key, signature, signed):
        return False
    if cache is not None:
        cache.add(key)
    return True


def parse_evidence(section: bytes) -> Evidence:
    """Parse the evidence section; ValueError when it is not one, written as `to_bytes` does."""
    if len(section) > _LONGEST_SECTION:
        raise ValueError("evidence is not that long")
    form, *facts = section.decode("ascii").split(" ")
    if form == SINGLE:
        time, certificate, signature = facts
        found = Evidence(SINGLE, time, certificate, _signature(signature), encoded=signature)
    elif form == BATCH:
        time, certificate, size, index, path, signature = facts
        found = Evidence(
            BATCH,
            time,
            certificate,
            _signature(signature),
            _number(size),
            _number(index),
            _base64(path) if path != "-" else b"",
            signature,
        )
    else:
        raise ValueError("unknown form of evidence")
    parse_time(time)
    if len(certificate) != 64 or certificate != certificate.lower():
        raise ValueError("a certificate is named by its SHA-256 in lower-case hex")
    bytes.fromhex(certificate)
    if not found.leaf < found.size <= LARGEST_BATCH or len(found.path) % tree.HASH_BYTES:
        raise ValueError("no such leaf in a tree")
    return found


def format_time(instant: datetime) -> str:
    """Return an instant in UTC with milliseconds: `2026-11-22T13:00:00.000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# All messages of a batch have one time.
@functools.lru_cache(maxsize=512)
def parse_time(text: str) -> datetime:
    """Return the instant; ValueError unless written exactly as `format_time` does."""
    # Not strptime: it costs twenty times as much.
    instant = datetime.fromisoformat(text)
    # Another zone could leave the years there are.
    if instant.tzinfo is not UTC or format_time(instant) != text:
        raise ValueError("an instant is written in UTC with milliseconds")
    return instant


def statement_digest(statement: Statement) -> bytes:
    """Return the SHA-256 by which a response names the request it answers."""
    return hashlib.sha256(statement.to_bytes()).digest()


def _is_signature(public_key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        public_key.verify(signature, signed, _ECDSA)
    except InvalidSignature:
        return False
    return True


# All messages of a batch have one signature.
@functools.lru_cache(maxsize=512)
def _signature(text: str) -> bytes:
    return _base64(text)


def _base64(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ValueError("not base64") from problem
    if base64.b64encode(found).decode("ascii") != text:
        raise ValueError("base64 is written in one way")
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or (text[0] == "0" < text):
        raise ValueError("a number is written in decimal, without zeros in front")
    return int(text)
