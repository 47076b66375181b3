"""Refunds by officers: a reason always, two people above the limit, never by who paid."""

from typing import Any

import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.kernel.identifiers import Fin
from pencere.web.payments.domain import officers
from pencere.web.payments.models import Charge, Refund
from pencere.web.people.domain import accounts
from pencere.web.people.models.person import Person
from pencere.web.people.vault import Identity


@pytest.fixture
def two(clock: FixedClock, db: None) -> tuple[Person, Person]:
    first = accounts.open_account(Identity(Fin("5KQ2R7A"), "Nigar", "Həsənova"), at=clock.now())
    second = accounts.open_account(Identity(Fin("7ZXCVB1"), "Rauf", "Məmmədov"), at=clock.now())
    return first, second


def propose(charge: Charge, officer: Person, clock: FixedClock, **facts: Any) -> Refund:
    given = {"amount": 1000, "words": "Xidmət göstərilmədi.", "key": "form-1", **facts}
    return officers.propose(
        charge_id=charge.id, officer=officer, four_eyes_above=1500, at=clock.now(),
        **{"bodies": {"dyp"}, **given},
    )  # fmt: skip


def decide(refund: Refund, officer: Person, clock: FixedClock, *, grant: bool = True) -> Refund:
    return officers.decide(
        refund_id=refund.id, bodies={"dyp"}, officer=officer, grant=grant, at=clock.now()
    )


def test_below_the_limit_one_officer_is_enough_and_a_double_press_is_one(
    paid: Charge, two: tuple[Person, Person], clock: FixedClock
) -> None:
    found = [propose(paid, two[0], clock), propose(paid, two[0], clock)]

    assert [refund.progress for refund in found] == ["requested", "requested"]
    assert Refund.objects.count() == 1


def test_the_limit_cannot_be_cut_up(
    paid: Charge, two: tuple[Person, Person], clock: FixedClock
) -> None:
    found = [propose(paid, two[0], clock, amount=800, key=key) for key in ("a", "b")]

    assert [refund.progress for refund in found] == ["requested", "proposed"]


def test_above_the_limit_a_second_officer_decides(
    paid: Charge, two: tuple[Person, Person], clock: FixedClock
) -> None:
    refund = propose(paid, two[0], clock, amount=2000)

    with pytest.raises(Refused) as refusal:
        decide(refund, two[0], clock)
    granted = decide(refund, two[1], clock)

    assert (refusal.value.code, refund.progress) == ("refund.four-eyes", "proposed")
    assert (granted.progress, granted.decided_by) == ("requested", two[1])


def test_what_was_declined_frees_the_money_and_stays_declined(
    paid: Charge, two: tuple[Person, Person], clock: FixedClock
) -> None:
    refund = propose(paid, two[0], clock, amount=3000)
    decide(refund, two[1], clock, grant=False)

    with pytest.raises(Conflict) as refusal:
        decide(refund, two[1], clock)
    again = propose(paid, two[0], clock, amount=3000, key="form-2")

    assert (refusal.value.code, again.progress) == ("refund.decided", "proposed")


def test_who_paid_cannot_give_back_to_themselves(
    paid: Charge, payer: Person, clock: FixedClock
) -> None:
    with pytest.raises(Refused) as refusal:
        propose(paid, payer, clock)

    assert refusal.value.code == "refund.own"


def test_another_bodys_charge_is_not_there(
    paid: Charge, two: tuple[Person, Person], clock: FixedClock
) -> None:
    with pytest.raises(Missing) as refusal:
        propose(paid, two[0], clock, bodies={"other"})

    assert refusal.value.code == "charge.unknown"


@pytest.mark.parametrize("words", ["", "   ", "x" * 501], ids=["none", "blank", "long"])
def test_a_refund_needs_a_reason(
    paid: Charge, two: tuple[Person, Person], clock: FixedClock, words: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        propose(paid, two[0], clock, words=words)

    assert (refusal.value.code, Refund.objects.count()) == ("refund.words", 0)
