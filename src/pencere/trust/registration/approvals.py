"""An officer approves an act with a signature, and the last approval needed carries it out.

Nothing of what the channel says is believed: the signature is over the act's own digest, the
certificate leads to the root, is of the right kind, in force now by our own records, and names
an officer in office who is neither the person concerned nor one who approved before. Approval
and result are one transaction, with a leaf for each.
"""

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from pencere.kernel.errors import Conflict, PencereError, Refused
from pencere.trust import store
from pencere.trust.mobile import identity_of
from pencere.trust.registration import acts, execution, officers
from pencere.trust.registration.acts import Act
from pencere.trust.registration.office import Office, instant
from pencere.trust.registration.quorum import Quorum, quorums
from pencere.trust.sessions import is_signed
from pencere.trust.store import Connection
from pencere.trust.validation import is_self_issued, validate_chain


@dataclass(frozen=True)
class OwnRecords:
    """Status from the tables themselves, in the transaction that relies on it."""

    connection: Connection

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """Return if it is good.

        Raises:
            Refused: `certificate.revoked`, `certificate.suspended`, `certificate.unknown`.
        """
        del issuer, at
        serial = store.serial_bytes(certificate.serial_number)
        row = self.connection.execute(
            "select c.sha256, (select e.act from trust.status_event e where e.serial = c.serial"
            " order by e.number desc limit 1)"
            " from trust.certificate c where c.serial = %s and c.state = 'issued' for share of c",
            (serial,),
        ).fetchone()
        fingerprint = certificate.fingerprint(SHA256())
        if row is None or not hmac.compare_digest(bytes(row[0]), fingerprint):
            raise Refused("certificate.unknown")
        if row[1] == "revoked":
            raise Refused("certificate.revoked")
        if row[1] == "held":
            raise Refused("certificate.suspended")


@dataclass(frozen=True)
class Approved:
    """What became of an approval. `secret` is shown now and never again."""

    act: Act
    secret: dict[str, object] | None = None


def approve(  # noqa: PLR0913 -- one approval
    connection: Connection,
    office: Office,
    act_id: uuid.UUID,
    *,
    certificate: bytes,
    signature: bytes,
    at: datetime,
) -> Approved:
    """Take one approval; carry the act out when it is the last one needed.

    Raises:
        Missing: `act.missing`. Conflict: `act.closed`, `act.expired`, `approval.twice`, and what
            the act meets when it is carried out; nothing of it has happened then.
        Refused: `approval.signature`, `approval.certificate`, `approval.own-matter`,
            `officer.unknown`.
    """
    act = acts.lock(connection, act_id)
    if _is_there(connection, act, certificate, signature):
        return Approved(act)
    if act.state != "open" or act.channel != "office":
        raise Conflict("act.closed")
    if at >= act.expires_at:
        raise Conflict("act.expired")
    holder = _signer(connection, office, act, certificate, signature, at=at)
    officers.in_office(connection, holder)
    if holder == act.holder:
        raise Refused("approval.own-matter")
    _record(connection, office, act, holder, certificate, signature, at=at)
    if not is_complete(connection, office, act, quorums()[act.kind], at=at):
        return Approved(acts.find(connection, act_id))
    secret = execution.execute(connection, office, act, at=at)
    return Approved(acts.find(connection, act_id), secret)


def is_complete(
    connection: Connection, office: Office, act: Act, quorum: Quorum, *, at: datetime
) -> bool:
    """Say whether enough officers approved who are in office with good certificates now."""
    rows = connection.execute(
        "select p.holder, p.certificate, p.signature, o.role from trust.ra_approval p"
        " join trust.ra_officer o on o.holder = p.holder and o.ended_at is null"
        " where p.act = %s order by p.holder for share of o",
        (act.id,),
    ).fetchall()
    roles = []
    for holder, certificate, signature, role in rows:
        try:
            signer = _signer(connection, office, act, bytes(certificate), bytes(signature), at=at)
        except Refused:
            continue
        if signer == holder != act.holder:
            roles.append(role)
    return len(roles) >= quorum.officers and roles.count("ra-chief") >= quorum.chiefs


def _is_there(connection: Connection, act: Act, certificate: bytes, signature: bytes) -> bool:
    row = connection.execute(
        "select exists (select from trust.ra_approval"
        " where act = %s and certificate = %s and signature = %s)",
        (act.id, certificate, signature),
    ).fetchone()
    return bool(row and row[0])


def _signer(  # noqa: PLR0913 -- what is checked together
    connection: Connection,
    office: Office,
    act: Act,
    encoded: bytes,
    signature: bytes,
    *,
    at: datetime,
) -> str:
    """Return who signed the act, after every check on the certificate."""
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        is_true = is_signed(certificate, act.sha256, "SHA256", signature)
    except Exception as error:  # parsers raise many kinds
        raise Refused("approval.certificate", reason="malformed") from error
    if not is_true:
        raise Refused("approval.signature")
    try:
        validate_chain(
            certificate,
            [one for one in office.anchors if not is_self_issued(one)],
            [one for one in office.anchors if is_self_issued(one)],
            at,
            "person-signature",
            OwnRecords(connection),
        )
        return office.holder(identity_of(certificate).fin)
    except PencereError as error:
        raise Refused("approval.certificate", reason=error.code) from error
    except Exception as error:
        raise Refused("approval.certificate", reason="malformed") from error


def _record(  # noqa: PLR0913, PLR0917 -- the columns of one row
    connection: Connection,
    office: Office,
    act: Act,
    holder: str,
    certificate: bytes,
    signature: bytes,
    *,
    at: datetime,
) -> None:
    row = connection.execute(
        "insert into trust.ra_approval (act, holder, certificate, signature, approved_at)"
        " values (%s, %s, %s, %s, %s) on conflict do nothing"
        " returning (select count(*) from trust.ra_approval where act = %s)",
        (act.id, holder, certificate, signature, at, act.id),
    ).fetchone()
    if row is None:
        raise Conflict("approval.twice")
    acts.leaf(
        connection,
        "ra.approval",
        {
            "act": str(act.id),
            "at": instant(at),
            "certificate": hashlib.sha256(certificate).hexdigest(),
            "number": row[0] + 1,
            "officer": office.mark(holder, act.id),
            "sha256": act.sha256.hex(),
            "signature": hashlib.sha256(signature).hexdigest(),
        },
    )
