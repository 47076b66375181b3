"""Names of persons for other systems. OpenID Connect Core 8.1: pairwise, random, for good."""

import secrets

from pencere.web.people.models.person import Person
from pencere.web.people.models.subject import Subject


def subject_for(person_id: int, client: str) -> str:
    """Return under which name `client` knows the person; made when first asked for."""
    row, _ = Subject.objects.get_or_create(
        person_id=person_id, client=client, defaults={"subject": secrets.token_urlsafe(32)}
    )
    return row.subject


def person_of(subject: str, client: str) -> Person | None:
    """Return whom `client` knows under this name."""
    row = Subject.objects.select_related("person").filter(subject=subject, client=client).first()
    return None if row is None else row.person
