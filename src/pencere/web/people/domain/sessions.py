"""Sessions: begun at a sign-in, found by one query, ended by time, by sign-out, from a list.

The cookie holds 32 random bytes; the database their SHA-256, so a copy of the table lets nobody
in. A new token is made at every sign-in (no fixation), and a token of the portal is none at the
office.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Max, QuerySet

from pencere.kernel.errors import Missing
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models.person import Person
from pencere.web.people.models.session import Session

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)

# `seen_at` is written this often at most: a page costs a read, not a write.
SEEN_EVERY = timedelta(minutes=1)

_COLUMNS = ", ".join(f"p.{field.column}" for field in Person._meta.concrete_fields)  # noqa: SLF001 - Django documents _meta
_NAMES = [field.attname for field in Person._meta.concrete_fields]  # noqa: SLF001 - Django documents _meta
_OF_PERSON = len(_NAMES)

_FIND = f"""
select s.id, s.assurance, s.begun_at, s.seen_at, s.remembered,
       (select json_agg(json_build_array(o.body, o.role, o.unit) order by o.body, o.role)
        from people_officerrole o where o.person_id = p.id),
       {_COLUMNS}
from people_session s join people_person p on p.id = s.person_id
where s.token_digest = %s and s.role = %s and s.ended_at is null and p.is_active
"""  # noqa: S608 - column names of the model


@dataclass(frozen=True, slots=True)
class Found:
    """What a token led to: a visit, or whose visit it was when it has run out."""

    visit: Visit | None
    person: Person
    needs_seeing: bool = False


def begin(*, person: Person, assurance: str, device: str, at: datetime) -> str:
    """Begin a session of this role and return its token for the cookie."""
    token = secrets.token_urlsafe(32)
    Session.objects.create(
        token_digest=_digest(token),
        person=person,
        role=settings.ROLE,
        assurance=assurance,
        device=device[:60],
        begun_at=at,
        seen_at=at,
    )
    return token


def find(token: str, *, at: datetime) -> Found | None:
    """Find the session of a cookie's token with one query; None for a token nobody has."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [_digest(token), settings.ROLE])
        row = cursor.fetchone()
    if row is None:
        return None
    session_id, assurance, begun_at, seen_at, remembered, offices, *columns = row
    person = Person.from_db("default", _NAMES, columns)
    if at - seen_at > IDLE or at - begun_at > LONGEST:
        return Found(visit=None, person=person)
    visit = Visit(
        session_id=session_id,
        person=person,
        assurance=assurance,
        begun_at=begun_at,
        offices=tuple(Office(*office) for office in _json(offices) or ()),
        remembered=_json(remembered) or {},
    )
    return Found(visit=visit, person=person, needs_seeing=at - seen_at > SEEN_EVERY)


def see(visit: Visit, *, at: datetime) -> None:
    """Note that the session is in use."""
    Session.objects.filter(pk=visit.session_id).update(seen_at=at)


def remember(visit: Visit, key: str, value: Any) -> None:
    """Keep a small fact as long as the session lasts; None forgets it."""
    session = Session.objects.get(pk=visit.session_id)
    kept = {**session.remembered, key: value}
    session.remembered = {k: v for k, v in kept.items() if v is not None}
    session.save(update_fields=["remembered"])
    visit.remembered.clear()
    visit.remembered.update(session.remembered)


def running(person: Person, *, at: datetime) -> QuerySet[Session]:
    """List the person's sessions that are in use, the latest first."""
    return Session.objects.filter(
        person=person, ended_at=None, seen_at__gt=at - IDLE, begun_at__gt=at - LONGEST
    ).order_by("-seen_at")


def end(person: Person, session_id: int, *, at: datetime) -> None:
    """End one session of this person.

    Raises:
        Missing: the person has no such session.
    """
    if not Session.objects.filter(person=person, pk=session_id).update(ended_at=at):
        raise Missing("session.missing")


def end_others(visit: Visit, *, at: datetime) -> int:
    """End every session of the person but this one; return how many."""
    others = Session.objects.filter(person=visit.person, ended_at=None).exclude(pk=visit.session_id)
    return others.update(ended_at=at)


def last_before(visit: Visit) -> datetime | None:
    """Return when the person was last here before this visit; None for the first time."""
    earlier = Session.objects.filter(person=visit.person).exclude(pk=visit.session_id)
    found: datetime | None = earlier.aggregate(last=Max("seen_at"))["last"]
    return found


def forget(*, before: datetime) -> int:
    """Delete sessions nobody has used since; return how many."""
    return Session.objects.filter(seen_at__lt=before).delete()[0]


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
