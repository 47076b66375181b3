"""Writing an application: every answer is kept at once, on the server, for any device."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Missing
from pencere.services import forms
from pencere.services.model.definition import Definition
from pencere.services.model.question import Question
from pencere.services.places import Places
from pencere.web.cases.domain import definitions, facts
from pencere.web.cases.domain.applicant import in_context
from pencere.web.cases.domain.facts import NOTHING, Told
from pencere.web.cases.domain.numbers import next_number
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.models import Draft
from pencere.web.cases.models.draft import State
from pencere.web.country import country
from pencere.web.exchange import Gateway
from pencere.web.people.models.person import Person

KEPT = timedelta(days=30)

# Beside the answers, by question; no question is named so. What was typed and is no answer yet;
# how often it was answered; the applicant's own word beside a register's that counts; what a
# register said of a number that waits to be confirmed.
_TYPED, _TURN, _OWN, _FOUND = "typed:", "turn:", "own:", "found:"


@dataclass(frozen=True, slots=True)
class Writing:
    """A draft as a page needs it: its definition, answers, facts and the way through the form.

    `typed` is what stands in the fields of a question and cannot be taken as its answer yet;
    `turns` how often each question was answered, which a form carries so that one filled in
    before an answer from elsewhere is noticed; `own` the applicant's words beside a register's;
    `found` what a register said of a number, until the applicant confirms it.
    """

    draft: Draft
    definition: Definition
    answers: Mapping[str, object]
    check_again: tuple[str, ...]
    told: Told
    context: Mapping[str, Any]
    typed: Mapping[str, Mapping[str, str]]
    whole: forms.Way
    turns: Mapping[str, int] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def way(self) -> list[Question]:
        """The questions on the way that are asked, in order."""
        return self.whole.asked

    @property
    def next_question(self) -> Question | None:
        """The first question without an answer; None when all are answered."""
        return next((question for question in self.way if question.id not in self.answers), None)


def start_draft(
    *, person: Person, service: str, at: datetime, agent: Person | None = None
) -> Draft:
    """Return the person's open draft for this service, begun if there is none.

    What an `agent` writes for the person is a draft of its own, which the person does not see.

    Raises:
        Missing: no such service, or one without a form.
    """
    definition = definitions.newest(service, at=at)
    mine = Draft.objects.filter(person=person, agent=agent, service=service, state=State.OPEN)
    found = mine.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Draft.objects.create(
                number=next_number(body=definition.authority, on=local_date(at)),
                person=person,
                agent=agent,
                service=service,
                definition_version=definition.version,
                created_at=at,
                saved_at=at,
                expires_at=at + KEPT,
            )
    except IntegrityError:  # the same button in another tab was first
        return mine.get()


def drafts_of(person: Person, agent: Person | None = None) -> QuerySet[Draft]:
    """Return the open drafts that the person, or an agent for them, writes, the latest first."""
    return Draft.objects.filter(person=person, agent=agent, state=State.OPEN).order_by("-saved_at")


def draft_of(*, person: Person, draft_id: UUID, agent: Person | None = None) -> Draft:
    """Return a draft to who writes it, in whatever state.

    Raises:
        Missing: "draft.missing": no such draft, or another person's.
    """
    draft = Draft.objects.filter(pk=draft_id, person=person, agent=agent).first()
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
        user=draft.writer,
        represented=None,
        context=_context(draft, {}, {}, at),
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
    context = _context(draft, told.values, restored.answers, at)
    worked_out = forms.walk(definition, restored.answers, context)
    answers = {**restored.answers, **worked_out.computed}
    return Writing(
        draft=draft,
        definition=definition,
        answers=answers,
        check_again=restored.check_again,
        told=told,
        context={**context, "answers": answers},
        typed=_beside(stored, _TYPED),
        whole=worked_out,
        turns=_beside(stored, _TURN),
        own=_beside(stored, _OWN),
        found=_beside(stored, _FOUND),
    )


def _beside(stored: Mapping[str, Any], mark: str) -> dict[str, Any]:
    return {key.removeprefix(mark): held for key, held in stored.items() if key.startswith(mark)}


def has_fresh_facts(draft: Draft, *, at: datetime) -> bool:
    """Say whether `tell_facts` would answer without asking a register."""
    fresh = draft.facts_at is not None and at - draft.facts_at < facts.FRESH
    return fresh and draft.facts_sealed is not None


@transaction.atomic
def answer(  # noqa: PLR0913, an answer comes with all of these
    *,
    draft: Draft,
    question: str,
    value: object,
    at: datetime,
    turn: int | None = None,
    is_final: bool = True,
    own: str | None = None,
) -> None:
    """Keep one answer. Two tabs may answer different questions; the last answer to one counts.

    `turn` is the one of the form the answer comes from; without it nothing is compared. What is
    kept while it is typed is not `is_final`: the form it comes from stays good. `own` is the
    applicant's word beside a register's, "" takes it back.

    Raises:
        Conflict: "draft.submitted": the application was sent from another tab;
            "draft.answered_elsewhere": another form gave another answer since `turn`.
    """
    row, stored = _open_row(draft)
    new = forms.to_stored({question: value})
    key = _TURN + question
    is_other = question not in stored or stored[question] != new[question]
    if turn is not None and turn != stored.get(key, 0) and is_other:
        raise Conflict("draft.answered_elsewhere", question=question)
    stored.update(new)
    if is_final:
        stored[key] = stored.get(key, 0) + 1
    if own is not None:
        stored.pop(_OWN + question, None)
        if own:
            stored[_OWN + question] = own
    stored.pop(_TYPED + question, None)
    stored.pop(_FOUND + question, None)
    # What was sent to the telephone is no longer what the person sees.
    row.signing_sealed = None
    row.definition_version = definitions.newest(row.service, at=at).version
    _save(row, stored, at=at)
    draft.answers_sealed, draft.saved_at = row.answers_sealed, at
    draft.signing_sealed = None


@transaction.atomic
def take_back(*, draft: Draft, question: str, at: datetime, turn: int | None = None) -> None:
    """Make a question unanswered again.

    Raises:
        Conflict: as `answer`.
    """
    row, stored = _open_row(draft)
    key = _TURN + question
    if turn is not None and turn != stored.get(key, 0):
        raise Conflict("draft.answered_elsewhere", question=question)
    stored.pop(question, None)
    stored[key] = stored.get(key, 0) + 1
    row.signing_sealed = None
    _save(row, stored, at=at)
    draft.answers_sealed, draft.saved_at = row.answers_sealed, at
    draft.signing_sealed = None


@transaction.atomic
def keep_found(*, draft: Draft, question: str, found: Mapping[str, Any], at: datetime) -> None:
    """Keep what a register said of a number, until the applicant confirms it.

    Raises:
        Conflict: "draft.submitted".
    """
    row, stored = _open_row(draft)
    stored[_FOUND + question] = dict(found)
    _save(row, stored, at=at)
    draft.answers_sealed, draft.saved_at = row.answers_sealed, at


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
    draft: Draft, told: Mapping[str, Any], answers: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    return {
        "applicant": in_context(draft.person, draft.agent),
        "facts": dict(told),
        "answers": dict(answers),
        "today": local_date(at),
        "places": Places.of(country()),
    }
