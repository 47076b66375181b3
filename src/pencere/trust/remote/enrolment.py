"""A person comes to a key in the centre.

Asked with a signature of their phone, or by an act of the registration authority. Either way
the person alone finishes it, on a page of the centre: there they choose the PIN, which no
portal and no officer ever sees, and read the PUK.
"""

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.trust import store
from pencere.trust.contents import Holder
from pencere.trust.credentials import digest_of
from pencere.trust.issuance import add_leaf
from pencere.trust.remote import phone, vault
from pencere.trust.remote.consents import refuse_not_in_force
from pencere.trust.remote.wrapping import WrappingKey
from pencere.trust.sessions import is_signed
from pencere.trust.store import Connection

LIFETIME = timedelta(minutes=30)
OF_AN_ACT = timedelta(days=7)
MOST_KEYS = 5
PROFILE = "person-remote"
Algorithm = Literal["P-256", "RSA-3072"]
ALGORITHMS = ("P-256", "RSA-3072")

Issue = Callable[[str, Holder, uuid.UUID | None], x509.Certificate]


@dataclass(frozen=True)
class Begun:
    """An enrolment that waits for its proof; the phone signs SHA-256 of `statement`."""

    id: uuid.UUID
    statement: bytes


@dataclass(frozen=True)
class Open:
    """An enrolment that waits for the person on its page."""

    id: uuid.UUID
    holder: str
    name: str
    algorithm: str
    language: str
    return_uri: str | None


def begin(  # noqa: PLR0913 -- by name
    connection: Connection,
    *,
    holder: str,
    algorithm: str,
    return_uri: str,
    language: str,
    at: datetime,
) -> Begun:
    """Begin an enrolment that the person's phone will sign for.

    The name in the certificate is that of the phone's own, not one that the portal says.

    Raises:
        Refused: `remote.phone`: the person has no phone with certificates in force.
        Invalid: `remote.algorithm`; `remote.too_many`, five keys are there already.
    """
    device = phone.phone_of(connection, holder)
    if device is None:
        raise Refused("remote.phone")
    subject = subject_of(store.certificate(connection, device.signature_serial))
    return _insert(
        connection, holder, subject, algorithm, "phone", return_uri, language, at, at + LIFETIME
    )


def prove(
    connection: Connection,
    enrolment: uuid.UUID,
    *,
    certificate: bytes,
    signature: bytes,
    at: datetime,
) -> str:
    """Take the phone's signature (DER) over the statement; return the secret of the page.

    Raises:
        Missing: `remote.enrolment`.
        Refused: `remote.proof`: not the person's signature certificate in force, or false.
    """
    row = connection.execute(
        "select holder, statement from trust.remote_enrolment where id = %s and basis = 'phone'"
        " and page_sha256 is null and expires_at > %s for update",
        (enrolment, at),
    ).fetchone()
    if row is None:
        raise Missing("remote.enrolment")
    device = phone.phone_of(connection, row[0])
    if device is None:
        raise Refused("remote.proof")
    own = store.certificate(connection, device.signature_serial)
    refuse_not_in_force(connection, device.signature_serial, at=at)
    parsed = x509.load_der_x509_certificate(own)
    digest = digest_of_statement(bytes(row[1]))
    if own != certificate or not is_signed(parsed, digest, "SHA256", signature):
        raise Refused("remote.proof")
    secret = secrets.token_urlsafe(32)
    connection.execute(
        "update trust.remote_enrolment set page_sha256 = %s, proof = %s where id = %s",
        (digest_of(secret), signature, enrolment),
    )
    return secret


def begin_by_act(  # noqa: PLR0913 -- by name
    connection: Connection,
    *,
    act: str,
    holder: str,
    subject: dict[str, str],
    algorithm: str,
    language: str,
    at: datetime,
) -> tuple[uuid.UUID, str]:
    """Begin an enrolment that an act of the registration authority is the basis of.

    `subject` holds `country`, `surname`, `given_name`, `serial_number`, `common_name`. Return
    the enrolment and the secret of its page, which the officer gives to the person; it lasts
    seven days. For the transaction of the act.
    """
    begun = _insert(
        connection, holder, subject, algorithm, "act", None, language, at, at + OF_AN_ACT
    )
    secret = secrets.token_urlsafe(32)
    connection.execute(
        "update trust.remote_enrolment set page_sha256 = %s, proof = %s where id = %s",
        (digest_of(secret), act.encode(), begun.id),
    )
    return begun.id, secret


def end_of_acts(connection: Connection, acts: Sequence[str]) -> None:
    """End what these acts are the basis of, unless the person has finished it."""
    connection.execute(
        "delete from trust.remote_enrolment where basis = 'act' and proof = any(%s)"
        " and finished_at is null",
        ([one.encode() for one in acts],),
    )


def page_of(base_url: str, secret: str) -> str:
    """Return the address of the page where a person finishes an enrolment."""
    return f"{base_url}/remote/enrolment/{secret}"


