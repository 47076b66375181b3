"""The certificates an act is about: that they exist, whose they are, and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from pencere.kernel.errors import Conflict, Missing, Refused
from pencere.trust.profile import AUTHORITIES
from pencere.trust.store import Connection

# What the centre itself runs on. These end by the ceremony, or by `key-compromise`.
OF_CENTRE = frozenset({*AUTHORITIES, "ocsp", "tsa", "directory", "trusted-list", "transcript"})
Standing = Literal["good", "held", "revoked"]


@dataclass(frozen=True)
class Subject:
    """One issued certificate with where it stands now."""

    serial: bytes
    issuer: str
    profile: str
    holder: str
    not_after: datetime
    standing: Standing


_FIND = (
    "select c.serial, c.issuer, c.profile, c.holder, c.not_after,"
    " coalesce((select case e.act when 'released' then 'good' else e.act end"
    "  from trust.status_event e where e.serial = c.serial order by e.number desc limit 1),"
    "  'good') as standing"
    " from trust.certificate c where c.state = 'issued' and "
)


def find(connection: Connection, serials: Sequence[bytes]) -> list[Subject]:
    """Return the certificates with these serial numbers, in their order.

    Raises:
        Missing: `certificate.missing`, one of them was never issued.
    """
    with connection.cursor(row_factory=class_row(Subject)) as cursor:
        found = cursor.execute(
            _FIND + "c.serial = any(%s) order by c.serial", (list(serials),)
        ).fetchall()
    if len(found) != len(serials):
        raise Missing("certificate.missing")
    return found


def with_key(connection: Connection, key_sha256: bytes) -> list[Subject]:
    """Return all issued certificates with a key, by the SHA-256 of its SubjectPublicKeyInfo."""
    with connection.cursor(row_factory=class_row(Subject)) as cursor:
        return cursor.execute(
            _FIND + "trust.key_sha256(c.tbs) = %s order by c.serial", (key_sha256,)
        ).fetchall()


def is_key_compromised(connection: Connection, key_sha256: bytes) -> bool:
    """Say whether a certificate with this key was revoked because the key was in other hands."""
    row = connection.execute(
        "select exists (select from trust.certificate c join trust.status_event e using (serial)"
        " where trust.key_sha256(c.tbs) = %s and e.act = 'revoked' and e.reason in (1, 2))",
        (key_sha256,),
    ).fetchone()
    return bool(row and row[0])


def require(subjects: Sequence[Subject], act: str, holder: str | None) -> None:
    """Refuse certificates of somebody else, of the centre, or that the act cannot apply to.

    `act` is `suspend`, `release` or `revoke`; `holder` None: all of one holder, who is no person.

    Raises:
        Missing: `certificate.missing`, of another holder: nobody learns of others that way.
        Refused: `certificate.of-centre`.
        Conflict: `certificate.revoked_already`, `certificate.suspended_already`,
            `certificate.not-suspended`.
    """
    if any(one.profile in OF_CENTRE for one in subjects):
        raise Refused("certificate.of-centre")
    holders = {one.holder for one in subjects}
    is_person = any(one.profile.startswith("person-") for one in subjects)
    if len(holders) != 1 or (is_person if holder is None else holders != {holder}):
        raise Missing("certificate.missing")
    standings = {one.standing for one in subjects}
    if "revoked" in standings:
        raise Conflict("certificate.revoked_already")
    if act == "suspend" and "held" in standings:
        raise Conflict("certificate.suspended_already")
    if act == "release" and "good" in standings:
        raise Conflict("certificate.not-suspended")
