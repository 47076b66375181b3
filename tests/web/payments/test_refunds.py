"""Money given back: in part, twice, too much, at once, and after a process was killed."""

import threading

import pytest
from django.db import IntegrityError, connections, transaction

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Unavailable
from pencere.simulators.bank.app import Bank
from pencere.web.payments.domain import book, charges, refunds
from pencere.web.payments.models import Charge, Entry, Refund
from pencere.web.payments.providers.protocol import Notice
from pencere.web.payments.providers.sandbox import SandboxBank


def returned(bank: Bank, charge: Charge) -> dict[str, int]:
    order = bank.book.of_merchant(merchant="pencere", order=str(charge.id))
    assert order is not None
    return order.refunds


def give(charge: Charge, clock: FixedClock, amount: int, key: str) -> Refund:
    asked = refunds.request(charge=charge, key=key, reason="case", amount=amount, at=clock.now())
    return refunds.give_back(refund_id=asked.id, at=clock.now())


def test_parts_are_given_back_until_nothing_is_left(
    paid: Charge, clock: FixedClock, bank: Bank
) -> None:
    give(paid, clock, 1000, "first")
    paid.refresh_from_db()
    between = (paid.state, refunds.left_of(paid), book.balance("fee:dyp"))
    give(paid, clock, 2000, "second")

    paid.refresh_from_db()
    assert between == ("paid", 2000, -2000)
    assert (paid.state, refunds.left_of(paid), book.balance("fee:dyp")) == ("refunded", 0, 0)
    assert sorted(returned(bank, paid).values()) == [1000, 2000]
    assert [e.event for e in paid.events.filter(event__startswith="refund")] == [
        "refund-requested", "refund-settled", "refund-requested", "refund-completed",
    ]  # fmt: skip


@pytest.mark.parametrize("amount", [0, -1, 3001])
def test_more_than_was_paid_is_never_given_back(
    paid: Charge, clock: FixedClock, amount: int
) -> None:
    with pytest.raises(Conflict) as refusal:
        give(paid, clock, amount, "k")

    assert (refusal.value.code, refusal.value.facts) == ("refund.too-much", {"left": 3000})
    assert Refund.objects.count() == 0


def test_an_unpaid_charge_gives_nothing_back(charge: Charge, clock: FixedClock) -> None:
    with pytest.raises(Conflict) as refusal:
        give(charge, clock, 1, "k")

    assert refusal.value.code == "refund.too-much"


def test_the_database_refuses_refunds_above_what_was_paid(paid: Charge, clock: FixedClock) -> None:
    give(paid, clock, 2000, "first")

    with pytest.raises(IntegrityError, match="exceed what was paid"), transaction.atomic():
        Refund.objects.create(
            charge=paid, key="second", reason="case", amount=1001, requested_at=clock.now()
        )


def test_a_process_killed_after_the_bank_gave_back_gives_back_once(
    paid: Charge, clock: FixedClock, bank: Bank, provider: SandboxBank
) -> None:
    asked = refunds.request(charge=paid, key="k", reason="case", amount=1200, at=clock.now())
    provider.refund(charge=paid.id, refund=asked.id, amount=1200, at=clock.now())  # then killed

    refunds.give_back(refund_id=asked.id, at=clock.now())

    assert returned(bank, paid) == {str(asked.id): 1200}
    assert list(Entry.objects.filter(account="fee:dyp").values_list("amount", flat=True)) == [
        -3000, 1200,
    ]  # fmt: skip


def test_a_bank_that_is_down_leaves_the_refund_asked_for(
    paid: Charge, clock: FixedClock, nobody_listens: SandboxBank
) -> None:
    asked = refunds.request(charge=paid, key="k", reason="case", at=clock.now())

    with pytest.raises(Unavailable):
        refunds.give_back(refund_id=asked.id, at=clock.now())

    asked.refresh_from_db()
    assert (asked.progress, Entry.objects.count()) == ("requested", 2)


def test_a_refund_the_bank_refuses_frees_the_money_and_is_written(
    paid: Charge, clock: FixedClock, provider: SandboxBank
) -> None:
    asked = refunds.request(charge=paid, key="k", reason="case", amount=1000, at=clock.now())
    provider.refund(charge=paid.id, refund=asked.id, amount=999, at=clock.now())

    done = refunds.give_back(refund_id=asked.id, at=clock.now())

    paid.refresh_from_db()
    last = paid.events.last()
    assert last is not None
    assert (done.progress, last.event) == ("refused", "refund-failed")
    assert (paid.state, refunds.left_of(paid)) == ("paid", 3000)


@pytest.mark.django_db(transaction=True)
def test_of_two_refunds_at_once_only_what_was_paid_goes_back(
    paid: Charge, clock: FixedClock
) -> None:
    start, outcomes = threading.Barrier(2), list[str]()

    def ask(key: str) -> None:
        start.wait()
        try:
            refunds.request(charge=paid, key=key, reason="case", amount=2000, at=clock.now())
            outcomes.append("asked")
        except Conflict as refusal:
            outcomes.append(refusal.code)
        connections.close_all()

    threads = [threading.Thread(target=ask, args=(key,)) for key in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["asked", "refund.too-much"]
    assert Refund.objects.count() == 1


def test_money_of_a_failed_charge_in_the_statement_corrects_it(
    charge: Charge, clock: FixedClock
) -> None:
    Charge.objects.filter(pk=charge.pk).update(state="started")
    Charge.objects.filter(pk=charge.pk).update(state="failed")
    notice = Notice(
        event="statement:1", charge=charge.id, outcome="paid", amount=3000, reference="p1"
    )

    verdicts = [
        charges.correct(charge_id=charge.id, notice=notice, by="officer:7", at=clock.now())
        for _ in range(2)
    ]

    charge.refresh_from_db()
    last = charge.events.last()
    assert last is not None
    assert (verdicts, charge.state, last.event) == (
        ["late", "already"],
        "paid",
        "corrected-to-bank",
    )
    assert book.balance("provider:bank") == 3000
