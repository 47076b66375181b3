"""How a phone keeps its owner's keys: each under a key that phone and centre make together.

One part is stretched from the PIN and a salt of the phone's, the other (the share) lies at the
centre, which gives it out for a proof of the PIN and counts the tries. Whoever has this file can
try nothing; nor can the centre. docs/specs/mobile-signing.md, "The PIN".
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from pencere.kernel.errors import Invalid

SIZE = 32
# 16 MiB and some 40 ms: what it costs to try one PIN for somebody who has both halves.
_SCRYPT: dict[str, Any] = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20, "dklen": SIZE}


@dataclass(frozen=True)
class Half:
    """What the centre is given for a PIN; the phone then forgets the share."""

    verifier: bytes
    share: bytes

    def as_json(self) -> dict[str, str]:
        """Return it as it goes over the wire."""
        return {name: _text(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Stretched:
    """What a typed PIN becomes: the proof goes to the centre, the other part never leaves."""

    proof: bytes
    _part: bytes

    @property
    def verifier(self) -> bytes:
        """What the centre keeps to know the proof by."""
        return hashlib.sha256(self.proof).digest()

    def wrap(self, key: ec.EllipticCurvePrivateKey, share: bytes, about: str) -> str:
        """Return the key under both parts."""
        plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        nonce = secrets.token_bytes(12)
        return _text(nonce + self._cipher(share).encrypt(nonce, plain, about.encode()))

    def unwrap(self, wrapped: str, share: bytes, about: str) -> ec.EllipticCurvePrivateKey:
        """Return the key.

        Raises:
            Invalid: `phone.vault`: another share, or the file was changed.
        """
        sealed = base64.b64decode(wrapped)
        try:
            plain = self._cipher(share).decrypt(sealed[:12], sealed[12:], about.encode())
            key = load_der_private_key(plain, None)
        except (InvalidTag, ValueError) as error:
            raise Invalid("phone.vault") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Invalid("phone.vault")
        return key

    def is_of(self, verifier: bytes) -> bool:
        """Say whether this is the PIN whose verifier is at hand (before it is handed over)."""
        return hmac.compare_digest(self.verifier, verifier)

    def _cipher(self, share: bytes) -> AESGCM:
        return AESGCM(_derive(self._part + share, "pencere pin key v1"))


def stretch(typed: str, salt: bytes, purpose: str) -> Stretched:
    """Return what a typed PIN or PUK becomes with the phone's salt."""
    root = hashlib.scrypt(typed.encode(), salt=salt, **_SCRYPT)
    return Stretched(
        _derive(root, f"pencere pin proof v1 {purpose}"),
        _derive(root, f"pencere pin wrap v1 {purpose}"),
    )


def new_half(stretched: Stretched) -> Half:
    """Return the centre's half of a new PIN, with a fresh share."""
    return Half(stretched.verifier, secrets.token_bytes(SIZE))


def new_salt() -> bytes:
    """Return a salt; being secret too, it keeps the centre from trying PINs."""
    return secrets.token_bytes(SIZE)


def _derive(secret: bytes, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=SIZE, salt=None, info=info.encode()).derive(secret)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
