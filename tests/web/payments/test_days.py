"""Reconciling a day with the bank, explaining, closing."""

import threading
from datetime import date, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connections, transaction

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Unavailable
from pencere.simulators.bank.app import Bank
from pencere.web.payments.domain import book, charges, days, refunds
from pencere.web.payments.models import Charge, Closing, Difference, Entry
from pencere.web.payments.providers.sandbox import SandboxBank
from pencere.web.payments.tasks import reconcile
from pencere.web.people.models.person import Person

DAY = date(2026, 11, 22)


def told(found: list[Difference]) -> list[tuple[str, str, int, int]]:
    return [(d.kind, d.movement, d.bank_amount, d.book_amount) for d in found]


def next_day(clock: FixedClock) -> None:
    clock.advance(timedelta(days=1))


def test_a_day_that_fits_has_no_differences_and_closes(
    paid: Charge, payer: Person, clock: FixedClock
) -> None:
    asked = refunds.request(charge=paid, key="k", reason="case", amount=1000, at=clock.now())
    refunds.give_back(refund_id=asked.id, at=clock.now())
    next_day(clock)

    left = days.reconcile(day=DAY, at=clock.now())
    closing = days.close(day=DAY, officer=payer, at=clock.now())

    assert (left, book.unbalanced()) == ([], [])
    assert closing.totals == {"fee:dyp unassigned": -2000, "provider:bank unassigned": 2000}
    assert days.next_open() == date(2026, 11, 23)


def test_money_nobody_told_of_is_found_and_the_charge_corrected(
    paid: Charge, payer: Person, clock: FixedClock, bank: Bank, provider: SandboxBank
) -> None:
    lost = charges.request_charge(
        payer=payer, subject=charges.Subject("application", "a2"), beneficiary="dyp",
        amount=700, description={"az": "R", "en": "R", "ru": "R"}, basis={}, at=clock.now(),
    )  # fmt: skip
    now = int(clock.now().timestamp())
    asked = {
        "order": str(lost.id), "merchant": "pencere", "amount": 700, "currency": "AZN",
        "description": {}, "language": "az", "return_url": "http://portal.test/",
        "callback_url": "http://portal.test/", "expires_at": now + 60,
    }  # fmt: skip
    order = bank.book.open(asked, body=b"{}", now=now)
    bank.book.settle(order.payment, outcome="paid", now=now)
    charges.cancel_open(subject=charges.Subject("application", "a2"), at=clock.now())
    next_day(clock)

    found = days.reconcile(day=DAY, at=clock.now())
    with pytest.raises(Conflict) as refusal:
        days.close(day=DAY, officer=payer, at=clock.now())
    verdict = days.correct(
        difference_id=found[0].pk, officer=payer, words="Bankın çıxarışı.", at=clock.now()
    )
    closing = days.close(day=DAY, officer=payer, at=clock.now())

    lost.refresh_from_db()
    assert told(found) == [("bank-only", "payment", 700, 0)]
    assert (refusal.value.code, verdict, lost.state) == ("day.differences", "late", "paid")
    assert lost.refunds.get().reason == "paid-twice"  # the application was left: it goes back
    assert closing.day == DAY


def test_a_movement_the_bank_does_not_know_waits_for_an_explanation(
    charge: Charge, payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    book.record_payment(charge=charge, at=clock.now())
    next_day(clock)

    found = days.reconcile(day=DAY, at=clock.now())
    with pytest.raises(Conflict) as refusal:
        days.correct(difference_id=found[0].pk, officer=payer, words="x", at=clock.now())
    days.explain(difference_id=found[0].pk, officer=payer, words="Bankda səhv.", at=clock.now())
    with pytest.raises(Conflict) as twice:
        days.explain(difference_id=found[0].pk, officer=payer, words="y", at=clock.now())

    assert told(found) == [("book-only", "payment", 0, 3000)]
    assert (refusal.value.code, twice.value.code) == (
        "difference.not-correctable", "difference.explained",
    )  # fmt: skip
    assert days.reconcile(day=DAY, at=clock.now()) == []
    assert Difference.objects.get().words == "Bankda səhv."


def test_a_movement_of_midnight_is_no_difference(
    charge: Charge, clock: FixedClock, bank: Bank, provider: SandboxBank
) -> None:
    midnight = days.bounds(DAY)[1]
    before = int((midnight - timedelta(seconds=5)).timestamp())
    asked = {
        "order": str(charge.id), "merchant": "pencere", "amount": 3000, "currency": "AZN",
        "description": {}, "language": "az", "return_url": "http://portal.test/",
        "callback_url": "http://portal.test/", "expires_at": before + 60,
    }  # fmt: skip
    order = bank.book.open(asked, body=b"{}", now=before)
    bank.book.settle(order.payment, outcome="paid", now=before)
    book.record_payment(charge=charge, at=midnight + timedelta(seconds=5))
    clock.advance(timedelta(days=3))

    found = [
        told(days.reconcile(day=day, at=clock.now())) for day in (DAY, DAY + timedelta(days=1))
    ]

    assert found == [[], []]


def test_a_bank_that_is_down_leaves_the_day_open(
    charge: Charge, payer: Person, clock: FixedClock, nobody_listens: SandboxBank
) -> None:
    book.record_payment(charge=charge, at=clock.now())
    next_day(clock)

    with pytest.raises(Unavailable):
        days.reconcile(day=DAY, at=clock.now())
    with pytest.raises(Conflict) as refusal:
        days.close(day=DAY, officer=payer, at=clock.now())
    reconcile(0)  # the job says so and goes on

    assert (refusal.value.code, Closing.objects.count()) == ("day.not-compared", 0)


def test_a_day_that_is_not_over_is_neither_compared_nor_closed(
    paid: Charge, payer: Person, clock: FixedClock
) -> None:
    codes = []

    for act in (
        lambda: days.reconcile(day=DAY, at=clock.now()),
        lambda: days.close(day=DAY, officer=payer, at=clock.now()),
        lambda: days.close(day=DAY + timedelta(days=1), officer=payer, at=clock.now()),
    ):
        with pytest.raises(Conflict) as refusal:
            act()
        codes.append(refusal.value.code)

    assert codes == ["day.not-over", "day.not-over", "day.not-next"]


def test_the_job_compares_every_day_that_is_over(paid: Charge, clock: FixedClock) -> None:
    clock.advance(timedelta(days=2))

    reconcile(0)

    assert days.to_compare(at=clock.now()) == [DAY, DAY + timedelta(days=1)]
    assert Difference.objects.count() == 0


def test_nothing_is_booked_into_a_closed_day(
    paid: Charge, payer: Person, clock: FixedClock
) -> None:
    yesterday = clock.now()
    next_day(clock)
    days.reconcile(day=DAY, at=clock.now())
    days.close(day=DAY, officer=payer, at=clock.now())

    with pytest.raises(IntegrityError, match="is closed"), transaction.atomic():
        book.record_refund(charge=paid, refund=UUID(int=1), amount=1, at=yesterday)
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        Closing.objects.update(totals={})

    assert Entry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_closings_at_once_one_counts(paid: Charge, payer: Person, clock: FixedClock) -> None:
    next_day(clock)
    days.reconcile(day=DAY, at=clock.now())
    start, outcomes = threading.Barrier(2), list[str]()

    def close() -> None:
        start.wait()
        try:
            days.close(day=DAY, officer=payer, at=clock.now())
            outcomes.append("closed")
        except Conflict as refusal:
            outcomes.append(refusal.code)
        connections.close_all()

    threads = [threading.Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["closed", "day.not-next"]
