"""Answering: once a case, when it is over; who answered is not kept with what they said."""

from datetime import datetime

from django.db import IntegrityError, transaction

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid
from pencere.web.cases.domain import definitions
from pencere.web.cases.models import Case
from pencere.web.people.vault import vault
from pencere.web.satisfaction.models import Answer, Asked

SCORES = (5, 4, 3, 2, 1)
LONGEST = 500


def may_answer(case: Case) -> bool:
    """Say whether the applicant of a case may be asked: it was decided, and is not answered yet."""
    if case.closed_at is None or case.outcome not in {"granted", "refused"}:
        return False
    return not Asked.objects.filter(pk=_digest(case)).exists()


def answer(*, case: Case, score: int, comment: str, at: datetime) -> None:
    """Keep an answer.

    Raises:
        Conflict: "satisfaction.answered": this case has one. "satisfaction.open": it is not over.
        Invalid: "satisfaction.score", "satisfaction.comment": longer than LONGEST.
    """
    if score not in SCORES:
        raise Invalid("satisfaction.score")
    if len(comment) > LONGEST:
        raise Invalid("satisfaction.comment", limit=LONGEST)
    if case.closed_at is None or case.outcome not in {"granted", "refused"}:
        raise Conflict("satisfaction.open")
    try:
        with transaction.atomic():
            Asked(id=_digest(case)).save(force_insert=True)
            Answer.objects.create(
                service=case.service,
                body=definitions.pinned(case).authority,
                month=local_date(at).replace(day=1),
                score=score,
                comment=comment,
            )
    except IntegrityError as error:
        raise Conflict("satisfaction.answered") from error


def _digest(case: Case) -> bytes:
    return vault().digest("satisfaction", case.number)
