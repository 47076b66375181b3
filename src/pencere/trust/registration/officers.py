"""Officers of the registration authority: who they are, and how one comes and goes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from psycopg.rows import class_row

from pencere.kernel.errors import Conflict, Refused
from pencere.trust.mobile import identity_of
from pencere.trust.registration.acts import leaf
from pencere.trust.registration.office import Office, instant
from pencere.trust.store import Connection

ROLES = ("ra-officer", "ra-chief")


@dataclass(frozen=True)
class Officer:
    """One term of office."""

    holder: str
    role: str
    appointed_at: datetime
    ended_at: datetime | None


def found(
    connection: Connection, office: Office, officers: Sequence[tuple[str, str]], *, at: datetime
) -> int:
    """Name the first officers, pairs of FIN and role; return how many were named.

    Once there has been an officer nobody is named this way again: officers decide.
    """
    _alone(connection)
    row = connection.execute("select exists (select from trust.ra_officer)").fetchone()
    if row and row[0]:
        return 0
    for fin, role in officers:
        connection.execute(
            "insert into trust.ra_officer (holder, role, appointed_at) values (%s, %s, %s)",
            (office.holder(fin), role, at),
        )
        identifier = str(uuid.uuid4())
        leaf(
            connection,
            "ra.founding",
            {
                "at": instant(at),
                "id": identifier,
                "officer": office.mark(office.holder(fin), identifier),
                "role": role,
            },
        )
    return len(officers)


def in_office(connection: Connection, holder: str) -> Officer:
    """Return an officer who is in office.

    Raises:
        Refused: `officer.unknown`.
    """
    with connection.cursor(row_factory=class_row(Officer)) as cursor:
        found_one = cursor.execute(
            "select holder, role, appointed_at, ended_at from trust.ra_officer"
            " where holder = %s and ended_at is null for share",
            (holder,),
        ).fetchone()
    if found_one is None:
        raise Refused("officer.unknown")
    return found_one


def appoint(
    connection: Connection, holder: str, role: str, *, act: uuid.UUID, at: datetime
) -> None:
    """Make a person an officer; an officer in the other role changes it.

    Raises:
        Conflict: `officer.already`.
    """
    row = connection.execute(
        "select role from trust.ra_officer where holder = %s and ended_at is null for update",
        (holder,),
    ).fetchone()
    if row is not None:
        if row[0] == role:
            raise Conflict("officer.already")
        dismiss(connection, holder, act=act, at=at, is_to_return=role == "ra-chief")
    connection.execute(
        "insert into trust.ra_officer (holder, role, appointed_at, appointed_by)"
        " values (%s, %s, %s, %s)",
        (holder, role, at, act),
    )


def dismiss(
    connection: Connection,
    holder: str,
    *,
    act: uuid.UUID,
    at: datetime,
    is_to_return: bool = False,
) -> None:
    """End a term of office; `is_to_return` as a chief.

    Raises:
        Refused: `officer.unknown`. Conflict: `officer.last-chief`: nobody could appoint the next.
    """
    _alone(connection)
    ended = in_office(connection, holder)
    row = connection.execute(
        "select exists (select from trust.ra_officer where role = 'ra-chief'"
        " and ended_at is null and holder <> %s)",
        (holder,),
    ).fetchone()
    if ended.role == "ra-chief" and not is_to_return and not (row and row[0]):
        raise Conflict("officer.last-chief")
    connection.execute(
        "update trust.ra_officer set ended_at = %s, ended_by = %s"
        " where holder = %s and ended_at is null",
        (at, act, holder),
    )


def _alone(connection: Connection) -> None:
    """Let terms of office change one at a time: two chiefs must not dismiss each other at once."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('trust.ra_officer', 0))")


def listing(connection: Connection, office: Office) -> list[dict[str, object]]:
    """Return all terms of office, newest first; names from the signature certificates."""
    rows = connection.execute(
        "select holder, role, appointed_at, ended_at from trust.ra_officer"
        " order by ended_at is not null, id desc"
    ).fetchall()
    return [
        {
            "fin": office.fin_of(holder),
            "name": name_of(connection, holder),
            "role": role,
            "appointed_at": instant(appointed),
            "ended_at": None if ended is None else instant(ended),
        }
        for holder, role, appointed, ended in rows
    ]


def name_of(connection: Connection, holder: str) -> str | None:
    """Return a person's name from their newest signature certificate, or None."""
    row = connection.execute(
        "select encoded from trust.certificate where holder = %s and profile = 'person-signature'"
        " and state = 'issued' order by issued_at desc limit 1",
        (holder,),
    ).fetchone()
    if row is None:
        return None
    identity = identity_of(x509.load_der_x509_certificate(bytes(row[0])))
    return f"{identity.given_name} {identity.surname}"
