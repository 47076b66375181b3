"""Certificate revocation lists. RFC 5280 section 5; our profile: docs/specs/crl.md.

The database gives the number and keeps every list; a file is only its copy, put in place by
rename.
"""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from pencere.trust import der, store
from pencere.trust.contents import assemble, signature_algorithm
from pencere.trust.keystore import Signer, write_durably

log = logging.getLogger(__name__)

# CA/B BR 4.9.7 allows ten days for lists of subscribers and a year for lists of authorities.
LIFETIME = timedelta(days=3)
ROOT_LIFETIME = timedelta(days=180)

_AUTHORITY_KEY = der.object_identifier("2.5.29.35")
_NUMBER = der.object_identifier("2.5.29.20")
_REASON = der.object_identifier("2.5.29.21")


def renew(
    connection: store.Connection,
    issuer: str,
    signer: Signer,
    *,
    at: datetime,
    lifetime: timedelta = LIFETIME,
) -> bytes:
    """Return the list in force; make the next after a revocation or half its life.

    Copies of the service take turns, so a number is given once. The transaction is the caller's.
    """
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('trust.crl ' || %s, 0))", (issuer,)
    )
    last = connection.execute(
        "select number, encoded, this_update, next_update from trust.crl where issuer = %s"
        " order by number desc limit 1",
        (issuer,),
    ).fetchone()
    entries = store.revoked(connection, issuer, at=at)
    if last is not None:
        number, encoded, this_update, next_update = last
        is_young = at < this_update + (next_update - this_update) / 2
        if is_young and {one.serial for one in entries} <= serials_of(encoded):
            return bytes(encoded)
    number = 1 if last is None else last[0] + 1
    at = at.replace(microsecond=0)
    encoded = make(signer, entries, number=number, this_update=at, next_update=at + lifetime)
    connection.execute(
        "insert into trust.crl (issuer, number, encoded, this_update, next_update)"
        " values (%s, %s, %s, %s, %s)",
        (issuer, number, encoded, at, at + lifetime),
    )
    log.info("crl_issued issuer=%s number=%d entries=%d", issuer, number, len(entries))
    return encoded


def in_force(connection: store.Connection, issuer: str) -> tuple[bytes, datetime] | None:
    """Return the newest list of an issuer and the instant by which the next one must be there."""
    row = connection.execute(
        "select encoded, next_update from trust.crl where issuer = %s order by number desc limit 1",
        (issuer,),
    ).fetchone()
    return (bytes(row[0]), row[1]) if row else None


def publish(encoded: bytes, folder: Path, issuer: str) -> None:
    """Put the list into a folder, whole or not at all."""
    write_durably(folder / f"{issuer}.crl", encoded, mode=0o644)


def make(
    signer: Signer,
    entries: list[store.Revoked],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """Return a signed full list, DER."""
    curve, certificate = signer.public_key.curve.name, signer.certificate
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    extensions = der.sequence(
        der.sequence(
            _AUTHORITY_KEY,
            der.octet_string(der.sequence(der.context(0, key_id, constructed=False))),
        ),
        der.sequence(_NUMBER, der.octet_string(der.integer(number))),
    )
    tbs = der.sequence(
        der.integer(1),  # v2
        signature_algorithm(curve),
        certificate.subject.public_bytes(),
        der.time(this_update),
        der.time(next_update),
        *([der.sequence(*map(_entry, entries))] if entries else []),
        der.context(0, extensions),
    )
    return assemble(tbs, signer.sign(tbs), curve)


def serials_of(encoded: bytes) -> set[bytes]:
    """Return the serial numbers in a list of our own, as the store keeps them."""
    listed = x509.load_der_x509_crl(bytes(encoded))
    return {store.serial_bytes(entry.serial_number) for entry in listed}


def _entry(revoked: store.Revoked) -> bytes:
    parts = [der.integer(int.from_bytes(revoked.serial, "big")), der.time(revoked.revoked_at)]
    if revoked.reason:  # RFC 5280 5.3.1: unspecified is said by absence
        value = der.octet_string(der.enumerated(revoked.reason))
        parts.append(der.sequence(der.sequence(_REASON, value)))
    return der.sequence(*parts)
