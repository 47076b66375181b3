"""Revocation asked for by a machine (RFC 8555 section 7.6), and when to renew (RFC 9773)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.errors import Conflict, Missing
from pencere.trust import store
from pencere.trust.acme import jose, orders
from pencere.trust.acme.bindings import PROFILES
from pencere.trust.acme.enrolment import names_of
from pencere.trust.acme.problems import Problem
from pencere.trust.issuance import Issuance
from pencere.trust.store import Connection, Reason

REASONS = frozenset(
    {
        Reason.UNSPECIFIED,
        Reason.KEY_COMPROMISE,
        Reason.AFFILIATION_CHANGED,
        Reason.SUPERSEDED,
        Reason.CESSATION_OF_OPERATION,
    }
)


def ours(connection: Connection, encoded: bytes) -> x509.Certificate:
    """Return the machine's certificate that was given, DER, if we issued it, byte for byte.

    Raises:
        Problem: `malformed`, `unauthorized`.
    """
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        there = store.certificate(connection, store.serial_bytes(certificate.serial_number))
    except Missing as error:
        raise Problem("unauthorized", "certificate_not_ours") from error
    except Exception as error:  # the parser raises many kinds, among them its own base class
        raise Problem("malformed", "certificate") from error
    if there != encoded or _profile_of(connection, certificate) not in PROFILES:
        raise Problem("unauthorized", "certificate_not_ours")
    return certificate


def check_account(
    connection: Connection, account: str, certificate: x509.Certificate, *, at: datetime
) -> None:
    """Refuse an account that neither ordered the certificate nor has proved all its names.

    Raises:
        Problem: `unauthorized`.
    """
    serial = store.serial_bytes(certificate.serial_number)
    if orders.account_of_certificate(connection, serial) == account:
        return
    if not names_of(certificate) <= orders.proved_by(connection, account, at=at):
        raise Problem("unauthorized", "certificate_of_others")


def check_key(certificate: x509.Certificate, key: jose.PublicKey) -> None:
    """Refuse a key that is not the certificate's own.

    Raises:
        Problem: `unauthorized`.
    """
    if not isinstance(key, ec.EllipticCurvePublicKey) or certificate.public_key() != key:
        raise Problem("unauthorized", "certificate_of_others")


def read_reason(content: object) -> Reason:
    """Return the reason code that an account may give.

    Raises:
        Problem: `badRevocationReason`.
    """
    if content is None:
        return Reason.UNSPECIFIED
    if isinstance(content, bool) or not isinstance(content, int) or content not in REASONS:
        raise Problem("badRevocationReason", "reason")
    return Reason(content)


def revoke(issuance: Issuance, certificate: x509.Certificate, reason: Reason) -> None:
    """Revoke it for good.

    Raises:
        Problem: `alreadyRevoked`.
    """
    try:
        issuance.revoke(certificate, reason)
    except Conflict as error:
        raise Problem("alreadyRevoked", "revoked_already") from error


@dataclass(frozen=True)
class Window:
    """When a certificate should be renewed: at a random instant between the two."""

    start: datetime
    end: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the form of RFC 9773 section 4.2."""
        return {
            "suggestedWindow": {
                "start": self.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "end": self.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        }


def certificate_id(certificate: x509.Certificate) -> str:
    """Return the identifier of RFC 9773 section 4.1."""
    key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    serial = certificate.serial_number
    encoded = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # DER INTEGER content
    return f"{jose.encode(key.key_identifier or b'')}.{jose.encode(encoded)}"


def of_id(connection: Connection, identifier: str) -> x509.Certificate:
    """Return the certificate that a client names so.

    Raises:
        Problem: `malformed`, with status 404 where there is none.
    """
    _, _, serial = identifier.partition(".")
    try:
        number = int.from_bytes(jose.decode(serial), "big")
        encoded = store.certificate(connection, store.serial_bytes(number))
    except (Missing, Problem) as error:
        raise Problem("malformed", "missing", http_status=404) from error
    certificate = x509.load_der_x509_certificate(encoded)
    is_machine = _profile_of(connection, certificate) in PROFILES
    if not is_machine or certificate_id(certificate) != identifier:
        raise Problem("malformed", "missing", http_status=404)
    return certificate


def window(connection: Connection, certificate: x509.Certificate, *, at: datetime) -> Window:
    """Return when to renew: after two thirds of its life, or at once when it is revoked."""
    row = connection.execute(
        "select 1 from trust.revocation where serial = %s",
        (store.serial_bytes(certificate.serial_number),),
    ).fetchone()
    if row is not None:
        return Window(at - timedelta(hours=2), at - timedelta(hours=1))
    began, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    start = began + (ends - began) * 2 / 3
    return Window(start, start + (ends - began) / 30)


def _profile_of(connection: Connection, certificate: x509.Certificate) -> str | None:
    row = connection.execute(
        "select profile from trust.certificate where serial = %s",
        (store.serial_bytes(certificate.serial_number),),
    ).fetchone()
    return None if row is None else str(row[0])
