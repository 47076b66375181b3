"""Sealing what the log keeps of persons: AES-256-GCM for content, HMAC-SHA-256 for finding.

Keys of the node, all from its secrets. Content is sealed with the newest and names it, so that a
secret can be replaced; `person_digest` and the salts of the ledger stay under the first one, since
what was written under them is compared. The digest of a person in the log is keyed, so that
the log finds a person's rows and a copy of it tells nobody whose they are. In the public
ledger each entry has a digest of its own under a salt that only the person is given: entries of
one person cannot be linked by others.
"""

import contextlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

_NONCE_BYTES = 12
_NONCES = 256
_MAGIC = b"PS2\n"
_PREFIX = len(_MAGIC) + 4
_SEAL = b"pencere gateway seal/1"


class Sealer:
    """The keys of a node's log; `older` secrets, the first one last, only open."""

    def __init__(self, secret: str, *older: str) -> None:
        secrets_ = [one.encode() for one in (secret, *older)]
        self._keys = {_key_id(one): AESGCM(_derive(one, _SEAL)) for one in secrets_}
        self._newest = _key_id(secrets_[0])
        self._encrypt = self._keys[self._newest].encrypt
        first = secrets_[-1]
        self._first = _key_id(first)
        self._nonces: list[bytes] = []
        # Made once and copied: four times as fast as a new one for each digest.
        self._person = HMAC(_derive(first, b"pencere gateway person/1"), hashes.SHA256())
        self._salt = HMAC(_derive(first, b"pencere gateway ledger salt/1"), hashes.SHA256())

    def seal(self, content: bytes, *, exchange: str, part: str) -> bytes:
        """Encrypt a part of an exchange, bound to where it belongs."""
        nonce = self._nonces.pop() if self._nonces else self._more()
        sealed = nonce + self._encrypt(nonce, content, f"{exchange} {part}".encode())
        # Under the first secret as it always was; under a later one with its name in front.
        return sealed if self._newest == self._first else _MAGIC + self._newest + sealed

    def _more(self) -> bytes:
        # One call of the kernel for many nonces; each is used once.
        block = secrets.token_bytes(_NONCE_BYTES * _NONCES)
        self._nonces = [block[at : at + _NONCE_BYTES] for at in range(0, len(block), _NONCE_BYTES)]
        return self._nonces.pop()

    def open(self, sealed: bytes, *, exchange: str, part: str) -> bytes:
        """Decrypt; raises cryptography's InvalidTag when moved, changed, or of another secret."""
        bound = f"{exchange} {part}".encode()
        key = self._keys.get(sealed[len(_MAGIC) : _PREFIX])
        if sealed.startswith(_MAGIC) and key is not None:
            # A nonce of before may begin so too, once in 2^64; then this fails and the next opens.
            with contextlib.suppress(InvalidTag):
                return _open(key, sealed[_PREFIX:], bound)
        return _open(self._keys[self._first], sealed, bound)

    def person_digest(self, person: str) -> bytes:
        """Return by what the log finds a person."""
        return _digest(self._person, person)

    def leaf_salt(self, exchange: str) -> bytes:
        """Return the salt of the person in one ledger entry."""
        return _digest(self._salt, exchange)[:16]


def person_in_leaf(salt: bytes, person: str) -> str:
    """Return the person as a ledger entry has it: hex HMAC-SHA-256 under the entry's salt."""
    return hmac.digest(salt, person.encode(), "sha256").hex()


def _digest(keyed: HMAC, text: str) -> bytes:
    made = keyed.copy()
    made.update(text.encode())
    return made.finalize()


def _open(key: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return key.decrypt(nonce, rest, bound)


def _key_id(secret: bytes) -> bytes:
    return _derive(secret, b"pencere gateway key name/1")[:4]


def _derive(root: bytes, label: bytes) -> bytes:
    return hmac.digest(root, label, "sha256")
