"""The accountant's desk: days, differences of two people, closing, refunds tried again."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.payments.domain import book, days
from pencere.web.payments.models import (
    Charge,
    Closing,
    Difference,
    Refund,
    Statement,
    StatementLine,
)
from pencere.web.people.models import Person

SignIn = Callable[..., Client]
DAY = date(2026, 11, 20)
ADDRESS = "/az/money/days/2026-11-20/"


@pytest.fixture
def paid(applicant: Person, clock: FixedClock) -> Charge:
    """A charge of 3000 qəpik of the traffic police, booked."""
    at = clock.now()
    charge = Charge.objects.create(
        payer=applicant, subject_kind="application", subject_id="a", beneficiary="dyp",
        amount=3000, description={"az": "R", "en": "R", "ru": "R"}, provider="bank",
        created_at=at, expires_at=at,
    )  # fmt: skip
    Charge.objects.filter(pk=charge.pk).update(state="started")
    Charge.objects.filter(pk=charge.pk).update(state="paid", settled_at=at)
    charge.refresh_from_db()
    book.record_payment(charge=charge, at=at)
    return charge


@pytest.fixture
def compared(paid: Charge, clock: FixedClock) -> Difference:
    """The day after: the bank tells 2500 for the charge, and one payment nobody knows."""
    statement = Statement.objects.create(
        provider="bank", day=DAY, compared_at=clock.now(), lines=2, sha256=b"1" * 32
    )
    for number, amount, reference in ((str(paid.id), 2500, "b1"), ("=cmd()", 70, "b2")):
        StatementLine.objects.create(
            statement=statement, movement="payment", number=number, charge_number=number,
            reference=reference, amount=amount, at=clock.now(),
        )  # fmt: skip
    found = Difference.objects.create(
        provider="bank", day=DAY, kind="amount", movement="payment", number=str(paid.id),
        charge_number=str(paid.id), bank_amount=2500, book_amount=3000, found_at=clock.now(),
    )  # fmt: skip
    clock.advance(timedelta(days=1))
    return found


@pytest.fixture
def accountant(make_officer: Any, sign_in: SignIn) -> Callable[..., Client]:
    return lambda name="Sevil", body="idda": sign_in(make_officer(name), (body, "accountant"))


def said(found: Difference, words: str = "Bankın səhvi.", how: str = "explain") -> dict[str, str]:
    return {f"words-{found.pk}": words, f"how-{found.pk}": how}


def states(client: Client) -> list[str]:
    page = client.get("/az/money/").content.decode()
    return [one for one in ("açıq<", "uyğun<", "fərq var<", "bağlanıb<") if one in page]


def test_the_day_shows_the_bank_beside_the_book(
    compared: Difference, accountant: Callable[..., Client]
) -> None:
    client = accountant()

    page = client.get(ADDRESS).content.decode()

    wanted = ("25,00 AZN", "30,00 AZN", "0,70 AZN", "provider:bank")
    assert [one for one in wanted if one not in page] == []
    assert states(client) == ["açıq<", "fərq var<"]


def test_a_day_not_compared_yet_is_not_called_different(
    paid: Charge, accountant: Callable[..., Client]
) -> None:
    page = accountant().get(ADDRESS).content.decode()

    assert ("müqayisə edilməyib" in page, "uyğun deyil" in page) == (True, False)


def test_a_large_difference_is_of_two_accountants(
    compared: Difference, accountant: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared.bank_amount = 1
    compared.save()
    first, second = accountant("Sevil"), accountant("Elmar")
    first.post(f"/az/money/differences/{compared.pk}/", said(compared))
    answer = f"/az/money/differences/{compared.pk}/answer/"

    first.post(answer, {"answer": "confirm"})
    alone = Difference.objects.get(pk=compared.pk).explained_at
    twice = first.post(f"/az/money/differences/{compared.pk}/", said(compared, "Başqa söz"))
    second.post(answer, {"answer": "confirm"})
    second.post(answer, {"answer": "confirm"})

    found = Difference.objects.get(pk=compared.pk)
    assert (alone, twice.status_code) == (None, 302)
    assert (found.words, found.how) == ("Bankın səhvi.", "explain")
    assert found.explained_by != found.proposed_by
    with pytest.raises(IntegrityError), transaction.atomic():
        Difference.objects.filter(pk=found.pk).update(explained_by=found.proposed_by)


def test_what_a_colleague_sends_back_waits_anew(
    compared: Difference, accountant: Callable[..., Client]
) -> None:
    compared.bank_amount = 1
    compared.save()
    first, second = accountant("Sevil"), accountant("Elmar")
    first.post(f"/az/money/differences/{compared.pk}/", said(compared))

    second.post(f"/az/money/differences/{compared.pk}/answer/", {"answer": "decline"})

    found = Difference.objects.get(pk=compared.pk)
    assert (found.proposed_by, found.explained_at, found.proposed_words) == (None, None, "")


def test_a_small_difference_one_explains_and_then_the_day_closes_once(
    compared: Difference, accountant: Callable[..., Client]
) -> None:
    client = accountant()
    early = client.post(f"{ADDRESS}close/")
    client.post(f"/az/money/differences/{compared.pk}/", said(compared))

    between = Closing.objects.count()
    client.post(f"{ADDRESS}close/")
    client.post(f"{ADDRESS}close/")

    assert (early.status_code, between) == (302, 0)
    assert [closing.day for closing in Closing.objects.all()] == [DAY]
    assert states(client) == ["açıq<", "bağlanıb<"]
    assert days.next_open() == DAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("words", "how"), [("", "explain"), (" \x00\n", "explain"), ("ə" * 501, "explain"), ("x", "")]
)
def test_no_reason_is_asked_for_again_and_nothing_typed_is_lost(
    compared: Difference, accountant: Callable[..., Client], words: str, how: str
) -> None:
    answer = accountant().post(f"/az/money/differences/{compared.pk}/", said(compared, words, how))

    assert (answer.status_code, words.strip(" \x00\n") in answer.content.decode()) == (422, True)
    assert Difference.objects.get(pk=compared.pk).explained_at is None


def test_the_book_does_not_follow_a_bank_that_tells_another_sum(
    compared: Difference, accountant: Callable[..., Client]
) -> None:
    accountant().post(f"/az/money/differences/{compared.pk}/", said(compared, how="correct"))

    assert Difference.objects.get(pk=compared.pk).explained_at is None


def test_the_day_is_downloaded_and_no_cell_is_a_formula(
    compared: Difference, accountant: Callable[..., Client], paid: Charge
) -> None:
    answer = accountant().get(f"{ADDRESS}csv/")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    found = [(row["number"], row["bank"], row["book"], row["matched"]) for row in rows]
    assert sorted(found) == [("'=cmd()", "70", "", "no"), (str(paid.id), "2500", "3000", "no")]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"


def test_an_accountant_of_another_body_sees_only_its_money_and_closes_nothing(
    compared: Difference, accountant: Callable[..., Client], paid: Charge
) -> None:
    own, other = accountant("Sevil", "dyp"), accountant("Elmar", "bpqmi")

    mine = own.get(f"{ADDRESS}csv/").content.decode()
    theirs = other.get(f"{ADDRESS}csv/").content.decode()
    acts = [
        own.post(f"{ADDRESS}close/").status_code,
        own.post(f"{ADDRESS}compare/").status_code,
        own.post(f"/az/money/differences/{compared.pk}/", said(compared)).status_code,
    ]

    assert (str(paid.id) in mine, "cmd" in mine, str(paid.id) in theirs) == (True, False, False)
    assert "30,00" not in other.get(ADDRESS).content.decode()
    assert acts == [403, 403, 403]


def test_who_decides_cases_keeps_no_money_whoever_gave_them_both(
    make_officer: Any, sign_in: SignIn, db: None
) -> None:
    both = sign_in(make_officer(), ("dyp", "officer"), ("idda", "accountant"))
    decider = sign_in(make_officer("Nigar"), ("dyp", "unit-head"))
    only = sign_in(make_officer("Sevil"), ("idda", "accountant"))

    assert [one.get("/az/money/").status_code for one in (both, decider)] == [403, 403]
    assert (only.get("/az/")["Location"], only.get("/az/team/").status_code) == ("/az/money/", 403)


@pytest.mark.parametrize(
    "day",
    ["2026-13-01", "20261120", "2026-W47-5", "0", "today", "9999-99-99", "2026-11-2",
     "0001-01-01", "9999-12-31"],
)  # fmt: skip
def test_a_day_that_is_none_is_not_there(
    accountant: Callable[..., Client], day: str, db: None
) -> None:
    assert accountant().get(f"/az/money/days/{day}/").status_code == 404


@pytest.mark.parametrize("number", [0, 10**30])
def test_a_difference_that_is_none_is_not_there(
    accountant: Callable[..., Client], number: int, db: None
) -> None:
    assert accountant().post(f"/az/money/differences/{number}/", {}).status_code == 404


@pytest.mark.parametrize("progress", ["refused", "requested", "done", "proposed"])
def test_a_refund_that_failed_or_waits_is_tried_again_once(
    paid: Charge, clock: FixedClock, accountant: Callable[..., Client], progress: str
) -> None:
    refund = Refund.objects.create(
        charge=paid, key="k", reason="case", amount=100, progress=progress,
        requested_at=clock.now() - timedelta(hours=1),
    )  # fmt: skip
    client = accountant("Sevil", "dyp")
    shown = f"refunds/{refund.id}/retry" in client.get("/az/money/").content.decode()

    client.post(f"/az/money/refunds/{refund.id}/retry/")

    refund.refresh_from_db()
    expected = {"refused": "requested"}.get(progress, progress)
    asked = paid.events.filter(event="refund-requested").count()
    waits = progress in {"refused", "requested"}
    assert (refund.progress, shown, asked) == (expected, waits, int(waits))


def test_a_refund_is_not_tried_again_when_the_money_went_otherwise(
    paid: Charge, clock: FixedClock, accountant: Callable[..., Client]
) -> None:
    facts = {"charge": paid, "reason": "case", "requested_at": clock.now()}
    refused = Refund.objects.create(key="a", amount=2000, progress="refused", **facts)
    Refund.objects.create(key="b", amount=2000, progress="done", **facts)

    accountant().post(f"/az/money/refunds/{refused.id}/retry/")

    refused.refresh_from_db()
    assert refused.progress == "refused"


def test_another_bodys_refund_and_ones_own_are_not_tried_again(
    paid: Charge, clock: FixedClock, accountant: Callable[..., Client], applicant: Person,
    sign_in: SignIn,
) -> None:  # fmt: skip
    refund = Refund.objects.create(
        charge=paid, key="k", reason="case", amount=100, progress="refused",
        requested_at=clock.now(),
    )  # fmt: skip
    address = f"/az/money/refunds/{refund.id}/retry/"

    other = accountant("Elmar", "bpqmi").post(address).status_code
    own = sign_in(applicant, ("dyp", "accountant")).post(address).status_code

    refund.refresh_from_db()
    assert (other, own, refund.progress) == (404, 403, "refused")
