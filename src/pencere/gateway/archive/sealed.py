"""One file of an archive: exchanges with all that proves them, sealed. docs/specs/archive.md.

A line of JSON that anybody may read, then encrypted chunks. Each file has a key of its own,
wrapped under a key of the node's secret. Heads, bodies and persons inside stay sealed as the log
sealed them; the outer seal is for what the log has in clear.
"""

import base64
import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from pencere.gateway.proof.exchange import ExchangeProof
from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Refused
from pencere.ledger.proofs import leaf_hash, root

FORMAT = "pencere-archive/1"
_CHUNK = 1024 * 1024
_TAG = 16
_ID = 32
_LONGEST_HEADER = 16 * 1024 * 1024


@dataclass(frozen=True)
class FileFacts:
    """What a manifest says of a file. `first` counts all exchanges of the archive, from 1."""

    name: str
    size: int
    sha256: str
    first: int
    count: int
    root: str

    def as_json(self) -> dict[str, Any]:
        """Return it as the manifest has it."""
        return {
            "name": self.name, "bytes": self.size, "sha256": self.sha256,
            "first": self.first, "count": self.count, "root": self.root,
        }  # fmt: skip

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> "FileFacts":
        """Read it."""
        return cls(
            str(written["name"]), int(written["bytes"]), str(written["sha256"]),
            int(written["first"]), int(written["count"]), str(written["root"]),
        )  # fmt: skip


def seal_file(
    proofs: Sequence[ExchangeProof], *, name: str, log: str, first: int, secret: str
) -> tuple[bytes, FileFacts]:
    """Return the bytes of a file and what the manifest says of it."""
    key = secrets.token_bytes(32)
    found = digest_root(proofs)
    plain = zlib.compress(b"".join(_lines(proofs)), 6)
    header = canonical_json(
        {
            "format": FORMAT,
            "log": log,
            "name": name,
            "first": first,
            "count": len(proofs),
            "root": found,
            "ids": base64.b64encode(b"".join(_id(one) for one in proofs)).decode("ascii"),
            "key": base64.b64encode(aes_key_wrap(_kek(secret), key)).decode("ascii"),
            "key_name": key_name(secret),
        }
    )
    cipher, parts = AESGCM(key), [header, b"\n"]
    ends = range(0, max(len(plain), 1), _CHUNK)
    for number, at in enumerate(ends):
        last = number == len(ends) - 1
        parts.append(cipher.encrypt(_nonce(number), plain[at : at + _CHUNK], _bound(header, last)))
    content = b"".join(parts)
    digest = hashlib.sha256(content).hexdigest()
    return content, FileFacts(name, len(content), digest, first, len(proofs), found)


def header_of(content: bytes) -> dict[str, Any]:
    """Return the header of a file.

    Raises:
        Invalid: `archive.malformed`.
    """
    end = content.find(b"\n", 0, _LONGEST_HEADER)
    try:
        header = json.loads(content[:end]) if end > 0 else None
    except (ValueError, RecursionError) as problem:
        raise Invalid("archive.malformed") from problem
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise Invalid("archive.malformed")
    return header


def open_file(content: bytes, secrets_: Sequence[str]) -> list[ExchangeProof]:
    """Return the exchanges of a file, in order; `secrets_` are the node's, any of all time.

    Raises:
        Invalid: `archive.malformed`.
        Refused: `archive.key`: sealed under another secret; `archive.changed`.
    """
    header = header_of(content)
    end = content.index(b"\n")
    cipher = AESGCM(_key_of(header, secrets_))
    plain = b"".join(_chunks(cipher, content[:end], content[end + 1 :]))
    try:
        proofs = list(_exchanges(zlib.decompress(plain)))
    except (zlib.error, ValueError, KeyError, TypeError) as problem:
        raise Invalid("archive.malformed") from problem
    if (len(proofs), digest_root(proofs)) != (header.get("count"), header.get("root")):
        raise Refused("archive.changed")
    return proofs


def holds(content: bytes, number: str) -> bool:
    """Say whether a file has an exchange, by `X-Road-Request-Id` or `X-Road-Id`."""
    ids = base64.b64decode(header_of(content)["ids"])
    by_message = hashlib.sha256(number.encode()).digest()[:16]
    try:
        by_exchange = UUID(number).bytes
    except ValueError:
        by_exchange = by_message
    return any(
        ids[at : at + 16] == by_exchange or ids[at + 16 : at + _ID] == by_message
        for at in range(0, len(ids), _ID)
    )


def digest_root(proofs: Sequence[ExchangeProof]) -> str:
    """Return the Merkle root over the evidence digests of exchanges, hex."""
    return root([leaf_hash(one.evidence_digest) for one in proofs]).hex()


def key_name(secret: str) -> str:
    """Return by what a file says which secret its key is wrapped under."""
    return hmac.digest(secret.encode(), b"pencere archive key name/1", "sha256")[:8].hex()


def _id(one: ExchangeProof) -> bytes:
    message = str(one.facts["message_id"]).encode()
    return UUID(one.exchange).bytes + hashlib.sha256(message).digest()[:16]


def _lines(proofs: Sequence[ExchangeProof]) -> Iterator[bytes]:
    told: set[str] = set()
    for one in proofs:
        written, shared = one.as_json()
        for digest, content in shared.items():
            if digest not in told:
                told.add(digest)
                encoded = base64.b64encode(content).decode("ascii")
                yield json.dumps({"object": encoded}).encode() + b"\n"
        yield json.dumps(written, ensure_ascii=False).encode() + b"\n"


def _exchanges(plain: bytes) -> Iterator[ExchangeProof]:
    shared: dict[str, bytes] = {}
    for line in plain.splitlines():
        written = json.loads(line)
        if "object" in written:
            content = base64.b64decode(written["object"], validate=True)
            shared[hashlib.sha256(content).hexdigest()] = content
        else:
            yield ExchangeProof.from_json(written, shared)


def _chunks(cipher: AESGCM, header: bytes, sealed: bytes) -> Iterator[bytes]:
    step = _CHUNK + _TAG
    ends = range(0, max(len(sealed), 1), step)
    for number, at in enumerate(ends):
        last = number == len(ends) - 1
        try:
            yield cipher.decrypt(_nonce(number), sealed[at : at + step], _bound(header, last))
        except (InvalidTag, ValueError) as problem:
            raise Refused("archive.changed") from problem


def _key_of(header: dict[str, Any], secrets_: Sequence[str]) -> bytes:
    for secret in secrets_:
        if key_name(secret) == header.get("key_name"):
            try:
                return aes_key_unwrap(_kek(secret), base64.b64decode(header["key"]))
            except (InvalidUnwrap, ValueError, TypeError, KeyError) as problem:
                raise Refused("archive.changed") from problem
    raise Refused("archive.key")


def _kek(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"pencere gateway archive/1", "sha256")


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _bound(header: bytes, last: bool) -> bytes:
    return hashlib.sha256(header).digest() + (b"\x01" if last else b"\x00")
