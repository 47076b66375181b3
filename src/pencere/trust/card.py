"""A person's card: a PKCS#12 file or a token behind PKCS#11, opened with a PIN for one errand.

The key for signing in is found by what its certificate is for, not by a label: cards of different
issuers name theirs differently.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from pencere.kernel.errors import Missing, Refused, Unavailable

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Card:
    """The key of a card and its certificate.

    `sign(algorithm, data)` takes a name of RFC 7518 (`ES256`, `RS256`) and gives the signature as
    JSON signatures have it: ECDSA as r and s side by side.
    """

    certificate: x509.Certificate
    sign: Callable[[str, bytes], bytes]


def of_file(file: Path, password: str) -> Card:
    """Open a PKCS#12 file.

    Raises:
        Missing: `card.missing`, no such file, or no key to sign in with in it.
        Refused: `card.pin`, not the password, or not such a file.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Missing("card.missing", file=file, reason=error.strerror) from error
    try:
        found = load_pkcs12(content, password.encode())
    except ValueError as error:
        raise Refused("card.pin", file=file) from error
    key, own = found.key, found.cert
    if own is None or not is_to_sign_in(own.certificate):
        raise Missing("card.missing", file=file, reason="no key to sign in with")
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Missing("card.missing", file=file, reason="another kind of key")

    def sign(algorithm: str, data: bytes) -> bytes:
        digest = _HASHES[algorithm[2:]]
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), digest)
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return Card(own.certificate, sign)


@contextlib.contextmanager
def of_token(library: Path, pin: str, label: str | None = None) -> Iterator[Card]:
    """Open a token behind a PKCS#11 module; it is closed again behind the errand.

    Raises:
        Unavailable: `card.unavailable`, no such module or token, or the token failed.
        Refused: `card.pin`, wrong or blocked; it is not tried again.
        Missing: `card.missing`, no key to sign in with on it.
    """
    import pkcs11  # noqa: PLC0415 -- only where there is a module

    try:
        with _open(library, pin, label) as session:
            certificate, identifier = _to_sign_in(session)
            key: Any = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=identifier)
            yield Card(certificate, lambda algorithm, data: _sign(key, algorithm, data))
    except (
        pkcs11.PinIncorrect,
        pkcs11.PinLocked,
        pkcs11.PinLenRange,
        pkcs11.PinInvalid,
        pkcs11.PinExpired,
    ) as error:
        raise Refused("card.pin", reason=type(error).__name__) from error
    except pkcs11.NoSuchKey as error:
        raise Missing("card.missing", reason="no key to sign in with") from error
    except pkcs11.PKCS11Error as error:
        raise Unavailable("card.unavailable", reason=type(error).__name__) from error


def is_to_sign_in(certificate: x509.Certificate) -> bool:
    """Say whether a certificate is for authentication and not for signing documents."""
    try:
        extensions = certificate.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return (
        usage.digital_signature
        and not usage.content_commitment
        and ExtendedKeyUsageOID.CLIENT_AUTH in purposes
    )


@contextlib.contextmanager
def _open(library: Path, pin: str, label: str | None) -> Iterator[Any]:
    import pkcs11  # noqa: PLC0415 -- as above

    try:
        module = pkcs11.lib(str(library))
    except RuntimeError as error:  # what the loader says of a file that is no module
        raise Unavailable("card.unavailable", reason=str(error)[:200]) from error
    for token in module.get_tokens(token_label=label) if label else module.get_tokens():
        with token.open(user_pin=pin) as session:
            yield session
            return
    raise Unavailable("card.unavailable", reason="no token")


def _to_sign_in(session: Any) -> tuple[x509.Certificate, bytes]:
    """Return the newest certificate to sign in with, and the id it shares with its key."""
    import pkcs11  # noqa: PLC0415 -- as above

    found = []
    for one in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE}):
        try:
            certificate = x509.load_der_x509_certificate(one[pkcs11.Attribute.VALUE])
        except ValueError:
            continue
        if is_to_sign_in(certificate):
            found.append((certificate, bytes(one[pkcs11.Attribute.ID])))
    if not found:
        raise Missing("card.missing", reason="no certificate to sign in with")
    return max(found, key=lambda pair: pair[0].not_valid_before_utc)


def _sign(key: Any, algorithm: str, data: bytes) -> bytes:
    """Sign in the token; ECDSA there takes the digest and gives r and s side by side."""
    import pkcs11  # noqa: PLC0415 -- as above

    if algorithm.startswith("RS"):
        return bytes(key.sign(data, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))
    digest = hashes.Hash(_HASHES[algorithm[2:]])
    digest.update(data)
    return bytes(key.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
