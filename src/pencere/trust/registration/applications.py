"""Applications for certificates: a person, and how the officer knows who it is.

The officer checks the person against the population register through the gateway; what the
register answered, with the message id under which both sides of the gateway logged it, is part
of what officers sign for.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import class_row

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.kernel.identifiers import parse_phone
from pencere.trust.registration import fields
from pencere.trust.registration.fields import Content
from pencere.trust.registration.office import Office, instant
from pencere.trust.registration.officers import in_office
from pencere.trust.remote.enrolment import ALGORITHMS
from pencere.trust.store import Connection

EVIDENCE_LASTS = timedelta(days=1)
SKEW = timedelta(minutes=5)
METHODS = ("in-person", "passport-chip", "signature")
PLACES = ("phone", "centre")
_NAMES = ("fin", "surname", "given_name")
_KEY = ("place", "algorithm", "language")


@dataclass(frozen=True)
class Application:
    """One application; `number` is what the person types beside the code."""

    id: uuid.UUID
    number: int
    holder: str
    content: bytes
    sha256: bytes
    case_number: str | None
    opened_by: str
    opened_at: datetime

    @property
    def said(self) -> dict[str, Any]:
        """Person and evidence."""
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def place(self) -> str:
        """Where the key will lie; what was opened before there was a choice is for a phone."""
        return str(self.said.get("place", "phone"))

    @property
    def subject(self) -> dict[str, str]:
        """The person as the subject of a certificate names them."""
        person = self.said["person"]
        return {
            "country": self.holder[3:5],
            "surname": person["surname"],
            "given_name": person["given_name"],
            "serial_number": self.holder,
            "common_name": f"{person['surname']} {person['given_name']}",
        }

    @property
    def shown_number(self) -> str:
        """The number in eight digits."""
        return f"{self.number:08d}"


def open_application(
    connection: Connection, office: Office, given: Content, *, at: datetime
) -> tuple[Application, bool]:
    """Put an application on record; the same again is the same. Say whether it is new.

    Raises:
        Invalid: `act.content`, `application.identity`, `application.evidence-old`.
        Refused: `officer.unknown`. Conflict: `act.conflict`, the id is taken.
    """
    fields.only(given, ("id", "opened_by", "case", "person", "identity", *_KEY))
    identifier, opened_by = fields.identifier(given, "id"), fields.fin(given, "opened_by")
    in_office(connection, office.holder(opened_by))
    person = _person(fields.mapping(given, "person"))
    identity = _identity(fields.mapping(given, "identity"), person)
    said = {
        "id": str(identifier),
        "type": "pencere.az/ra-application/v1",
        "opened_by": opened_by,
        "case": fields.case(given),
        "person": person,
        "identity": identity,
        **_key(given),
    }
    content = canonical_json(said)
    there = _find(connection, identifier)
    if there is not None:
        if there.content != content:
            raise Conflict("act.conflict")
        return there, False
    _refuse_old(identity["register"]["answered_at"], at)
    connection.execute(
        "insert into trust.ra_application"
        " (id, holder, content, sha256, case_number, opened_by, opened_at)"
        " values (%s, %s, %s, %s, %s, %s, %s) on conflict (id) do nothing",
        (
            identifier,
            office.holder(person["fin"]),
            content,
            hashlib.sha256(content).digest(),
            said["case"],
            office.holder(opened_by),
            at,
        ),
    )
    return find(connection, identifier), True


def find(connection: Connection, identifier: uuid.UUID) -> Application:
    """Return an application.

    Raises:
        Missing: `application.missing`.
    """
    found = _find(connection, identifier)
    if found is None:
        raise Missing("application.missing")
    return found


def search(
    connection: Connection, *, holder: str | None, state: str | None = None, limit: int
) -> list[Application]:
    """Return applications, newest first."""
    with connection.cursor(row_factory=class_row(Application)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from trust.ra_application a"  # noqa: S608
            " where (%(holder)s::text is null or holder = %(holder)s)"
            f" and (%(state)s::text is null or %(state)s = ({_STATE}))"
            " order by number desc limit %(limit)s",
            {"holder": holder, "state": state, "limit": limit},
        ).fetchall()


_STATE = (
    "select case"
    " when exists (select from trust.ra_code where application = a.id"
    "  and used_at is not null) then 'enrolled'"
    " when exists (select from trust.ra_act x join trust.remote_enrolment e"
    "  on e.basis = 'act' and e.proof = convert_to(x.id::text, 'UTF8')"
    "  where x.application = a.id and e.finished_at is not null) then 'enrolled'"
    " when exists (select from trust.ra_act where application = a.id and kind = 'decline'"
    "  and state = 'executed') then 'declined'"
    " when exists (select from trust.ra_act where application = a.id and kind = 'issue'"
    "  and state = 'executed') then 'approved' else 'open' end"
)


def state_of(connection: Connection, identifier: uuid.UUID) -> str:
    """Return `open`, `approved`, `declined` or `enrolled`."""
    row = connection.execute(
        f"select ({_STATE}) from trust.ra_application a where a.id = %s",  # noqa: S608
        (identifier,),
    ).fetchone()
    return str(row[0]) if row else "open"


def as_json(connection: Connection, application: Application) -> dict[str, object]:
    """Return an application as the office reads it."""
    acts = connection.execute(
        "select id from trust.ra_act where application = %s order by number", (application.id,)
    ).fetchall()
    said = application.said
    return {
        "id": str(application.id),
        "number": application.shown_number,
        "state": state_of(connection, application.id),
        "sha256": application.sha256.hex(),
        "opened_at": instant(application.opened_at),
        "opened_by": said["opened_by"],
        "case": application.case_number,
        "person": said["person"],
        "identity": said["identity"],
        "place": application.place,
        "acts": [str(one[0]) for one in acts],
    }


_COLUMNS = "id, number, holder, content, sha256, case_number, opened_by, opened_at"


def _find(connection: Connection, identifier: uuid.UUID) -> Application | None:
    with connection.cursor(row_factory=class_row(Application)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from trust.ra_application where id = %s",  # noqa: S608
            (identifier,),
        ).fetchone()


def _person(given: Content) -> dict[str, str]:
    fields.only(given, (*_NAMES, "phone"), "person.")
    try:
        phone = parse_phone(fields.text(given, "phone", longest=20))
    except Invalid as error:
        raise fields.wrong("phone") from error
    return {
        "fin": fields.fin(given, "fin"),
        "surname": fields.text(given, "surname", longest=40),
        "given_name": fields.text(given, "given_name", longest=40),
        "phone": phone,
    }


def _key(given: Content) -> dict[str, str]:
    """Return where the key will lie; of one in the centre also its kind and the page's language."""
    place = fields.word({"place": "phone", **given}, "place", PLACES)
    if place == "phone":
        for name in ("algorithm", "language"):
            if name in given:
                raise fields.wrong(name)
        return {"place": place}
    return {
        "place": place,
        "algorithm": fields.word({"algorithm": "P-256", **given}, "algorithm", ALGORITHMS),
        "language": fields.word({"language": "az", **given}, "language", ("az", "en", "ru")),
    }


def _identity(given: Content, person: dict[str, str]) -> dict[str, Any]:
    fields.only(given, ("method", "document", "register"), "identity.")
    document = given.get("document")
    register = fields.mapping(given, "register")
    fields.only(register, ("message_id", "service", "answered_at", "person"), "register.")
    answered = fields.mapping(register, "person")
    if {name: person[name] for name in _NAMES} != dict(answered):
        raise Invalid("application.identity")
    return {
        "method": fields.word(given, "method", METHODS),
        "document": None if document is None else fields.text(given, "document", longest=40),
        "register": {
            "message_id": fields.text(register, "message_id", longest=100),
            "service": fields.text(register, "service"),
            "answered_at": fields.text(register, "answered_at", longest=30),
            "person": dict(answered),
        },
    }


def _refuse_old(answered_at: str, at: datetime) -> None:
    try:
        answered = datetime.strptime(answered_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise fields.wrong("answered_at") from error
    if not at - EVIDENCE_LASTS <= answered <= at + SKEW:
        raise Invalid("application.evidence-old")
