"""Personal numbers and names, sealed for the database.

Two keys come from the installation's secret `people` by HKDF (RFC 5869): one finds accounts
(HMAC-SHA-256 of the number), one seals (AES-256-GCM, NIST SP 800-38D, random 96-bit nonce). What
is sealed is bound to its row by the digest as associated data, so rows cannot be exchanged.
"""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Misconfigured
from pencere.kernel.identifiers import Fin, Voen

NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate names, or a company: its `voen`, no `fin`, and its name as `surname`."""

    fin: Fin
    given_name: str = ""
    surname: str = ""
    voen: Voen | None = None

    @property
    def name(self) -> str:
        """Given name and surname, or the company's name."""
        return f"{self.given_name} {self.surname}".strip()


class Vault:
    """Seals and opens; knows nothing of tables."""

    def __init__(self, secret: str) -> None:
        self._finding = _key(secret, b"pencere people finding")
        self._sealing = AESGCM(_key(secret, b"pencere people sealing"))

    def digest(self, kind: str, value: str) -> bytes:
        """Return 32 bytes by which `value` can be found and not guessed without the key."""
        return hmac.digest(self._finding, f"{kind}:{value}".encode(), hashlib.sha256)

    def digest_of(self, fin: Fin) -> bytes:
        """Return the digest by which an account is found."""
        return self.digest("fin", fin)

    def digest_for(self, identity: Identity) -> bytes:
        """Return the digest by which the account of a person or a company is found."""
        if identity.voen is not None:
            return self.digest("voen", identity.voen)
        return self.digest_of(identity.fin)

    def seal(self, identity: Identity) -> bytes:
        """Seal an identity for the row of its digest."""
        facts = {
            "fin": identity.fin,
            "given_name": identity.given_name,
            "surname": identity.surname,
            **({"voen": identity.voen} if identity.voen is not None else {}),
        }
        return self.seal_bytes(canonical_json(facts), self.digest_for(identity))

    def open(self, sealed: bytes, row: bytes) -> Identity:
        """Open what `seal` made for the row of this digest."""
        facts = json.loads(self.open_bytes(sealed, row))
        voen = Voen(facts["voen"]) if "voen" in facts else None
        return Identity(Fin(facts["fin"]), facts["given_name"], facts["surname"], voen)

    def seal_text(self, text: str, row: bytes) -> bytes:
        """Seal a text for a row."""
        return self.seal_bytes(text.encode(), row)

    def open_text(self, sealed: bytes, row: bytes) -> str:
        """Open what `seal_text` made."""
        return self.open_bytes(sealed, row).decode()

    def seal_bytes(self, plain: bytes, row: bytes) -> bytes:
        """Seal bytes; the nonce stands in front."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, plain, row)

    def open_bytes(self, sealed: bytes, row: bytes) -> bytes:
        """Open what `seal_bytes` made.

        Raises:
            Misconfigured: sealed under another key, for another row, or altered.
        """
        try:
            return self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], row)
        except InvalidTag:
            raise Misconfigured(
                file="secrets/people",
                key="people",
                value="another secret",
                example="the secret this database was made with",
            ) from None


def _key(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())


@cache
def vault() -> Vault:
    """Return the vault of this installation."""
    return Vault(settings.PEOPLE_KEY)
