"""From draft to version in force: one proposes, another publishes; a service may be withdrawn."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.web.authoring.domain import checking, drafts, published
from pencere.web.authoring.models import Proposal, PublishedVersion, ServiceDraft, Withdrawal
from pencere.web.people.domain.visit import Visit

LONGEST_REASON = 1000
_LOCK = 0x61757468  # one publication at a time: the edition's number follows the ids of rows


def propose(*, draft_id: UUID, revision: int, reason: str, visit: Visit, at: datetime) -> Proposal:
    """Propose the draft as the author saw it, at `revision`.

    Raises:
        Missing: `authoring.missing`. Invalid: `authoring.reason`, `authoring.faults`.
        Conflict: `authoring.ended`, `authoring.changed`, `authoring.proposed`,
            `authoring.version`: the version is not the next one.
    """
    draft = drafts.draft_for(visit, draft_id)
    words = _reason(reason)
    if draft.revision != revision:
        raise Conflict("authoring.changed")
    texts = drafts.texts_of(draft, revision)
    if checking.faults(draft.service, draft.body, texts, with_cases=True):
        raise Invalid("authoring.faults")
    with checking.definition_of(draft.service, texts) as definition:
        version, sha256 = definition.version, definition.sha256
    _check_next(draft.service, version)
    with transaction.atomic():
        locked = ServiceDraft.objects.select_for_update().get(pk=draft_id)
        if locked.ended_at is not None:
            raise Conflict("authoring.ended")
        if locked.revision != revision:
            raise Conflict("authoring.changed")
        try:
            with transaction.atomic():
                return Proposal.objects.create(
                    draft=locked, revision=revision, version=version, sha256=sha256,
                    reason=words, proposed_by=visit.person, proposed_at=at,
                )  # fmt: skip
        except IntegrityError as problem:
            raise Conflict("authoring.proposed") from problem


def publish(*, proposal_id: UUID, visit: Visit, at: datetime) -> PublishedVersion:
    """Publish what another proposed; every process works with it within a second.

    Raises:
        Missing: `authoring.missing`. Refused: `case.same_person`.
        Conflict: `authoring.decided`, `authoring.version`. Invalid: `authoring.faults`: the
            country's data changed since it was proposed.
    """
    with transaction.atomic():
        _one_at_a_time()
        row = _open(proposal_id, visit)
        if row.proposed_by_id == visit.person.pk:
            raise Refused("case.same_person")
        draft, texts = row.draft, drafts.texts_of(row.draft, row.revision)
        published.refresh()
        if checking.faults(draft.service, draft.body, texts):
            raise Invalid("authoring.faults")
        _check_next(draft.service, row.version)
        row.decided_by, row.decided_at, row.is_published = visit.person, at, True
        row.save(update_fields=["decided_by", "decided_at", "is_published"])
        ServiceDraft.objects.filter(pk=draft.pk).update(ended_at=at)
        made = PublishedVersion.objects.create(
            service=draft.service, version=row.version, sha256=row.sha256, files=texts,
            proposal=row, published_by=visit.person, published_at=at,
        )  # fmt: skip
    published.refresh()
    return made


@transaction.atomic
def give_back(*, proposal_id: UUID, visit: Visit, at: datetime) -> None:
    """End a proposal without publishing; the draft can be changed and proposed again.

    Raises:
        Missing: `authoring.missing`. Conflict: `authoring.decided`.
    """
    row = _open(proposal_id, visit)
    row.decided_by, row.decided_at = visit.person, at
    row.save(update_fields=["decided_by", "decided_at"])


def withdraw(*, service: str, reason: str, visit: Visit, at: datetime) -> Withdrawal:
    """Take no new applications for a service of the person's body; cases under way go on.

    Raises:
        Missing: `service.unknown`, `service.not_executable`. Refused: `authoring.role`.
        Invalid: `authoring.reason`. Conflict: `authoring.withdrawn`.
    """
    newest = checking.surroundings().catalogue.definition(service)
    if newest.authority not in drafts.bodies(visit):
        raise Refused("authoring.role")
    words = _reason(reason)
    try:
        with transaction.atomic():
            _one_at_a_time()
            made = Withdrawal.objects.create(
                service=service, version=newest.version, reason=words, by=visit.person, at=at
            )
    except IntegrityError as problem:
        raise Conflict("authoring.withdrawn") from problem
    published.refresh()
    return made


def proposal_for(visit: Visit, proposal_id: UUID) -> Proposal:
    """Return a proposal of the person's bodies.

    Raises:
        Missing: `authoring.missing`.
    """
    found = (
        Proposal.objects.filter(pk=proposal_id, draft__body__in=drafts.bodies(visit))
        .select_related("draft", "proposed_by", "decided_by")
        .first()
    )
    if found is None:
        raise Missing("authoring.missing")
    return found


def _open(proposal_id: UUID, visit: Visit) -> Proposal:
    proposal_for(visit, proposal_id)
    row = Proposal.objects.select_for_update().get(pk=proposal_id)
    if row.decided_at is not None:
        raise Conflict("authoring.decided")
    return row


def _check_next(service: str, version: int) -> None:
    known = checking.surroundings().catalogue.versions.get(service, {})
    if version != max(known, default=0) + 1:
        raise Conflict("authoring.version", version=max(known, default=0) + 1)


def _reason(words: str) -> str:
    plain = " ".join(words.split())
    if not plain or len(plain) > LONGEST_REASON:
        raise Invalid("authoring.reason")
    return plain


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
