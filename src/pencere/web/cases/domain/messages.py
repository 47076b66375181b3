"""Messages between the applicant and the body a case is with: written, told of, read.

A message is no decision: it moves neither the case nor its clock. Either side may write until the
case is closed; afterwards everything stays to be read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.kernel.text import LANGUAGES, Text
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.models import Case, CaseMessage, CaseMessageRead
from pencere.web.notifications.domain import inbox
from pencere.web.people.models.person import Person
from pencere.web.texts import texts

LONGEST = 4000
# One side writes at most so many in a day about one case.
A_DAY = 20


@dataclass(frozen=True, slots=True)
class Said:
    """A message as both sides read it; `read_at` None: the other side has not opened it."""

    text: str
    at: datetime
    from_body: bool
    body: str
    read_at: datetime | None


@transaction.atomic
def write(  # noqa: PLR0913, a message is all of these
    *, case: Case, author: Person, from_body: bool, text: str, form: UUID, at: datetime
) -> bool:
    """Write a message and tell the other side; say whether it is new.

    The caller has checked that the author is the applicant, or decides at the body of the case.

    Raises:
        Conflict: "case.closed".
        Invalid: "message.empty", "message.too_long", "message.too_many".
        Refused: "case.own_case": an officer writes to themselves.
    """
    row = Case.objects.select_for_update().get(pk=case.pk)
    if from_body == (author.pk == row.person_id):
        raise Refused("case.own_case")
    if CaseMessage.objects.filter(case=row, author=author, form=form).exists():
        return False
    if row.closed_at is not None:
        raise Conflict("case.closed")
    words = text.strip()
    if not words:
        raise Invalid("message.empty")
    if len(words) > LONGEST:
        raise Invalid("message.too_long", limit=LONGEST)
    lately = CaseMessage.objects.filter(
        case=row, from_body=from_body, at__gt=at - timedelta(days=1)
    )
    if lately.count() >= A_DAY:
        raise Invalid("message.too_many", limit=A_DAY)
    message = CaseMessage.objects.create(
        case=row, at=at, from_body=from_body, body=row.body, author=author, form=form,
        text_sealed=seal(words, row.id.bytes),
    )  # fmt: skip
    _tell(row, message, at=at)
    return True


def read(*, case: Case, reader: Person, as_body: bool, at: datetime) -> list[Said]:
    """Return the messages of a case, oldest first, and note those of the other side as read."""
    found = list(CaseMessage.objects.filter(case=case).select_related("opened"))
    fresh = [one for one in found if one.from_body is not as_body and _read_at(one) is None]
    CaseMessageRead.objects.bulk_create(
        [CaseMessageRead(message=one, at=at, reader=reader) for one in fresh], ignore_conflicts=True
    )
    return _said(case, found)


def unread(*, case: Case, as_body: bool) -> int:
    """Count what the other side wrote and nobody of this side has opened."""
    return CaseMessage.objects.filter(case=case, from_body=not as_body, opened=None).count()


def _said(case: Case, found: Iterable[CaseMessage]) -> list[Said]:
    return [
        Said(
            text=str(unseal(one.text_sealed, case.id.bytes)),
            at=one.at,
            from_body=one.from_body,
            body=one.body,
            read_at=_read_at(one),
        )
        for one in found
    ]


def _read_at(message: CaseMessage) -> datetime | None:
    opened: CaseMessageRead | None = getattr(message, "opened", None)
    return None if opened is None else opened.at


def _tell(case: Case, message: CaseMessage, *, at: datetime) -> None:
    person = case.person if message.from_body else case.officer
    if person is None:  # whoever takes the case sees it there
        return
    inbox.tell(
        person=person,
        key=f"{case.number}:message:{message.pk}",
        kind="case" if message.from_body else "task",
        title=_title(case),
        text=_words("message.told_applicant" if message.from_body else "message.told_officer"),
        subject=case.number if message.from_body else "",
        at=at,
    )


def _title(case: Case) -> Text:
    names = definitions.pinned(case).names
    return Text(**{one: f"{names.in_language(one)} · {case.number}" for one in LANGUAGES})


def _words(key: str) -> Text:
    return Text(**{one: texts().say(key, one) for one in LANGUAGES})
