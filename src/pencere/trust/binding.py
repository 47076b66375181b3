"""What a key is bound to: its role, its kind, where it lives, who must approve its opening.

A binding lies beside the key as `<name>.binding`: canonical JSON with an HMAC under a key made
from the keystore's passphrase, so that whoever can write the folder but not open the keys cannot
make a time-stamping key into an authority's or take a quorum away. The digest of the public key
is part of it: a binding does not fit another key.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Refused
from pencere.trust.algorithms import PublicKey
from pencere.trust.quorum import Rule
from pencere.trust.roles import Role

_SALT = b"pencere keystore binding v1"
_ROUNDS = 20_000  # ten times what protects the PKCS#8 files, and still some milliseconds


@dataclass(frozen=True)
class Binding:
    """What a key may be used for. `key_sha256` is of its SubjectPublicKeyInfo.

    `token_id` is the CKA_ID of a key that lives in a PKCS#11 token, None for a file.
    """

    name: str
    role: Role
    algorithm: str
    key_sha256: bytes
    token_id: bytes | None = None
    quorum: Rule | None = None

    def as_json(self) -> dict[str, Any]:
        """Return a form that JSON can carry."""
        return {
            "algorithm": self.algorithm,
            "key_sha256": self.key_sha256.hex(),
            "name": self.name,
            "quorum": self.quorum.as_json() if self.quorum else None,
            "role": self.role.value,
            "token_id": self.token_id.hex() if self.token_id else None,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        token_id = content["token_id"]
        return cls(
            name=content["name"],
            role=Role(content["role"]),
            algorithm=content["algorithm"],
            key_sha256=bytes.fromhex(content["key_sha256"]),
            token_id=bytes.fromhex(token_id) if token_id else None,
            quorum=Rule.from_json(content["quorum"]) if content["quorum"] else None,
        )


def fingerprint(key: PublicKey) -> bytes:
    """Return SHA-256 of a key's SubjectPublicKeyInfo."""
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()


class Seal:
    """Authenticates what lies in a keystore's folder, under its passphrase."""

    def __init__(self, passphrase: bytes) -> None:
        self._passphrase = passphrase
        self._made: bytes | None = None

    def close(self, content: dict[str, Any]) -> bytes:
        """Return canonical JSON of the content with its code."""
        return canonical_json({"content": content, "mac": self._code(content).hex()})

    def open(self, path: Path) -> dict[str, Any]:
        """Return the content of a file that `close` made.

        Raises:
            Refused: `keystore.binding`; it is not ours, or was changed.
        """
        try:
            found = json.loads(path.read_bytes())
            content, code = found["content"], bytes.fromhex(found["mac"])
            is_ours = hmac.compare_digest(code, self._code(content))
        except (OSError, ValueError, KeyError, TypeError, Invalid) as error:
            raise Refused("keystore.binding", file=path, reason=type(error).__name__) from error
        if not is_ours or not isinstance(content, dict):
            raise Refused("keystore.binding", file=path, reason="changed")
        return content

    def _code(self, content: dict[str, Any]) -> bytes:
        if self._made is None:
            self._made = hashlib.pbkdf2_hmac("sha256", self._passphrase, _SALT, _ROUNDS)
        return hmac.digest(self._made, canonical_json(content), "sha256")
