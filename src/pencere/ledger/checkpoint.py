"""Signed tree heads: C2SP tlog-checkpoint in a C2SP signed note. See docs/specs/checkpoint.md.

    pencere.az/web
    1024
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    (blank line)
    — pencere.az/web <base64 of 4 bytes of key id and the signature>

The signature is ECDSA P-256 with SHA-256 over the three lines (note signature type 0x02).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.errors import Invalid, Refused
from pencere.ledger.proofs import HASH_BYTES

# The note specification asks verifiers to bound a note and to read at least 16 signatures.
MAX_NOTE_BYTES = 64 * 1024

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_ORIGIN = re.compile(r"[^\s+]{1,255}")


class Signer(Protocol):
    """A P-256 key that may be used but not seen."""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""

    def sign(self, data: bytes) -> bytes:
        """Return a DER Ecdsa-Sig-Value over SHA-256 of `data`."""


@dataclass(frozen=True)
class Checkpoint:
    """A tree head: which log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.origin):
            raise Invalid("checkpoint.origin")
        if self.size < 0 or len(self.root) != HASH_BYTES:
            raise Invalid("checkpoint.malformed")

    @property
    def text(self) -> str:
        """The note text: three lines, the part that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def sign(self, signer: Signer) -> str:
        """Return the signed note; the key's name is the origin."""
        signature = signer.sign(self.text.encode())
        blob = base64.b64encode(key_id(signer.public_key) + signature).decode()
        return f"{self.text}\n— {self.origin} {blob}\n"

    @classmethod
    def open(cls, note: str, public_key: ec.EllipticCurvePublicKey, origin: str) -> Self:
        """Read a checkpoint that `public_key` has signed for the log `origin`.

        Lines of other signers are ignored, as the specification asks.

        Raises:
            Invalid: `checkpoint.malformed`.
            Refused: `checkpoint.unsigned` when there is no signature of this key;
                `checkpoint.signature` when there is one and it is wrong;
                `checkpoint.other_log` when the key signed for another log.
        """
        text, signatures = _split_note(note)
        wanted = key_id(public_key)
        found = [blob[4:] for name, blob in signatures if (name, blob[:4]) == (origin, wanted)]
        if not found:
            raise Refused("checkpoint.unsigned", origin=origin)
        for signature in found:
            try:
                public_key.verify(signature, text.encode(), ec.ECDSA(hashes.SHA256()))
            except InvalidSignature as error:
                raise Refused("checkpoint.signature", origin=origin) from error
        checkpoint = cls._parse(text)
        if checkpoint.origin != origin:
            raise Refused("checkpoint.other_log", origin=origin)
        return checkpoint

    @classmethod
    def _parse(cls, text: str) -> Self:
        lines = text.split("\n")[:-1]
        # Extension lines are opaque and allowed; we write none.
        if len(lines) < 3 or "" in lines or not _SIZE.fullmatch(lines[1]):
            raise Invalid("checkpoint.malformed")
        try:
            root = base64.b64decode(lines[2], validate=True)
        except binascii.Error as error:
            raise Invalid("checkpoint.malformed") from error
        if base64.b64encode(root).decode() != lines[2]:
            raise Invalid("checkpoint.malformed")
        return cls(lines[0], int(lines[1]), root)


def key_id(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the 4 bytes that name an ECDSA key in a note: SHA-256 of its SPKI, cut."""
    spki = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).digest()[:4]


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, blank, tail = note.rpartition("\n\n")
    if (
        not blank
        or not tail.endswith("\n")
        or len(note) > MAX_NOTE_BYTES
        or any(character < " " and character != "\n" for character in note)
    ):
        raise Invalid("checkpoint.malformed")
    signatures = []
    for line in tail[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise Invalid("checkpoint.malformed")
        try:
            blob = base64.b64decode(match[2], validate=True)
            note.encode()
        except (binascii.Error, UnicodeEncodeError) as error:
            raise Invalid("checkpoint.malformed") from error
        if len(blob) <= 4:
            raise Invalid("checkpoint.malformed")
        signatures.append((match[1], blob))
    return text + "\n", signatures