def open_page(connection: Connection, secret: str, *, at: datetime) -> Open:
    """Return the enrolment whose page this is.

    Raises:
        Refused: `consent.over`.
    """
    row = connection.execute(
        "select id, holder, subject, algorithm, language, return_uri from trust.remote_enrolment"
        " where page_sha256 = %s and finished_at is null and expires_at > %s",
        (digest_of(secret), at),
    ).fetchone()
    if row is None:
        raise Refused("consent.over")
    return Open(row[0], row[1], str(row[2]["common_name"]), row[3], row[4], row[5])


def finish(  # noqa: PLR0913 -- by name
    connection: Connection,
    wrapping: WrappingKey,
    secret: str,
    *,
    pin: str,
    issue: Issue,
    at: datetime,
) -> tuple[str, str]:
    """Make the key with the person's PIN, certify it, and return credential id and PUK.

    `issue` is given profile, holder, and the act that is the basis, if one is; its own
    transaction comes between, so a stop leaves a key without a certificate, which opens for
    nothing, and at most a certificate without use.

    Raises:
        Invalid: `remote.pin`.
        Refused: `consent.over`, also to the second of two at the same moment.
    """
    vault.refuse_weak_pin(pin)
    row = connection.execute(
        "update trust.remote_enrolment set finished_at = %s where page_sha256 = %s"
        " and finished_at is null and expires_at > %s"
        " returning id, holder, subject, algorithm, basis, proof",
        (at, digest_of(secret), at),
    ).fetchone()
    if row is None:
        raise Refused("consent.over")
    enrolment, holder, subject, algorithm, basis, proof = row
    act = uuid.UUID(bytes(proof).decode()) if basis == "act" else None
    credential, puk, public = vault.create(
        connection, wrapping, holder=holder, algorithm=algorithm, pin=pin, at=at
    )
    connection.commit()
    try:
        certificate = issue(PROFILE, Holder(subject, public), act)
    except PencereError:
        # The key device was away, say: the person may try again, with another key.
        vault.destroy(connection, credential, at=at)
        connection.execute(
            "update trust.remote_enrolment set finished_at = null where id = %s", (enrolment,)
        )
        connection.commit()
        raise
    serial = store.serial_bytes(certificate.serial_number)
    vault.certify(connection, credential, serial)
    if act is not None:
        connection.execute(
            "insert into trust.ra_effect (act, serial, what, at) values (%s, %s, 'issued', %s)",
            (act, serial, at),
        )
    connection.execute(
        "update trust.remote_enrolment set credential = %s where id = %s", (credential, enrolment)
    )
    add_leaf(
        connection,
        "remote-credential",
        {
            "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "basis": basis,
            "credential": hashlib.sha256(enrolment.bytes + credential.encode()).hexdigest(),
            "enrolment": str(enrolment),
            "serial": f"{certificate.serial_number:x}",
        },
    )
    connection.commit()
    return credential, puk


def digest_of_statement(statement: bytes) -> bytes:
    """Return what the phone signs."""
    return hashlib.sha256(statement).digest()


def subject_of(encoded: bytes) -> dict[str, str]:
    """Return the subject of a person's certificate, by the names that profiles use."""
    certificate = x509.load_der_x509_certificate(encoded)
    values = {one.oid: str(one.value) for one in certificate.subject}
    names = {
        "country": x509.NameOID.COUNTRY_NAME,
        "surname": x509.NameOID.SURNAME,
        "given_name": x509.NameOID.GIVEN_NAME,
        "serial_number": x509.NameOID.SERIAL_NUMBER,
        "common_name": x509.NameOID.COMMON_NAME,
    }
    return {name: values[oid] for name, oid in names.items()}


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete enrolments that nobody finished."""
    connection.execute(
        "delete from trust.remote_enrolment where expires_at < %s and finished_at is null", (at,)
    )


def _insert(  # noqa: PLR0913, PLR0917 -- the columns of a row
    connection: Connection,
    holder: str,
    subject: dict[str, str],
    algorithm: str,
    basis: str,
    return_uri: str | None,
    language: str,
    at: datetime,
    expires_at: datetime,
) -> Begun:
    if algorithm not in ALGORITHMS:
        raise Invalid("remote.algorithm")
    if len(vault.of_holder(connection, holder)) >= MOST_KEYS:
        raise Invalid("remote.too_many")
    enrolment = uuid.uuid4()
    statement = canonical_json(
        {
            "algorithm": algorithm,
            "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "enrolment": str(enrolment),
            "holder": holder,
            "type": "pencere.az/remote-key/v1",
        }
    )
    connection.execute(
        "insert into trust.remote_enrolment (id, holder, subject, algorithm, statement, basis,"
        " return_uri, language, created_at, expires_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            enrolment,
            holder,
            json.dumps(subject),
            algorithm,
            statement,
            basis,
            return_uri,
            language,
            at,
            expires_at,
        ),
    )
    return Begun(enrolment, statement)
