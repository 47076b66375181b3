"""From a draft to a case: once, whole, and only when everything is there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Missing, Refused, Unavailable
from pencere.kernel.identifiers import Phone
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, drafts, housekeeping, reading, signing
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.effects import run
from pencere.web.cases.domain.numbers import next_number
from pencere.web.cases.domain.outbox import enqueue
from pencere.web.cases.domain.submission import Signed, document_to_sign, submit
from pencere.web.cases.models import Attachment, Case, CaseEvent, Draft, Effect
from pencere.web.payments.models import Charge, Refund
from pencere.web.people.models import Person

Write = Callable[[], Writing]
Pay = Callable[[Writing], Charge]


def send(writing: Writing, registers: Any, clock: FixedClock) -> Case:
    Attachment.objects.get_or_create(
        pk="00000000-0000-4000-8000-000000000001",
        defaults={
            "draft": writing.draft, "question": "photo", "name": "a.jpg",
            "media_type": "image/jpeg", "size_bytes": 1, "sha256": b"0" * 32,
            "added_at": clock.now(),
        },
    )  # fmt: skip
    document = document_to_sign(writing=writing, language="az", at=clock.now())
    signed = Signed(b"cades", clock.now())
    return submit(
        draft=writing.draft, application=document, signed=signed, gateway=registers, at=clock.now()
    )


def test_numbers_rise_by_body_and_year_and_are_never_given_twice(
    db: None, clock: FixedClock
) -> None:
    day = clock.now().date()

    numbers = [next_number(body=body, on=day) for body in ("dyp", "dyp", "bpqmi")]

    assert numbers == ["DYP-2026-000001", "DYP-2026-000002", "BPQMI-2026-000001"]


def test_beginning_twice_is_one_draft(applicant: Person, clock: FixedClock) -> None:
    first, second = (
        drafts.start_draft(person=applicant, service="residence-certificate", at=clock.now())
        for _ in range(2)
    )

    assert first == second


def test_a_sent_application_waits_for_the_body_with_its_clock_running(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)

    case = send(writing, registers, clock)

    assert (case.state, case.queue, str(case.due)) == ("review", "licence-officers", "2026-11-23")
    assert [e.kind for e in case.events.all()][:2] == ["submitted", "entered"]
    assert Draft.objects.get(pk=writing.draft.pk).answers_sealed is None


def test_sending_twice_is_one_case(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    document = document_to_sign(writing=writing, language="az", at=clock.now())

    cases = [
        submit(
            draft=writing.draft, application=document, signed=Signed(b"cades", clock.now()),
            gateway=registers, at=clock.now(),
        )
        for _ in range(2)
    ]  # fmt: skip

    assert (cases[0].pk, Case.objects.count()) == (cases[1].pk, 1)


def test_nobody_sends_without_paying(write: Write, clock: FixedClock) -> None:
    with pytest.raises(Refused) as refusal:
        document_to_sign(writing=write(), language="az", at=clock.now())

    assert refusal.value.code == "draft.unpaid"


def test_nobody_sends_without_signing(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    document = document_to_sign(writing=writing, language="az", at=clock.now())

    with pytest.raises(Refused) as refusal:
        submit(draft=writing.draft, application=document, signed=None, gateway=registers,
               at=clock.now())  # fmt: skip

    assert (refusal.value.code, Case.objects.count()) == ("draft.unsigned", 0)


@pytest.mark.parametrize("code", ["mobile.cancelled", "certificate.revoked", "mobile.timeout"])
def test_a_signature_that_is_not_made_keeps_the_application_and_the_payment(
    write: Write, pay: Pay, registers: Any, pen: Any, clock: FixedClock, code: str
) -> None:
    writing = write()
    charge = pay(writing)
    signing.begin(writing=writing, pen=pen, phone=Phone("+994501000001"), text="t",
                  language="az", at=clock.now())  # fmt: skip
    pen.answer = Refused(code)

    ended = signing.advance(draft=writing.draft, pen=pen, gateway=registers, at=clock.now())
    signing.begin(writing=writing, pen=pen, phone=Phone("+994501000001"), text="t",
                  language="az", at=clock.now())  # fmt: skip
    pen.answer = b"cades"
    done = signing.advance(draft=writing.draft, pen=pen, gateway=registers, at=clock.now())

    charge.refresh_from_db()
    assert ended is not None
    assert done is not None
    assert (ended.problem, charge.state) == (code, "paid")
    assert done.case is not None


def test_a_signing_service_that_does_not_answer_is_asked_again(
    write: Write, pay: Pay, registers: Any, pen: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    signing.begin(writing=writing, pen=pen, phone=Phone("+994501000001"), text="t",
                  language="az", at=clock.now())  # fmt: skip
    pen.answer = Unavailable("mobile.unavailable")

    with pytest.raises(Unavailable):
        signing.advance(draft=writing.draft, pen=pen, gateway=registers, at=clock.now())

    waiting = signing.current(writing.draft)
    assert waiting is not None
    assert waiting.is_waiting


def test_an_answer_changed_while_signing_makes_the_signature_void(
    write: Write, pay: Pay, registers: Any, pen: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    signing.begin(writing=writing, pen=pen, phone=Phone("+994501000001"), text="t",
                  language="az", at=clock.now())  # fmt: skip
    drafts.answer(draft=writing.draft, question="damage", value="x", at=clock.now())
    pen.answer = b"cades"

    assert signing.advance(draft=writing.draft, pen=pen, gateway=registers, at=clock.now()) is None
    assert Case.objects.count() == 0


def test_a_register_that_does_not_answer_loses_no_answer(
    applicant: Person, registers: Any, clock: FixedClock
) -> None:
    draft = drafts.start_draft(person=applicant, service="driving-licence-replace", at=clock.now())
    drafts.answer(draft=draft, question="reason", value="lost", at=clock.now())
    registers.silent = {"dyp/driving-licence"}

    with pytest.raises(Unavailable):
        drafts.tell_facts(draft=draft, gateway=registers, at=clock.now())

    assert drafts.writing(draft=draft, at=clock.now()).answers == {"reason": "lost"}


def test_registers_are_asked_once_for_many_pages_and_again_when_old(
    write: Write, registers: Any, clock: FixedClock
) -> None:
    draft = write().draft
    once = len(registers.asked)

    drafts.tell_facts(draft=draft, gateway=registers, at=clock.now())
    again = len(registers.asked)
    clock.advance(timedelta(minutes=21))
    drafts.tell_facts(draft=draft, gateway=registers, at=clock.now())

    assert (once, again, len(registers.asked)) == (3, 3, 6)
    assert {purpose.case for _, purpose in registers.asked} == {draft.number}


def test_what_only_the_body_may_see_is_not_in_what_the_applicant_signs(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    registers.records["dyp/disqualification"] = registers.records["dyp/driving-licence"]
    writing = write()
    pay(writing)

    case = send(writing, registers, clock)

    said = reading.open_case(case, at=clock.now()).application
    assert sorted(said["facts"]) == ["licence", "medical", "person"]


def test_another_persons_draft_and_case_are_not_there(
    write: Write, pay: Pay, registers: Any, clock: FixedClock, make_person: Any
) -> None:
    writing = write()
    pay(writing)
    case, stranger = send(writing, registers, clock), make_person("4LEYL82")

    with pytest.raises(Missing):
        drafts.draft_of(person=stranger, draft_id=writing.draft.id)
    with pytest.raises(Missing):
        reading.case_of(person=stranger, number=case.number)
    with pytest.raises(Missing):
        reading.case_of_body(bodies=frozenset({"bpqmi"}), number=case.number)


def test_a_tab_left_open_cannot_change_what_was_sent(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    send(writing, registers, clock)

    with pytest.raises(Conflict):
        drafts.answer(draft=writing.draft, question="damage", value="x", at=clock.now())


def granted(write: Write, pay: Pay, registers: Any, clock: FixedClock, officer: Person) -> Case:
    writing = write()
    pay(writing)
    case = send(writing, registers, clock)
    by = Actor(str(officer.pk), frozenset({Role.OFFICER}))
    return acting.act(case=case, action="grant", by=by, officer=officer, version=case.version,
                      gateway=registers, at=clock.now())  # fmt: skip


def test_a_register_that_is_silent_makes_an_effect_wait_and_then_happen_once(
    write: Write, pay: Pay, registers: Any, clock: FixedClock, make_person: Any
) -> None:
    case = granted(write, pay, registers, clock, make_person("2RSAD76"))
    effect = Effect.objects.get(case=case, name="licence")
    registers.silent = {"dyp/driving-licence"}

    with pytest.raises(Unavailable):
        run.run(effect_id=effect.pk, gateway=registers, at=clock.now())
    effect.refresh_from_db()
    waited = effect.status
    registers.silent = set()
    twice = [run.run(effect_id=effect.pk, gateway=registers, at=clock.now()) for _ in range(2)]

    assert (waited, twice, len(registers.done)) == ("waiting", ["done", "done"], 1)


def test_two_officers_cannot_both_decide(
    write: Write, pay: Pay, registers: Any, clock: FixedClock, make_person: Any
) -> None:
    first, second = make_person("2RSAD76"), make_person("4GLNR29")
    writing = write()
    pay(writing)
    case = send(writing, registers, clock)
    seen = case.version
    stale = reading.case_of_body(bodies=frozenset({"dyp"}), number=case.number)
    acting.act(case=case, action="grant", by=Actor(str(first.pk), frozenset({Role.OFFICER})),
               officer=first, version=seen, gateway=registers, at=clock.now())  # fmt: skip

    with pytest.raises(Conflict):
        acting.act(case=stale, action="refuse", by=Actor(str(second.pk), frozenset({Role.OFFICER})),
                   officer=second, version=seen, reasons=["unfit"], gateway=registers,
                   at=clock.now())  # fmt: skip

    assert Effect.objects.filter(case=case, state="refused").count() == 0


def test_a_refusal_gives_the_fee_back(
    write: Write, pay: Pay, registers: Any, clock: FixedClock, make_person: Any
) -> None:
    officer = make_person("2RSAD76")
    writing = write()
    charge = pay(writing)
    case = send(writing, registers, clock)
    acting.act(case=case, action="refuse", by=Actor(str(officer.pk), frozenset({Role.OFFICER})),
               officer=officer, version=case.version, reasons=["unfit"], gateway=registers,
               at=clock.now())  # fmt: skip
    effect = Effect.objects.get(case=case, name="money")

    for _ in range(2):
        run.run(effect_id=effect.pk, gateway=registers, at=clock.now())

    assert Refund.objects.get().charge_id == charge.id


def test_a_draft_nobody_finished_is_forgotten_and_its_fee_returned(
    write: Write, pay: Pay, clock: FixedClock
) -> None:
    writing = write()
    charge = pay(writing)
    clock.advance(timedelta(days=31))
    (old,) = drafts.expired(at=clock.now())

    housekeeping.let_expire(draft=old, at=clock.now())

    row = Draft.objects.get(pk=writing.draft.pk)
    assert (row.state, row.answers_sealed) == ("left", None)
    assert Refund.objects.get().charge_id == charge.id


def test_the_history_of_a_case_cannot_be_changed(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    send(writing, registers, clock)

    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        CaseEvent.objects.update(kind="entered")


def test_nothing_personal_lies_readable_in_the_tables(
    write: Write, pay: Pay, registers: Any, clock: FixedClock
) -> None:
    writing = write()
    pay(writing)
    send(writing, registers, clock)

    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(c)::text from cases_case c")
        ((case,),) = cursor.fetchall()
        cursor.execute("select string_agg(convert_from(entry, 'utf8'), '') from ledger.pending")
        ((leaves,),) = cursor.fetchall()
    assert [word for word in ("6AYDN47", "Quliyeva", "AB 123456") if word in case + leaves] == []


def test_an_effect_enqueued_twice_is_one_job_and_breaks_nothing(
    write: Write, pay: Pay, registers: Any, clock: FixedClock, make_person: Any
) -> None:
    case = granted(write, pay, registers, clock, make_person("2RSAD76"))
    effect = Effect.objects.get(case=case, name="licence")

    with transaction.atomic():
        enqueue(effect.pk)
        enqueue(effect.pk)
        jobs = ProcrastinateJob.objects.filter(args={"effect_id": effect.pk}).count()

    assert jobs == 1
