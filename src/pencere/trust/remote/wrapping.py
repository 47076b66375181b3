"""What closes a person's key: the PIN and the centre's wrapping key, neither enough alone.

Three layers. The private key is sealed under a key of its own (AES-256-GCM). That one is wrapped
under a key made from the PIN, stretched by scrypt, and from the centre's wrapping key, which
stays in the keystore or its hardware module: each guess of a PIN needs the module. Activation
data gets a copy that opens only with the data itself, for exactly the digests it was given for.
"""

import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pencere.kernel.errors import Misconfigured, Refused
from pencere.trust.signers import Signer

KEY_NAME = "remote-wrapping"
ALGORITHM = "RSA-3072"

_LABEL = b"pencere remote signing v1\x00"
_NONCE_BYTES = 12
# RFC 7914 section 2; 32 MiB and some 0.1 s for each guess, besides the signature it costs.
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}


@dataclass(frozen=True)
class WrappingKey:
    """The centre's wrapping key, reached through its signer.

    The key is RSA: a signature of RFC 8017 section 8.2 has one value only, so that its digest
    is a keyed function that every keystore and every PKCS#11 module can do, and that nobody
    can do without the key.
    """

    signer: Signer

    def __post_init__(self) -> None:
        key: object = self.signer.public_key
        if not isinstance(key, rsa.RSAPublicKey):
            raise Misconfigured(
                file="keystore", key=KEY_NAME, value=type(key).__name__, example=ALGORITHM
            )

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        """Return 32 bytes that depend on the wrapping key, the purpose and every part."""
        digest = hashlib.sha256(_LABEL)
        for part in (purpose.encode(), *parts):
            digest.update(len(part).to_bytes(8, "big") + part)
        signature = self.signer.sign(_LABEL + digest.digest())
        return HKDFExpand(hashes.SHA256(), 32, _LABEL + purpose.encode()).derive(
            hashlib.sha256(signature).digest()
        )


def new_key() -> bytes:
    """Return the key that one credential is sealed under."""
    return os.urandom(32)


def seal(key: bytes, content: bytes, about: bytes) -> bytes:
    """Return `content` under AES-256-GCM, bound to `about`."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, about)


def unseal(key: bytes, sealed: bytes, about: bytes) -> bytes:
    """Return what `seal` sealed.

    Raises:
        Refused: `remote.closed`: another key, other bytes, or about something else.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except InvalidTag as error:
        raise Refused("remote.closed") from error


def key_of_factor(
    wrapping: WrappingKey, kind: str, credential: str, secret: str, salt: bytes
) -> bytes:
    """Return the key that a PIN or PUK opens; takes about a tenth of a second."""
    stretched = Scrypt(salt=salt, length=32, **_SCRYPT).derive(secret.encode())
    return wrapping.derive(kind, credential.encode(), salt, stretched)


def key_of_secret(wrapping: WrappingKey, kind: str, secret: str) -> bytes:
    """Return the key that a random secret (activation data, a code, a cookie) opens."""
    return wrapping.derive(kind, hashlib.sha256(secret.encode()).digest(), secret.encode())
