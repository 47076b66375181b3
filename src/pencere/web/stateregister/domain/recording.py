"""Recording acts, with their leaves; numbers of applications and accords."""

from datetime import date, datetime
from typing import Any

from django.db import connection

from pencere.kernel.canonical import sha256_of
from pencere.web.leaves import add_leaf
from pencere.web.people.models.person import Person
from pencere.web.people.vault import vault
from pencere.web.stateregister.models import Act, Description, System

_NEXT = """
insert into stateregister_series (kind, year, last) values (%s, %s, 1)
on conflict (kind, year) do update set last = stateregister_series.last + 1
returning last
"""


def next_number(kind: str, *, on: date) -> str:
    """Return the next number, `DR-2026-000001`; it is never given again."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [kind, on.year])
        (last,) = cursor.fetchone()
    return f"{kind}-{on.year}-{last:06d}"


def record(  # noqa: PLR0913, an act is all of these
    about: str,
    subject: str,
    kind: str,
    *,
    person: Person | None,
    at: datetime,
    body: str = "",
    role: str = "",
    reason: str = "",
    of_round: int = 0,
    details: dict[str, Any] | None = None,
) -> Act:
    """Write an act and its leaf in the present transaction.

    The leaf holds what was decided and a keyed digest of who did it; words that people wrote are
    there as their digest.
    """
    facts = details or {}
    leaf = {
        "about": about,
        "at": at.isoformat(timespec="milliseconds"),
        "body": body,
        "by": vault().digest_of(person.fin).hex() if person is not None else None,
        "details_sha256": sha256_of({"reason": reason, **facts}).hex(),
        "kind": kind,
        "role": role,
        "round": of_round,
        "subject": subject,
    }
    return Act.objects.create(
        about=about,
        subject=subject,
        kind=kind,
        round=of_round,
        role=role,
        body=body,
        person=person,
        reason=reason,
        details=facts,
        at=at,
        leaf_hash=add_leaf("register-act", leaf),
    )


def describe(  # noqa: PLR0913, a version is all of these
    system: System,
    content: dict[str, Any],
    *,
    why: str,
    application: str,
    person: Person | None,
    at: datetime,
) -> Description:
    """Write the next version of a system's description and its leaf."""
    newest = Description.objects.filter(system=system).order_by("-number").first()
    number = 1 if newest is None else newest.number + 1
    digest = sha256_of(content)
    leaf = {
        "at": at.isoformat(timespec="milliseconds"),
        "by": vault().digest_of(person.fin).hex() if person is not None else None,
        "content_sha256": digest.hex(),
        "number": number,
        "system": system.key,
    }
    return Description.objects.create(
        system=system,
        number=number,
        content=content,
        content_sha256=digest,
        why=why,
        application=application,
        made_by=person,
        made_at=at,
        leaf_hash=add_leaf("register-description", leaf),
    )
