"""Why the bank and the book differ: one accountant says it, above a limit another confirms it."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.web.payments.domain import days
from pencere.web.payments.models import Difference

log = logging.getLogger(__name__)

HOW = ("explain", "correct")


@transaction.atomic
def resolve(  # noqa: PLR0913, a resolution is all of these
    *, difference_id: int, officer: Any, how: str, words: str, alone_up_to: int, at: datetime
) -> Difference:
    """Explain a difference, or let the charge follow the bank; above the limit it is proposed.

    Raises:
        Missing: "difference.unknown".
        Invalid: "difference.how", "difference.words".
        Conflict: "difference.explained", "difference.proposed", "difference.not-correctable".
    """
    found = days.open_difference(difference_id)
    if how not in HOW:
        raise Invalid("difference.how")
    if found.proposed_by_id is not None:
        raise Conflict("difference.proposed")
    if abs(found.bank_amount - found.book_amount) <= alone_up_to:
        return _done(found, officer=officer, how=how, words=words, at=at)
    if not words.strip() or len(words) > days.LONGEST_WORDS:
        raise Invalid("difference.words", limit=days.LONGEST_WORDS)
    found.how, found.proposed_words = how, words.strip()
    found.proposed_by, found.proposed_at = officer, at
    found.save()
    log.info("difference_proposed difference=%s how=%s", found.pk, how)
    return found


@transaction.atomic
def answer(*, difference_id: int, officer: Any, agrees: bool, at: datetime) -> Difference:
    """Confirm what another accountant proposed, or send it back: then it waits anew.

    Raises:
        Missing: "difference.unknown".
        Refused: "difference.four-eyes": the same accountant.
        Conflict: "difference.explained", "difference.not-proposed", "difference.not-correctable".
    """
    found = days.open_difference(difference_id)
    if found.proposed_by_id is None:
        raise Conflict("difference.not-proposed")
    if found.proposed_by_id == officer.pk:
        raise Refused("difference.four-eyes")
    if agrees:
        words = found.proposed_words
        return _done(found, officer=officer, how=found.how, words=words, at=at)
    found.how, found.proposed_words, found.proposed_by, found.proposed_at = "", "", None, None
    found.save()
    log.info("difference_sent_back difference=%s", found.pk)
    return found


def _done(found: Difference, *, officer: Any, how: str, words: str, at: datetime) -> Difference:
    if how == "correct":
        days.correct(difference_id=found.pk, officer=officer, words=words, at=at)
    else:
        days.explain(difference_id=found.pk, officer=officer, words=words, at=at)
    Difference.objects.filter(pk=found.pk).update(how=how)
    found.refresh_from_db()
    return found
