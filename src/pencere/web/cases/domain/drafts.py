"""Writing an application: every answer is kept at once, on the server, for any device."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Missing
from pencere.services import forms
from pencere.services.model import Definition, Question
from pencere.web.cases.domain import definitions, facts
from pencere.web.cases.domain.facts import NOTHING, Told
from pencere.web.cases.domain.numbers import next_number
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.models import Draft
from pencere.web.cases.models.draft import State
from pencere.web.exchange import Gateway
from pencere.web.people.models.person import Person

KEPT = timedelta(days=30)

# Beside the answers, by question: what was typed and is no answer yet. No question is named so.
_TYPED = "typed:"


@dataclass(frozen=True, slots=True)
class Writing:
    """A draft as a page needs it: its definition, answers, facts and the way through the form.

    `typed` is what stands in the fields of a question and cannot be taken as its answer yet.
    """

    draft: Draft
    definition: Definition
    answers: Mapping[str, object]
    check_again: tuple[str, ...]
    told: Told
    context: Mapping[str, Any]
    typed: Mapping[str, Mapping[str, str]]

    @property
    def way(self) -> list[Question]:
        """The questions on the way, in order."""
        return forms.route(self.definition, self.answers, self.context)

    @property
    def next_question(self) -> Question | None:
        """The first question without an answer; None when all are answered."""
        return forms.next_question(self.definition, self.answers, self.context)


def start_draft(*, person: Person, service: str, at: datetime) -> Draft:
    """Return the person's open draft for this service, begun if there is none.

    Raises:
        Missing: no such service, or one without a form.
    """
    definition = definitions.newest(service, at=at)
    found = Draft.objects.filter(person=person, service=service, state=State.OPEN).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Draft.objects.create(
                number=next_number(body=definition.authority, on=local_date(at)),
                person=person,
                service=service,
                definition_version=definition.version,
                created_at=at,
                saved_at=at,
                expires_at=at + KEPT,
            )
    except IntegrityError:  # the same button in another tab was first
        return Draft.objects.get(person=person, service=service, state=State.OPEN)


def drafts_of(person: Person) -> QuerySet[Draft]:
    """Return the person's open drafts, the latest first."""
    return Draft.objects.filter(person=person, state=State.OPEN).order_by("-saved_at")


def draft_of(*, person: Person, draft_id: UUID) -> Draft:
    """Return a draft to its owner, in whatever state.

    Raises:
        Missing: "draft.missing": no such draft, or another person's.
    """
    draft = Draft.objects.filter(pk=draft_id, person=person).first()
    if draft is None or draft.state == State.LEFT:
        raise Missing("draft.missing")
    return draft


def tell_facts(*, draft: Draft, gateway: Gateway, at: datetime, anew: bool = False) -> Told:
    """Return what registers say for this draft, asked again when it is old.

    Raises:
        Unavailable: a register does not answer. Nothing of the draft is changed.
    """
    row = draft.id.bytes
    if not anew and has_fresh_facts(draft, at=at):
        return Told.from_json(unseal(draft.facts_sealed, row))
    definition = definitions.newest(draft.service, at=at)
    told = facts.ask(
        facts=facts.for_applicant(definition),
        number=draft.number,
        applicant=draft.person,
        user=draft.person,
        represented=None,
        context=_context(draft.person, {}, {}, at),
        gateway=gateway,
        at=at,
    )
    draft.facts_sealed, draft.facts_at = seal(told.as_json(), row), at
    Draft.objects.filter(pk=draft.pk, state=State.OPEN).update(
        facts_sealed=draft.facts_sealed, facts_at=at
    )
    return told


def writing(*, draft: Draft, told: Told = NOTHING, at: datetime) -> Writing:
    """Return the draft as it reads under the newest version, with these facts."""
    definition = definitions.newest(draft.service, at=at)
    stored = unseal(draft.answers_sealed, draft.id.bytes) or {}
    restored = forms.from_stored(definition, stored)
    return Writing(
        draft=draft,
        definition=definition,
        answers=restored.answers,
        check_again=restored.check_again,
        told=told,
        context=_context(draft.person, told.values, restored.answers, at),
        typed={
            key.removeprefix(_TYPED): fields
            for key, fields in stored.items()
            if key.startswith(_TYPED)
        },
    )


def has_fresh_facts(draft: Draft, *, at: datetime) -> bool:
    """Say whether `tell_facts` would answer without asking a register."""
    fresh = draft.facts_at is not None and at - draft.facts_at < facts.FRESH
    return fresh and draft.facts_sealed is not None


@transaction.atomic
def answer(*, draft: Draft, question: str, value: object, at: datetime) -> None:
    """Keep one answer. Two tabs may answer different questions; the last answer to one counts.

    Raises:
        Conflict: "draft.submitted": the application was sent from another tab.
    """
    row, stored = _open_row(draft)
    stored.update(forms.to_stored({question: value}))
    stored.pop(_TYPED + question, None)
    # What was sent to the telephone is no longer what the person sees.
    row.signing_sealed = None
    row.definition_version = definitions.newest(row.service, at=at).version
    _save(row, stored, at=at)
    draft.answers_sealed, draft.saved_at = row.answers_sealed, at
    draft.signing_sealed = None


@transaction.atomic
def keep_typed(*, draft: Draft, question: str, fields: Mapping[str, str], at: datetime) -> None:
    """Keep what stands in the fields of a question without making it the answer.

    An answer given before stays the answer. Empty fields are forgotten.

    Raises:
        Conflict: "draft.submitted".
    """
    row, stored = _open_row(draft)
    if any(fields.values()):
        stored[_TYPED + question] = dict(fields)
    else:
        stored.pop(_TYPED + question, None)
    _save(row, stored, at=at)
    draft.answers_sealed, draft.saved_at = row.answers_sealed, at


def _open_row(draft: Draft) -> tuple[Draft, dict[str, Any]]:
    """Lock the row of a draft and return it with what it holds."""
    row = Draft.objects.select_for_update().get(pk=draft.pk)
    if row.state != State.OPEN:
        raise Conflict("draft.submitted")
    return row, unseal(row.answers_sealed, row.id.bytes) or {}


def _save(row: Draft, stored: Mapping[str, Any], *, at: datetime) -> None:
    row.answers_sealed = seal(stored, row.id.bytes)
    row.saved_at, row.expires_at = at, at + KEPT
    row.save()


def leave(*, draft: Draft, at: datetime) -> None:
    """Forget a draft its owner does not want, and what was answered in it."""
    Draft.objects.filter(pk=draft.pk, state=State.OPEN).update(
        state=State.LEFT,
        answers_sealed=None,
        facts_sealed=None,
        signing_sealed=None,
        saved_at=at,
    )


def forget_old_facts(*, at: datetime) -> int:
    """Throw away what registers said in drafts nobody goes on with; return in how many."""
    return Draft.objects.filter(facts_at__lt=at - facts.FRESH).update(
        facts_sealed=None, facts_at=None
    )


def expired(*, at: datetime, limit: int = 200) -> list[Draft]:
    """Return drafts past their time, oldest first."""
    found = Draft.objects.filter(state=State.OPEN, expires_at__lte=at).order_by("expires_at")
    return list(found[:limit])


def _context(
    person: Person, told: Mapping[str, Any], answers: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    identity = person.identity
    return {
        "applicant": {
            "fin": identity.fin,
            "given_name": identity.given_name,
            "surname": identity.surname,
        },
        "facts": dict(told),
        "answers": dict(answers),
        "today": local_date(at),
    }
