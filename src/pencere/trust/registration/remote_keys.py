"""Keys of people in the centre, as the registration authority decides on them.

An approved application gives the address of a page, once, where the person alone chooses the
PIN; it stands for what a phone is given as a code.
"""

import uuid
from datetime import datetime

from pencere.kernel.errors import Missing
from pencere.trust.registration.applications import Application
from pencere.trust.registration.office import Office, hex_of, instant
from pencere.trust.remote import enrolment, vault
from pencere.trust.store import Connection


def begin(
    connection: Connection,
    office: Office,
    act: uuid.UUID,
    application: Application,
    *,
    at: datetime,
) -> tuple[str, datetime]:
    """Return the address of the person's page and when it ends; an earlier one is void.

    Raises:
        Invalid: `remote.too_many`, five keys are there already.
    """
    end(connection, application.id)
    said = application.said
    _, secret = enrolment.begin_by_act(
        connection,
        act=str(act),
        holder=application.holder,
        subject=application.subject,
        algorithm=said["algorithm"],
        language=said["language"],
        at=at,
    )
    return enrolment.page_of(office.base_url, secret), at + enrolment.OF_AN_ACT


def end(connection: Connection, application: uuid.UUID) -> None:
    """Close the page of an application, if there is one that nobody finished."""
    rows = connection.execute(
        "select id from trust.ra_act where application = %s", (application,)
    ).fetchall()
    enrolment.end_of_acts(connection, [str(row[0]) for row in rows])


def require(connection: Connection, credential: str, holder: str) -> None:
    """Refuse a key that is not this person's, or is destroyed.

    Raises:
        Missing: `remote.missing`; nobody learns of keys of others that way.
    """
    if vault.find(connection, credential).holder != holder:
        raise Missing("remote.missing")


def unblock(
    connection: Connection, credential: str, holder: str, act: uuid.UUID, *, at: datetime
) -> None:
    """Give all tries of PIN and PUK again; raises as `require` does."""
    require(connection, credential, holder)
    vault.unblock(connection, credential, act=str(act), at=at)


def listing(connection: Connection, holder: str) -> list[dict[str, object]]:
    """Return a person's keys in the centre, newest first, also those that were destroyed."""
    rows = connection.execute(
        "select id, algorithm, serial, created_at, closed_at, pin_tries_left, puk_tries_left"
        " from trust.remote_credential where holder = %s and serial is not null"
        " order by created_at desc, id",
        (holder,),
    ).fetchall()
    return [
        {
            "id": credential,
            "algorithm": algorithm,
            "serial": hex_of(bytes(serial)),
            "created_at": instant(created),
            "closed_at": None if closed is None else instant(closed),
            "pins": {
                name: {"state": "ok" if left else "blocked", "tries_left": left}
                for name, left in (("signature", pin), ("puk", puk))
            }
            if closed is None
            else None,
        }
        for credential, algorithm, serial, created, closed, pin, puk in rows
    ]
