"""What people do with a case: mending it, taking it back, deciding it with four eyes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, definitions, housekeeping, reading
from pencere.web.cases.models import Attachment, Case, Effect, Supplement
from pencere.web.people.models import Person
from pencere.web.portal.window.explained import explained

PHOTO = {
    "id": "00000000-0000-4000-8000-000000000002", "name": "b.jpg", "media_type": "image/jpeg",
    "size_bytes": 1, "width": 413, "height": 531,
}  # fmt: skip


@pytest.fixture
def officer(make_person: Callable[..., Person]) -> Person:
    return make_person("2RSAD76")


@pytest.fixture
def head(make_person: Callable[..., Person]) -> Person:
    return make_person("4GLNR29")


def actor(person: Person, *roles: Role) -> Actor:
    return Actor(str(person.pk), frozenset(roles or {Role.OFFICER}))


def asked_to_mend(case: Case, officer: Person, registers: Any) -> Case:
    return acting.act(
        case=case, action="mend", by=actor(officer), officer=officer, version=case.version,
        comment="Üz görünmür.", gateway=registers, at=settings.CLOCK.now(),
    )  # fmt: skip


def resubmitted(case: Case, applicant: Person, answers: Any, **changes: Any) -> Case:
    facts = {"action": "resubmit", "version": case.version, **changes}
    return acting.resubmit(
        case=case, sender=applicant, answers=answers, at=settings.CLOCK.now(), **facts
    )


@pytest.fixture
def mending(sent: Case, officer: Person, registers: Any) -> Case:
    """A case that waits for another photograph, which the applicant has already given."""
    Attachment.objects.create(
        pk=PHOTO["id"], draft=Attachment.objects.get(case=sent).draft, question="photo",
        name="b.jpg", media_type="image/jpeg", size_bytes=1, sha256=b"1" * 32,
        added_at=settings.CLOCK.now(),
    )  # fmt: skip
    return asked_to_mend(sent, officer, registers)


def test_a_case_that_waits_for_the_applicant_stands_still(mending: Case) -> None:
    assert (mending.state, mending.is_paused, mending.waits_for_applicant) == (
        "mending",
        True,
        True,
    )


def test_what_is_sent_again_lies_over_the_application_and_the_clock_goes_on(
    mending: Case, applicant: Person, clock: FixedClock
) -> None:
    clock.advance(timedelta(days=4))

    case = resubmitted(mending, applicant, {"photo": PHOTO})

    opened = reading.open_case(case, at=clock.now())
    assert (case.state, case.is_paused, case.waits_for_applicant) == ("review", False, False)
    assert str(case.due) == "2026-11-25"  # the Friday it was sent, and 4 days stood still
    assert opened.answers["photo"] == PHOTO
    assert opened.application["answers"]["photo"] != PHOTO
    assert (Attachment.objects.get(pk=PHOTO["id"]).case, Supplement.objects.count()) == (case, 1)


@pytest.mark.parametrize(
    "answers", [{}, {"reason": "lost"}, {"photo": PHOTO, "reason": "lost"}], ids=repr
)
def test_only_what_was_asked_for_is_taken(mending: Case, applicant: Person, answers: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        resubmitted(mending, applicant, answers)

    assert (refusal.value.code, Supplement.objects.count()) == ("case.not_asked", 0)


def test_sending_again_twice_is_once(mending: Case, applicant: Person) -> None:
    seen = mending.version
    other_tab = reading.case_of(person=applicant, number=mending.number)
    resubmitted(mending, applicant, {"photo": PHOTO})

    with pytest.raises((Conflict, Invalid)):
        resubmitted(other_tab, applicant, {"photo": PHOTO}, version=seen)

    assert Supplement.objects.count() == 1


def test_nobody_answers_for_the_applicant(mending: Case, officer: Person) -> None:
    with pytest.raises(Refused) as refusal:
        resubmitted(mending, officer, {"photo": PHOTO})

    assert (refusal.value.code, Supplement.objects.count()) == ("case.role", 0)


def test_who_takes_an_application_back_ends_it(mending: Case, applicant: Person) -> None:
    case = resubmitted(mending, applicant, {}, action="withdraw")

    assert (case.state, case.outcome, case.closed_at is not None) == (
        "withdrawn",
        "withdrawn",
        True,
    )
    assert Supplement.objects.count() == 0


def test_an_application_that_is_being_decided_is_not_taken_back(
    sent: Case, applicant: Person
) -> None:
    with pytest.raises(Invalid):
        resubmitted(sent, applicant, {}, action="withdraw")

    assert Case.objects.get(pk=sent.pk).state == "review"


def test_an_applicant_who_does_not_answer_lets_the_application_lapse(
    mending: Case, clock: FixedClock
) -> None:
    clock.advance(timedelta(days=20))

    happened = [housekeeping.tick(case_id=mending.pk, at=clock.now()) for _ in range(2)]

    assert happened == [True, False]
    lapsed = Case.objects.get(pk=mending.pk)
    why = explained(reading.open_case(lapsed, at=clock.now()), Role.APPLICANT)
    assert lapsed.state == "lapsed"
    assert [(step.passed, step.rule) for step in why] == [
        (None, "«Sizdən düzəliş gözlənilir» mərhələsi üçün verilən vaxt bitdi.")
    ]
    assert why[0].laws


@pytest.fixture
def four_eyes(monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> None:
    """Let the service ask for a second person before a licence is granted."""
    plain = definitions.newest("driving-licence-replace", at=clock.now())
    review = plain.states["review"]
    actions = tuple(
        replace(action, four_eyes=True) if action.id == "grant" else action
        for action in review.actions
    )
    strict = replace(plain, states={**plain.states, "review": replace(review, actions=actions)})
    monkeypatch.setattr(definitions, "pinned", lambda _case: strict)
    monkeypatch.setattr(definitions, "newest", lambda _service, **_at: strict)


@pytest.fixture
def proposed(four_eyes: None, sent: Case, officer: Person, registers: Any) -> Case:
    """A case that an officer wants to grant."""
    return acting.act(
        case=sent, action="grant", by=actor(officer), officer=officer, version=sent.version,
        gateway=registers, at=settings.CLOCK.now(),
    )  # fmt: skip


def confirmed(case: Case, by: Person, registers: Any, *roles: Role) -> Case:
    return acting.confirm(
        case=case, by=actor(by, *roles), officer=by, version=case.version, gateway=registers,
        at=settings.CLOCK.now(),
    )  # fmt: skip


def test_a_proposal_decides_nothing(proposed: Case) -> None:
    assert (proposed.state, Effect.objects.count()) == ("review", 0)
    assert proposed.events.last().kind == "proposed"


def test_a_second_person_makes_it_happen(proposed: Case, head: Person, registers: Any) -> None:
    case = confirmed(proposed, head, registers, Role.OFFICER, Role.HEAD)

    decision = reading.open_case(case, at=settings.CLOCK.now()).machine.decision
    assert decision is not None
    assert (case.state, decision.confirmed_by) == ("granted", str(head.pk))
    assert Effect.objects.filter(case=case, kind="write").count() == 1


def test_nobody_confirms_their_own_proposal(
    proposed: Case, officer: Person, registers: Any
) -> None:
    with pytest.raises(Refused) as refusal:
        confirmed(proposed, officer, registers, Role.OFFICER, Role.HEAD)

    assert (refusal.value.code, proposed.state) == ("case.same_person", "review")


def test_the_applicant_does_not_confirm(proposed: Case, applicant: Person, registers: Any) -> None:
    with pytest.raises(Refused) as refusal:
        confirmed(proposed, applicant, registers, Role.OFFICER, Role.HEAD)

    assert refusal.value.code == "case.own_case"


def test_confirming_twice_is_once(proposed: Case, head: Person, registers: Any) -> None:
    other = reading.case_of_body(bodies=frozenset({"dyp"}), number=proposed.number)
    confirmed(proposed, head, registers)

    with pytest.raises(Conflict):
        confirmed(other, head, registers)

    assert Effect.objects.filter(case=proposed, kind="write").count() == 1


def test_while_a_proposal_waits_nothing_else_is_done(
    proposed: Case, head: Person, registers: Any
) -> None:
    with pytest.raises(Conflict) as refusal:
        acting.act(
            case=proposed, action="refuse", by=actor(head), officer=head, reasons=["unfit"],
            version=proposed.version, gateway=registers, at=settings.CLOCK.now(),
        )  # fmt: skip

    assert refusal.value.code == "case.proposal_pending"


def test_a_proposal_that_is_declined_goes_back_with_words(
    proposed: Case, officer: Person, head: Person, registers: Any
) -> None:
    case = acting.decline(
        case=proposed, by=actor(head), officer=head, version=proposed.version,
        comment="Şəkli yoxlayın.", at=settings.CLOCK.now(),
    )  # fmt: skip

    event = case.events.last()
    assert (case.state, event.kind, event.by) == ("review", "declined", head)
    assert reading.words_of(event)["comment"] == "Şəkli yoxlayın."
    with pytest.raises(Conflict) as refusal:
        confirmed(case, head, registers)
    assert refusal.value.code == "case.no_proposal"
