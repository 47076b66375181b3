"""What happens by itself: time passing in cases, drafts that nobody finished."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from pencere.services import machine
from pencere.web.cases.domain import definitions, drafts, files
from pencere.web.cases.domain.reading import open_case
from pencere.web.cases.domain.submission import subject_of
from pencere.web.cases.domain.transitions import SYSTEM, store
from pencere.web.cases.models import Attachment, Case, Draft
from pencere.web.payments.domain import charges, refunds


def open_cases() -> list[UUID]:
    """Return the ids of all open cases."""
    return list(Case.objects.filter(closed_at=None).order_by("due").values_list("id", flat=True))


def tick(*, case_id: UUID, at: datetime) -> bool:
    """Let time pass in one case; say whether something happened."""
    case = Case.objects.select_related("person").get(pk=case_id)
    opened = open_case(case, at=at)
    step = machine.tick(
        opened.definition,
        opened.machine,
        at=at,
        context=opened.context,
        calendar=definitions.calendar(),
    )
    if step is None:
        return False
    with transaction.atomic():
        store(case=case, definition=opened.definition, transition=step, by=SYSTEM, at=at)
    return True


def let_expire(*, draft: Draft, at: datetime) -> None:
    """Forget a draft whose time is over, give back what was paid for it, delete its files."""
    with transaction.atomic():
        drafts.leave(draft=draft, at=at)
        subject = subject_of(draft)
        charges.cancel_open(subject=subject, at=at)
        paid = charges.paid_charge(subject)
        if paid is not None:
            refunds.request(charge=paid, key=f"draft-left:{draft.id}", reason="draft-left", at=at)
        digests = list(
            Attachment.objects.filter(draft=draft, case=None).values_list("sha256", flat=True)
        )
        Attachment.objects.filter(draft=draft, case=None).delete()
    for digest in digests:
        if not Attachment.objects.filter(sha256=digest).exists():
            files.forget(bytes(digest))
