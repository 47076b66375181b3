"""A phone gets its person's certificates: by the code of an approved application, or by renewal.

Issuing commits in steps of its own (`issuance`), so what entitles to it is put on record first:
the code belongs to this one request from then on, the renewal is an act. A phone that sends the
same again, after a stop or a broken line, gets on where it was, and never a second pair.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.trust import devices, pins, store
from pencere.trust.ceremony import Approval, Enrolled, Enrolment, Person
from pencere.trust.issuance import read_request
from pencere.trust.mobile import identity_of
from pencere.trust.registration import acts, applications, codes, subjects
from pencere.trust.registration.acts import Act, Opening
from pencere.trust.registration.office import Office, hex_of, instant
from pencere.trust.store import Connection
from pencere.trust.validation import is_self_issued

RENEWED_WITHIN = timedelta(days=30)
UNFINISHED_FOR = timedelta(hours=24)
RENEWAL_PREFIX = b"pencere renewal v1\x00"
Issue = Callable[[Person, Enrolment, Sequence[Approval]], Enrolled]


@dataclass(frozen=True)
class Given:
    """What a phone sends, read and checked; `canonical` stands for all of it."""

    enrolment: Enrolment
    canonical: bytes

    @property
    def keys(self) -> tuple[bytes, ...]:
        """SHA-256 of the SubjectPublicKeyInfo of both requests."""
        return tuple(
            hashlib.sha256(
                read_request(one).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ).digest()
            for one in (
                self.enrolment.authentication_request,
                self.enrolment.signature_request,
            )
        )


def read(enrolment: Enrolment, sent: Mapping[str, Any]) -> Given:
    """Check what a phone sends; `sent` are the fields as they came, without the secret ones.

    Raises:
        Invalid: `certificate.request`, `device.key`.
    """
    given = Given(enrolment, canonical_json(dict(sent)))
    first, second = given.keys
    devices.read_key(enrolment.device_key)
    if first == second:
        raise Invalid("certificate.request", reason="one key for two purposes")
    return given


@dataclass(frozen=True)
class Result:
    """What the phone is answered."""

    person: Person
    enrolled: Enrolled


def enrol(  # noqa: PLR0913 -- what a phone brings
    connection: Connection,
    office: Office,
    issue: Issue,
    given: Given,
    *,
    number: str,
    code: str,
    at: datetime,
) -> Result:
    """Certify a phone by the code of an application.

    Raises:
        Refused: `enrolment.code`, `enrolment.blocked`, `enrolment.expired`, `enrolment.used`;
            `certificate.key-compromised`.
    """
    row = connection.execute(
        "select id from trust.ra_application where number = %s",
        (int(number) if number.isascii() and number.isdigit() and len(number) <= 12 else 0,),
    ).fetchone()
    if row is None:
        raise Refused("enrolment.code", left=codes.TRIES - 1)
    application = applications.find(connection, row[0])
    _refuse_compromised(connection, given)
    claimed = codes.claim(
        connection, office, code, application=application.id, request=given.canonical, at=at
    )
    facts = application.said["person"]
    person = Person(facts["fin"], facts["surname"], facts["given_name"], facts["phone"])
    with _alone(connection, application.holder):
        if claimed.is_used:
            return Result(person, _again(connection, office, claimed.act))
        state = applications.state_of(connection, application.id)
        if state == "enrolled":  # by this very request, a moment ago
            return Result(person, _again(connection, office, claimed.act))
        if state != "approved":
            raise Refused("enrolment.expired")
        enrolled = issue(person, given.enrolment, approvals_of(connection, claimed.act))
        codes.use(connection, claimed, at=at)
        _record(connection, claimed.act, enrolled, at=at)
        acts.leaf(
            connection,
            "enrolment",
            {
                "act": str(claimed.act),
                "application": str(application.id),
                "at": instant(at),
                "device": enrolled.device_id,
                "holder": office.mark(application.holder, claimed.act),
                "serials": [hex_of(one) for one in _serials(enrolled)],
            },
        )
    return Result(person, enrolled)


def renew(  # noqa: PLR0913 -- what a phone brings
    connection: Connection,
    office: Office,
    issue: Issue,
    given: Given,
    *,
    device: uuid.UUID,
    proof: bytes,
    at: datetime,
) -> Result:
    """Certify new keys of a phone on the word of its still valid authentication key.

    Raises:
        Missing: `device.missing`. Conflict: `act.expired`.
        Refused: `renewal.proof`; `renewal.early`, more than thirty days are left;
            `renewal.certificate`, expired, held or revoked; `certificate.key-compromised`.
    """
    phone = _phone(connection, device)
    if not _is_proven(phone.authentication, proof, given):
        raise Refused("renewal.proof")
    identity = identity_of(phone.authentication)
    person = Person(identity.fin, identity.surname, identity.given_name, phone.number)
    with _alone(connection, phone.holder):
        act = _earlier(connection, given)
        if act is not None and act.state == "executed":
            return Result(person, _again(connection, office, act.id))
        if act is None:
            _refuse_renewal(connection, phone, given, at=at)
            act = _open_renewal(connection, office, phone, given, at=at)
            # On record before anything is signed; the lock is taken again at once.
            connection.commit()
        elif at >= act.expires_at:
            raise Conflict("act.expired")
    with _alone(connection, phone.holder):
        act = acts.lock(connection, act.id)
        if act.state == "executed":
            return Result(person, _again(connection, office, act.id))
        _refuse_compromised(connection, given)
        enrolled = issue(person, given.enrolment, approvals_of(connection, act.id))
        _record(connection, act.id, enrolled, at=at)
        acts.settle(connection, act, "executed", at=at, result={"device": enrolled.device_id})
        acts.leaf(
            connection,
            "ra.result",
            {
                "act": str(act.id),
                "at": instant(at),
                "of": "renew",
                "serials": [hex_of(one) for one in _serials(enrolled)],
                "sha256": act.sha256.hex(),
                "what": "issued",
            },
        )
    return Result(person, enrolled)


@dataclass(frozen=True)
class _Phone:
    id: uuid.UUID
    holder: str
    number: str
    authentication: x509.Certificate
    serials: tuple[bytes, bytes]
    is_closed: bool


def _phone(connection: Connection, device: uuid.UUID) -> _Phone:
    row = connection.execute(
        "select d.holder, d.phone, c.encoded, d.authentication_serial, d.signature_serial,"
        " d.closed_at is not null"
        " from trust.device d join trust.certificate c on c.serial = d.authentication_serial"
        " where d.id = %s",
        (device,),
    ).fetchone()
    if row is None:
        raise Missing("device.missing")
    certificate = x509.load_der_x509_certificate(bytes(row[2]))
    return _Phone(device, row[0], row[1], certificate, (bytes(row[3]), bytes(row[4])), row[5])


def _is_proven(certificate: x509.Certificate, proof: bytes, given: Given) -> bool:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(proof, RENEWAL_PREFIX + given.canonical, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _refuse_renewal(connection: Connection, phone: _Phone, given: Given, *, at: datetime) -> None:
    ends = phone.authentication.not_valid_after_utc
    found = subjects.find(connection, sorted(phone.serials))
    # A hold on either must not be shaken off by a renewal.
    if phone.is_closed or at > ends or any(one.standing != "good" for one in found):
        raise Refused("renewal.certificate")
    if ends - at > RENEWED_WITHIN:
        raise Refused("renewal.early")
    _refuse_compromised(connection, given)
    if pins.is_counted_here(connection, phone.id) and given.enrolment.pins is None:
        raise Invalid("pin.purposes")


def _refuse_compromised(connection: Connection, given: Given) -> None:
    if any(subjects.is_key_compromised(connection, one) for one in given.keys):
        raise Refused("certificate.key-compromised")


def _identifier(given: Given) -> uuid.UUID:
    """Return the id of the act that renews by this request: the same for the same request."""
    return uuid.UUID(
        bytes=hashlib.sha256(RENEWAL_PREFIX + given.canonical).digest()[:16], version=4
    )


def _earlier(connection: Connection, given: Given) -> Act | None:
    try:
        return acts.find(connection, _identifier(given))
    except Missing:
        return None


def _open_renewal(
    connection: Connection, office: Office, phone: _Phone, given: Given, *, at: datetime
) -> Act:
    fin = office.fin_of(phone.holder)
    said: dict[str, Any] = {
        "id": str(_identifier(given)),
        "act": "renew",
        "channel": "phone",
        "opened_by": fin,
        "subject": fin,
        "serials": [hex_of(one) for one in sorted(phone.serials)],
        "reason": None,
        "case": None,
        "note": "",
        "details": {
            "device": str(phone.id),
            "request_sha256": hashlib.sha256(given.canonical).hexdigest(),
        },
    }
    opening = Opening(said, phone.holder, phone.holder)
    return acts.record(connection, office, opening, at=at, expires_at=at + UNFINISHED_FOR)[0]


@contextmanager
def _alone(connection: Connection, holder: str) -> Iterator[None]:
    """Let one enrolment of a person run at a time, across copies of the service."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('trust.enrolment ' || %s, 0))", (holder,)
    )
    yield
    connection.commit()


