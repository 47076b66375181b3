"""A key in a card or a hardware module, through its PKCS#11 library. OASIS PKCS#11 v3.0.

The key never leaves the token: a digest goes in, a signature comes out. A wrong PIN is tried
once and never repeated, since a token counts.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pkcs11
from cryptography import x509
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, PrivateKey, Session, Token
from pkcs11.util.ec import encode_ecdsa_signature

from pencere.documents.formats.pkcs12 import in_order
from pencere.documents.formats.signer import check_signature, scheme_of
from pencere.kernel.errors import Invalid, Misconfigured, Missing, Refused, Unavailable

# DigestInfo of SHA-256 up to the digest (RFC 8017 section 9.2): CKM_RSA_PKCS adds only padding.
_DIGEST_INFO_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")

_PIN = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)
_AWAY = (
    pkcs11.NoSuchToken,
    pkcs11.TokenNotPresent,
    pkcs11.TokenNotRecognised,
    pkcs11.DeviceRemoved,
    pkcs11.DeviceError,
    pkcs11.SessionHandleInvalid,
    pkcs11.SessionClosed,
)


@dataclass
class Pkcs11Signer:
    """A key in a token that has been opened by `open_token`. Safe to share between threads."""

    certificate: x509.Certificate
    chain: Sequence[x509.Certificate]
    _session: Session = field(repr=False)
    _key: PrivateKey = field(repr=False)
    # A qualified card asks for its PIN before every signature (CKA_ALWAYS_AUTHENTICATE).
    _pin_each_time: str | None = field(repr=False)
    most_digests: int = 100
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """Return one signature for each digest."""
        with self._lock:
            return [self._sign(one) for one in digests]

    def close(self) -> None:
        """End the session; the token forgets the PIN."""
        self._session.close()

    def _sign(self, digest: bytes) -> bytes:
        scheme = scheme_of(self.certificate)
        try:
            if scheme.name == "ecdsa":
                raw = self._raw(digest, Mechanism.ECDSA)
                signature = encode_ecdsa_signature(raw)
            else:
                signature = self._raw(_DIGEST_INFO_SHA256 + digest, Mechanism.RSA_PKCS)
        except pkcs11.PKCS11Error as error:
            raise in_our_words(error) from error
        check_signature(self.certificate.public_key(), scheme, digest, signature)
        return signature

    def _raw(self, data: bytes, mechanism: Mechanism) -> bytes:
        choices = {} if self._pin_each_time is None else {"pin": self._pin_each_time}
        # What a key can do is mixed into its class when it is found.
        sign: Callable[..., bytes] = getattr(self._key, "sign")  # noqa: B009
        return sign(data, mechanism=mechanism, **choices)


def open_token(library: Path, *, token: str | None, label: str | None, pin: str) -> Pkcs11Signer:
    """Open the token and find the key `label` with its certificate.

    Without `token` there must be one token; without `label` one key that may sign documents.

    Raises:
        Misconfigured: the library is none.
        Unavailable: `sign.token_away`.
        Refused: `sign.pin_wrong`, `sign.pin_locked`.
        Missing: `sign.key_missing`: no such key, or no certificate beside it.
    """
    try:
        loaded = pkcs11.lib(str(library))
    except (RuntimeError, OSError, pkcs11.PKCS11Error) as error:
        raise Misconfigured(
            file="command line",
            key="--pkcs11",
            value=str(library),
            example="/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
        ) from error
    try:
        # A library answers about the slots there were; a card put in since is found anew.
        loaded.reinitialize()
        session = _token(list(loaded.get_tokens()), token).open(user_pin=pin)
    except pkcs11.PKCS11Error as error:
        raise in_our_words(error) from error
    try:
        return _find(session, label, pin)
    except pkcs11.PKCS11Error as error:
        session.close()
        raise in_our_words(error) from error
    except BaseException:
        session.close()
        raise


def in_our_words(error: pkcs11.PKCS11Error) -> Refused | Unavailable:
    """Return the error of our family for one of the token's."""
    kind = type(error).__name__
    if isinstance(error, _PIN):
        return Refused("sign.pin_wrong")
    if isinstance(error, pkcs11.PinLocked):
        return Refused("sign.pin_locked")
    if isinstance(error, pkcs11.PinExpired):
        return Refused("sign.pin_expired")
    if isinstance(error, _AWAY):
        return Unavailable("sign.token_away", reason=kind)
    return Unavailable("sign.token_failed", reason=kind)


def _token(there: Sequence[Token], label: str | None) -> Token:
    found = [
        one
        for one in there
        if pkcs11.TokenFlag.TOKEN_INITIALIZED in one.flags
        and (label is None or one.label.strip() == label)
    ]
    if not found:
        raise Unavailable("sign.token_away", token=label or "any")
    if len(found) > 1:
        names = ", ".join(one.label.strip() for one in found)
        raise Invalid("sign.token_ambiguous", tokens=names)
    return found[0]


def _find(session: Session, label: str | None, pin: str) -> Pkcs11Signer:
    wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if label is not None:
        wanted[Attribute.LABEL] = label
    keys = [one for one in session.get_objects(wanted) if isinstance(one, PrivateKey)]
    certificates = _certificates(session)
    usable = [(key, _certificate_of(key, certificates)) for key in keys]
    matched = [(key, one) for key, one in usable if one is not None]
    if label is None:
        matched = [(key, one) for key, one in matched if _promises(one)]
    if not matched:
        raise Missing("sign.key_missing", label=label or "any")
    if len(matched) > 1:
        raise Invalid("sign.key_ambiguous", keys=", ".join(str(key.label) for key, _ in matched))
    key, certificate = matched[0]
    if key.key_type not in {KeyType.EC, KeyType.RSA}:
        raise Invalid("sign.key_kind", key=str(key.key_type))
    scheme_of(certificate)
    return Pkcs11Signer(
        certificate,
        in_order(certificate, [one for _, one in certificates]),
        session,
        key,
        pin if _asks_each_time(key) else None,
    )


def _certificates(session: Session) -> list[tuple[bytes, x509.Certificate]]:
    found = []
    for one in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
        try:
            certificate = x509.load_der_x509_certificate(one[Attribute.VALUE])
        except (ValueError, KeyError, pkcs11.PKCS11Error):
            continue
        found.append((bytes(one[Attribute.ID]), certificate))
    return found


def _certificate_of(
    key: PrivateKey, certificates: Sequence[tuple[bytes, x509.Certificate]]
) -> x509.Certificate | None:
    return next((one for id_, one in certificates if id_ and id_ == bytes(key.id)), None)


def _promises(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.content_commitment or usage.digital_signature


def _asks_each_time(key: PrivateKey) -> bool:
    try:
        return bool(key[Attribute.ALWAYS_AUTHENTICATE])
    except (KeyError, pkcs11.PKCS11Error):
        return False
