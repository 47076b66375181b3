"""Forgetting cases whose time of keeping is over.

The definition says by outcome how long a case is kept. After that everything of it goes: the
application, answers, files, messages, events, and who it was about. What is left is that there
was a case and how it ended (`ForgottenCase`), with the digests that the log proves.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from pencere.kernel.clock import local_date
from pencere.services.keeping import forget_on
from pencere.web.cases.domain import definitions, files
from pencere.web.cases.models import Attachment, Case, Draft, Effect, ForgottenCase
from pencere.web.cases.models.effect import Status
from pencere.web.leaves import add_leaf

log = logging.getLogger(__name__)

# A day's work is done in several runs; nothing waits long behind it.
MOST = 200


def date_old_ones() -> None:
    """Give closed cases their day that were closed before days were kept."""
    for case in Case.objects.exclude(closed_at=None).filter(forget_on=None)[:MOST]:
        if case.closed_at is not None:
            case.forget_on = forget_on(
                definitions.pinned(case), case.outcome, local_date(case.closed_at)
            )
            case.save(update_fields=["forget_on"])


def due(*, at: datetime) -> list[UUID]:
    """Return the cases whose day has come and of which nothing is left to be done."""
    undone = Effect.objects.filter(status__in=[Status.PENDING, Status.WAITING]).values("case")
    found = Case.objects.filter(forget_on__lte=local_date(at)).exclude(closed_at=None)
    of_all = found.exclude(pk__in=undone).order_by("forget_on")
    return list(of_all.values_list("id", flat=True)[:MOST])


def forget(*, case_id: UUID, at: datetime) -> bool:
    """Forget one case; say whether it was there. Killed anywhere and called again, it finishes.

    Files go first: a row without its file is found again by the next run, a file without its row
    is not.
    """
    case = Case.objects.filter(pk=case_id).first()
    if case is None or case.closed_at is None:
        return False
    definition = definitions.pinned(case)
    for digest in _files_of(case):
        files.forget(digest)
    today = local_date(at)
    with transaction.atomic():
        ForgottenCase.objects.create(
            number=case.number,
            service=case.service,
            definition_version=case.definition_version,
            definition_sha256=case.definition_sha256,
            body=case.body,
            outcome=case.outcome,
            submitted_at=case.submitted_at,
            closed_at=case.closed_at,
            kept_for=definition.retention.get(case.outcome, ""),
            application_sha256=case.application_sha256,
            leaf_hash=case.leaf_hash,
            forgotten_at=at,
        )
        add_leaf(
            "forgotten",
            {
                "application_sha256": bytes(case.application_sha256).hex(),
                "at": at.isoformat(timespec="milliseconds"),
                "kept_for": definition.retention.get(case.outcome, ""),
                "number": case.number,
                "outcome": case.outcome,
            },
        )
        with connection.cursor() as cursor:
            cursor.execute("select cases_forget(%s, %s)", [case_id, today])
    log.info("case_forgotten number=%s outcome=%s", case.number, case.outcome)
    return True


def _files_of(case: Case) -> list[bytes]:
    """Return the digests of files that no other application holds."""
    draft = Draft.objects.filter(number=case.number).first()
    own = Attachment.objects.filter(case=case) | Attachment.objects.filter(draft=draft)
    digests = {bytes(one) for one in own.values_list("sha256", flat=True)}
    others = Attachment.objects.filter(sha256__in=digests).exclude(pk__in=own.values("pk"))
    return sorted(digests - {bytes(one) for one in others.values_list("sha256", flat=True)})