def approvals_of(connection: Connection, act_id: uuid.UUID) -> list[Approval]:
    """Return what entitles to the certificates, for the record made before they are signed."""
    act = acts.find(connection, act_id)
    rows = connection.execute(
        "select holder, certificate, approved_at from trust.ra_approval where act = %s"
        " order by approved_at, holder",
        (act_id,),
    ).fetchall()
    about = {"act": str(act.id), "act_sha256": act.sha256.hex(), "kind": act.kind}
    if not rows:  # a renewal, on the person's own word
        return [{**about, "by": act.opened_by or "", "at": instant(act.opened_at)}]
    return [
        {
            **about,
            "by": holder,
            "certificate_sha256": hashlib.sha256(bytes(certificate)).hexdigest(),
            "at": instant(at),
        }
        for holder, certificate, at in rows
    ]


def _serials(enrolled: Enrolled) -> tuple[bytes, bytes]:
    first, second = (
        store.serial_bytes(x509.load_der_x509_certificate(one).serial_number)
        for one in (enrolled.authentication, enrolled.signature)
    )
    return first, second


def _record(connection: Connection, act: uuid.UUID, enrolled: Enrolled, *, at: datetime) -> None:
    for serial in _serials(enrolled):
        connection.execute(
            "insert into trust.ra_effect (act, serial, what, at)"
            " values (%s, %s, 'issued', %s) on conflict do nothing",
            (act, serial, at),
        )


def _again(connection: Connection, office: Office, act: uuid.UUID) -> Enrolled:
    """Return what was issued under an act, from the records."""
    rows = connection.execute(
        "select c.profile, c.encoded, d.id from trust.ra_effect f"
        " join trust.certificate c using (serial) join trust.device d"
        " on c.serial in (d.authentication_serial, d.signature_serial)"
        " where f.act = %s and f.what = 'issued' order by d.registered_at desc",
        (act,),
    ).fetchall()
    by_profile = {profile: bytes(encoded) for profile, encoded, _ in rows}
    if not rows or len(by_profile) != 2:
        raise Refused("enrolment.used")
    chain = sorted(office.anchors, key=is_self_issued)
    return Enrolled(
        str(rows[0][2]),
        by_profile["person-authentication"],
        by_profile["person-signature"],
        tuple(one.public_bytes(Encoding.DER) for one in chain),
    )
