"""The centre's half of a PIN. Nobody who has only the phone's file, or only this, can guess one.

A phone keeps its owner's key under a key made of two parts: one that it stretches from the PIN
and a salt of its own, one that lies here (the share). It is given the share for a proof that the
PIN is right, made of the same stretching; here lies only the SHA-256 of that proof. A try is
counted and committed before it is looked at. docs/specs/mobile-signing.md, "The PIN".
"""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.ledger.entries import INSERT, pending_entry
from pencere.trust.store import Connection

Purpose = Literal["authentication", "signature", "puk"]
PINS: tuple[Purpose, ...] = ("authentication", "signature")
PURPOSES: tuple[Purpose, ...] = (*PINS, "puk")
TRIES = 3
SIZE = 32


@dataclass(frozen=True)
class Half:
    """What a phone hands over for one PIN: SHA-256 of the proof, and the share it then forgets."""

    verifier: bytes
    share: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.verifier) != SIZE or len(self.share) != SIZE:
            raise Invalid("pin.size")


Halves = Mapping[Purpose, Half]


@dataclass(frozen=True)
class Safe:
    """Keeps shares under a key derived from a secret of the service, outside the database."""

    secret: bytes = field(repr=False)

    def close(self, device: uuid.UUID, purpose: Purpose, share: bytes) -> bytes:
        """Return what is put into the database."""
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher().encrypt(nonce, share, self._about(device, purpose))

    def open(self, device: uuid.UUID, purpose: Purpose, kept: bytes) -> bytes:
        """Return the share; a row that was moved to another phone does not open."""
        return self._cipher().decrypt(kept[:12], kept[12:], self._about(device, purpose))

    def _cipher(self) -> AESGCM:
        info = b"pencere pin shares v1"
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self.secret))

    @staticmethod
    def _about(device: uuid.UUID, purpose: Purpose) -> bytes:
        return device.bytes + purpose.encode()


def install(
    connection: Connection, safe: Safe, device: uuid.UUID, halves: Halves, *, at: datetime
) -> None:
    """Take the halves of a newly registered phone; one that is here already stays as it is."""
    if set(halves) != set(PURPOSES):
        raise Invalid("pin.purposes")
    for purpose, half in halves.items():
        done = connection.execute(
            "insert into trust.pin (device, purpose, verifier, share, tries_left, set_at)"
            " values (%s, %s, %s, %s, %s, %s) on conflict (device, purpose) do nothing",
            (
                device,
                purpose,
                half.verifier,
                safe.close(device, purpose, half.share),
                TRIES,
                at,
            ),
        ).rowcount
        if done:
            _leaf(connection, device, purpose, "set", at)


def try_proof(  # noqa: PLR0913 -- one try
    connection: Connection,
    safe: Safe,
    device: uuid.UUID,
    purpose: Purpose,
    proof: bytes,
    *,
    at: datetime,
) -> bytes:
    """Return the share for a right proof; three wrong ones block. Commits the count first.

    Raises:
        Refused: `pin.wrong`, `puk.wrong` with `left`; `pin.blocked`, `puk.blocked`.
        Conflict: `pin.none`, this phone counts by itself.
    """
    word = "puk" if purpose == "puk" else "pin"
    row = connection.execute(
        "update trust.pin set tries_left = tries_left - 1"
        " where device = %s and purpose = %s and tries_left > 0"
        " returning verifier, share, tries_left",
        (device, purpose),
    ).fetchone()
    connection.commit()
    if row is None:
        if not is_counted_here(connection, device):
            raise Conflict("pin.none")
        raise Refused(f"{word}.blocked", left=0)
    verifier, share, left = row
    if not hmac.compare_digest(bytes(verifier), hashlib.sha256(proof).digest()):
        if left > 0:
            raise Refused(f"{word}.wrong", left=left)
        _leaf(connection, device, purpose, "blocked", at)
        connection.commit()
        raise Refused(f"{word}.blocked", left=0)
    _give_tries(connection, device, (purpose,))
    return safe.open(device, purpose, bytes(share))


def replace(  # noqa: PLR0913 -- one PIN
    connection: Connection,
    safe: Safe,
    device: uuid.UUID,
    purpose: Purpose,
    half: Half,
    *,
    at: datetime,
) -> None:
    """Set a new PIN or PUK, with three tries; the caller has proven the right to."""
    connection.execute(
        "update trust.pin set verifier = %s, share = %s, tries_left = %s, set_at = %s"
        " where device = %s and purpose = %s",
        (
            half.verifier,
            safe.close(device, purpose, half.share),
            TRIES,
            at,
            device,
            purpose,
        ),
    )
    _leaf(connection, device, purpose, "puk-set" if purpose == "puk" else "set", at)


def unblock(
    connection: Connection, device: uuid.UUID, purposes: tuple[Purpose, ...], *, at: datetime
) -> None:
    """Give three tries again."""
    _give_tries(connection, device, purposes)
    for purpose in purposes:
        _leaf(connection, device, purpose, "unblocked", at)


def tries_left(connection: Connection, device: uuid.UUID) -> dict[Purpose, int]:
    """Return how many tries each PIN has; empty for a phone that counts by itself."""
    rows = connection.execute(
        "select purpose, tries_left from trust.pin where device = %s", (device,)
    ).fetchall()
    return dict(rows)


def is_counted_here(connection: Connection, device: uuid.UUID) -> bool:
    """Say whether the phone has its PINs checked here."""
    row = connection.execute(
        "select exists (select from trust.pin where device = %s)", (device,)
    ).fetchone()
    return bool(row and row[0])


def mark_passed(connection: Connection, session: uuid.UUID, *, at: datetime) -> None:
    """Note that a PIN was right for this request."""
    connection.execute(
        "insert into trust.pin_pass (session, passed_at) values (%s, %s) on conflict do nothing",
        (session, at),
    )


def has_passed(connection: Connection, session: uuid.UUID) -> bool:
    """Say whether a PIN was right for this request."""
    row = connection.execute(
        "select exists (select from trust.pin_pass where session = %s)", (session,)
    ).fetchone()
    return bool(row and row[0])


def _give_tries(connection: Connection, device: uuid.UUID, purposes: tuple[Purpose, ...]) -> None:
    connection.execute(
        "update trust.pin set tries_left = %s where device = %s and purpose = any(%s)",
        (TRIES, device, list(purposes)),
    )


def _leaf(
    connection: Connection, device: uuid.UUID, purpose: Purpose, what: str, at: datetime
) -> None:
    facts = {
        "kind": "pin",
        "id": str(uuid.uuid4()),
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "device": str(device),
        "purpose": purpose,
        "what": what,
    }
    connection.execute(INSERT, pending_entry("pin", facts).row)
