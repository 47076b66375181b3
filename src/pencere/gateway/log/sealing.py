"""Sealing what the log keeps of persons: AES-256-GCM for content, HMAC-SHA-256 for finding.

Two keys of the node, both from its secret. The digest of a person in the log is keyed, so that
the log finds a person's rows and a copy of it tells nobody whose they are. In the public
ledger each entry has a digest of its own under a salt that only the person is given: entries of
one person cannot be linked by others.
"""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Sealer:
    """The two keys of a node's log."""

    def __init__(self, secret: str) -> None:
        root = secret.encode()
        self._aead = AESGCM(_derive(root, b"pencere gateway seal/1"))
        self._person = _derive(root, b"pencere gateway person/1")
        self._salt = _derive(root, b"pencere gateway ledger salt/1")

    def seal(self, content: bytes, *, exchange: str, part: str) -> bytes:
        """Encrypt a part of an exchange, bound to where it belongs."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, content, f"{exchange} {part}".encode())

    def open(self, sealed: bytes, *, exchange: str, part: str) -> bytes:
        """Decrypt; raises cryptography's InvalidTag when moved or changed."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return self._aead.decrypt(nonce, rest, f"{exchange} {part}".encode())

    def person_digest(self, person: str) -> bytes:
        """Return by what the log finds a person."""
        return hmac.digest(self._person, person.encode(), hashlib.sha256)

    def leaf_salt(self, exchange: str) -> bytes:
        """Return the salt of the person in one ledger entry."""
        return hmac.digest(self._salt, exchange.encode(), hashlib.sha256)[:16]


def person_in_leaf(salt: bytes, person: str) -> str:
    """Return the person as a ledger entry has it: hex HMAC-SHA-256 under the entry's salt."""
    return hmac.digest(salt, person.encode(), hashlib.sha256).hex()


def _derive(root: bytes, label: bytes) -> bytes:
    return hmac.digest(root, label, hashlib.sha256)
