"""The node's secret for whoever must read an archive when the node is gone.

Without the secret an archive can be proved complete and not read. So every manifest carries it
encrypted to the key of an escrow officer (P-256, kept off line): ECDH with a key made for
this, HKDF-SHA-256, AES-256-GCM. docs/specs/archive.md, "Keys".
"""

import base64
import json
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.errors import Refused

_INFO = b"pencere archive escrow/1"


def lock(secrets_: Sequence[str], to: ec.EllipticCurvePublicKey, *, log: str) -> dict[str, str]:
    """Return the secrets for the holder of the key `to`."""
    own = ec.generate_private_key(ec.SECP256R1())
    point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    nonce = secrets.token_bytes(12)
    plain = json.dumps(list(secrets_)).encode()
    sealed = nonce + AESGCM(_derived(own, to, point)).encrypt(nonce, plain, log.encode())
    return {"ephemeral": _text(point), "sealed": _text(sealed)}


def unlock(locked: dict[str, str], key: ec.EllipticCurvePrivateKey, *, log: str) -> list[str]:
    """Return the secrets.

    Raises:
        Refused: `archive.escrow`: for another key, of another log, or changed.
    """
    try:
        point, sealed = (base64.b64decode(locked[one]) for one in ("ephemeral", "sealed"))
        other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        cipher = AESGCM(_derived(key, other, point))
        found = json.loads(cipher.decrypt(sealed[:12], sealed[12:], log.encode()))
    except (InvalidTag, ValueError, KeyError, TypeError) as problem:
        raise Refused("archive.escrow") from problem
    return [str(one) for one in found]


def _derived(
    own: ec.EllipticCurvePrivateKey, other: ec.EllipticCurvePublicKey, point: bytes
) -> bytes:
    shared = own.exchange(ec.ECDH(), other)
    return HKDF(hashes.SHA256(), 32, salt=point, info=_INFO).derive(shared)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
