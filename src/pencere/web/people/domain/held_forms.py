"""A form that arrives after its session has ended is not lost.

Its fields are sealed and kept for the person of the ended session. After a new sign-in of the
same person the page of `back_address` shows one button that sends them again. Files are not held:
they are taken in on their own before a form is sent.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from pencere.kernel.errors import Missing
from pencere.web.people.models.held_form import HeldForm
from pencere.web.people.models.person import Person
from pencere.web.people.vault import vault

KEPT = timedelta(hours=2)
LARGEST_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Fields:
    """What was typed, and where it was going."""

    path: str
    fields: tuple[tuple[str, str], ...]


def hold(request: HttpRequest) -> str | None:
    """Keep the form of an ended session; return where its owner gets it back."""
    person: Person | None = getattr(request, "ended_visit_of", None)
    if person is None or request.method != "POST":
        return None
    fields = [
        (name, str(value))
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
    plain = json.dumps({"path": request.get_full_path(), "fields": fields}).encode()
    if len(plain) > LARGEST_BYTES:
        return None
    token = secrets.token_urlsafe(24)
    digest = sha256(token.encode()).digest()
    HeldForm.objects.create(
        person=person,
        token_digest=digest,
        sealed=vault().seal_bytes(plain, digest),
        held_at=settings.CLOCK.now(),
    )
    return reverse("held_form", args=[token])


def take(person: Person, token: str, *, at: datetime) -> Fields:
    """Return the fields of a held form to its owner.

    Raises:
        Missing: no such form, not this person's, or too old.
    """
    digest = sha256(token.encode()).digest()
    held = HeldForm.objects.filter(
        person=person, token_digest=digest, held_at__gt=at - KEPT
    ).first()
    if held is None:
        raise Missing("form.not_held")
    facts = json.loads(vault().open_bytes(bytes(held.sealed), digest))
    return Fields(facts["path"], tuple((name, value) for name, value in facts["fields"]))


def forget(*, before: datetime) -> int:
    """Delete forms held before; return how many."""
    return HeldForm.objects.filter(held_at__lt=before).delete()[0]
