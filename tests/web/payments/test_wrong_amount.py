"""Another sum than was asked: what is too much goes back, what is too little all goes back."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from pencere.kernel.clock import FixedClock
from pencere.web.payments.domain import book, charges, refunds
from pencere.web.payments.domain.charges import Subject
from pencere.web.payments.domain.policy import policy
from pencere.web.payments.models import Charge, Refund
from pencere.web.payments.providers.protocol import Notice
from pencere.web.people.models.person import Person

SUBJECT = Subject("application", "a1")


@pytest.fixture
def started(charge: Charge, clock: FixedClock) -> Charge:
    charges.start(charge_id=charge.id, language="az", return_url="http://p.test/",
                  callback_url="http://p.test/c", at=clock.now())  # fmt: skip
    charge.refresh_from_db()
    return charge


@pytest.fixture(autouse=True)
def _bank(provider: Any) -> None:
    """Starting a charge needs a bank."""


def heard(charge: Charge, amount: int, clock: FixedClock) -> str:
    notice = Notice(event=str(uuid4()), charge=charge.id, outcome="paid", amount=amount,
                    reference="b1")  # fmt: skip
    return charges.correct(charge_id=charge.id, notice=notice, by="test", at=clock.now())


def given_back(charge: Charge) -> list[tuple[str, int]]:
    return list(Refund.objects.filter(charge=charge).values_list("reason", "amount"))


@pytest.mark.parametrize(
    ("amount", "back", "counts"),
    [
        (2999, [("wrong-amount", 2999)], False),
        (3000, [], True),
        (3001, [("excess", 1)], True),
        (9000, [("excess", 6000)], True),
        (1, [("wrong-amount", 1)], False),
    ],
)
def test_the_sum_that_came_is_booked_and_what_differs_goes_back(
    started: Charge, clock: FixedClock, amount: int, back: list[Any], counts: bool
) -> None:
    verdict = heard(started, amount, clock)

    started.refresh_from_db()
    assert (started.state, verdict == "mismatch") == ("paid", amount != 3000)
    assert (book.balance("provider:bank"), book.balance("fee:dyp")) == (amount, -amount)
    assert given_back(started) == back
    assert (charges.paid_charge(SUBJECT) is not None) == counts
    assert charges.goes_back(SUBJECT) == (not counts)


def test_where_the_country_says_so_all_of_too_much_goes_back(
    started: Charge, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = replace(policy(), too_much="return-all")
    monkeypatch.setattr(charges, "policy", lambda: strict)

    heard(started, 3500, clock)

    assert given_back(started) == [("wrong-amount", 3500)]
    assert charges.paid_charge(SUBJECT) is None


def test_the_person_pays_anew_while_the_wrong_sum_goes_back(
    started: Charge, payer: Person, clock: FixedClock
) -> None:
    heard(started, 10, clock)

    anew = charges.request_charge(
        payer=payer, subject=SUBJECT, beneficiary="dyp", amount=3000,
        description={"az": "R", "en": "R", "ru": "R"}, basis={}, at=clock.now(),
    )  # fmt: skip
    charges.start(charge_id=anew.id, language="az", return_url="http://p.test/",
                  callback_url="http://p.test/c", at=clock.now())  # fmt: skip
    heard(anew, 3000, clock)

    assert anew.pk != started.pk
    assert charges.paid_charge(SUBJECT) == charges.current_charge(SUBJECT) == anew
    assert given_back(anew) == []


@pytest.mark.parametrize("amount", [0, -5])
def test_a_payment_of_nothing_is_only_noted(
    started: Charge, clock: FixedClock, amount: int
) -> None:
    verdict = heard(started, amount, clock)

    started.refresh_from_db()
    assert (verdict, started.state, book.balance("provider:bank")) == ("mismatch", "started", 0)


def test_the_same_word_twice_gives_back_once(started: Charge, clock: FixedClock) -> None:
    verdicts = [heard(started, 3500, clock), heard(started, 3500, clock)]

    assert verdicts == ["mismatch", "already"]
    assert given_back(started) == [("excess", 500)]


def test_no_more_goes_back_than_came_though_more_was_asked(
    started: Charge, clock: FixedClock
) -> None:
    heard(started, 100, clock)

    assert refunds.left_of(Charge.objects.get(pk=started.pk)) == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.create(
            charge=started, key="x", reason="officer", amount=1, requested_at=clock.now()
        )
