"""What may happen to a charge, against the real bank."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import IntegrityError, connection, transaction
from starlette.applications import Starlette

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Missing, Refused, Unavailable
from pencere.simulators.bank.app import Bank
from pencere.simulators.bank.callbacks import callback_body
from pencere.web.payments.domain import book, charges, refunds
from pencere.web.payments.domain.charges import Subject
from pencere.web.payments.models import Callback, Charge, ChargeEvent, Entry, Refund
from pencere.web.payments.providers.sandbox import SandboxBank
from pencere.web.payments.providers.signing import Secret
from pencere.web.payments.tasks import poll_silent
from pencere.web.people.models.person import Person

SUBJECT = Subject("application", "a1")
SECRET = Secret("a-secret-for-tests")


def a_charge(
    payer: Person, clock: FixedClock, amount: int = 3000, subject: Subject = SUBJECT
) -> Charge:
    return charges.request_charge(
        payer=payer,
        subject=subject,
        beneficiary="dyp",
        amount=amount,
        description={"az": "Rüsum", "en": "Duty", "ru": "Пошлина"},
        basis={},
        at=clock.now(),
    )


def started(payer: Person, clock: FixedClock, app: Starlette | None = None, **kw: Any) -> Charge:
    charge = a_charge(payer, clock, **kw)
    address = charges.start(
        charge_id=charge.id,
        language="az",
        return_url="http://portal.test/az/back",
        callback_url="http://portal.test/payments/callback/bank",
        at=clock.now(),
    )
    if app is not None:
        _browse(app, address)
    return charge


def _browse(app: Starlette, address: str) -> None:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank.test") as client:
            parts = urlsplit(address)
            return await client.get(f"{parts.path}?{parts.query}")

    assert asyncio.run(get()).status_code == 303


def chosen(bank: Bank, charge: Charge, outcome: str, clock: FixedClock) -> bytes:
    order = bank.book.of_merchant(merchant="pencere", order=str(charge.id))
    assert order is not None
    order = bank.book.settle(order.payment, outcome=outcome, now=int(clock.now().timestamp()))
    return callback_body(order)


def signed(body: bytes, clock: FixedClock, secret: Secret = SECRET) -> dict[str, str]:
    timestamp = int(clock.now().timestamp())
    return {
        "Pencere-Pay-Timestamp": str(timestamp),
        "Pencere-Pay-Signature": secret.sign("callback", timestamp=timestamp, body=body),
    }


def receive(body: bytes, clock: FixedClock, headers: dict[str, str] | None = None) -> str:
    return charges.receive_callback(
        provider="bank", headers=headers or signed(body, clock), body=body, at=clock.now()
    )


@pytest.mark.parametrize("outcome", ["paid", "failed", "cancelled"])
def test_a_callback_settles_a_charge(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette,
    outcome: str,
) -> None:  # fmt: skip
    charge = started(payer, clock, bank_app)

    verdict = receive(chosen(bank, charge, outcome, clock), clock)

    charge.refresh_from_db()
    assert (verdict, charge.state) == ("settled", outcome)
    assert [(e.was, e.became, e.source) for e in charge.events.all()] == [
        ("", "created", "person"),
        ("created", "started", "person"),
        ("started", outcome, "callback"),
    ]


def test_the_book_of_a_payment_and_its_refund_adds_up_to_nothing(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    receive(chosen(bank, charge, "paid", clock), clock)
    after_payment = (book.balance("provider:bank"), book.balance("fee:dyp"))

    charge.refresh_from_db()
    refund = refunds.request(charge=charge, key="k", reason="case", at=clock.now())
    refunds.give_back(refund_id=refund.id, at=clock.now())
    again = refunds.give_back(refund_id=refund.id, at=clock.now())

    charge.refresh_from_db()
    assert after_payment == (3000, -3000)
    assert (book.balance("provider:bank"), book.balance("fee:dyp")) == (0, 0)
    assert (charge.state, again.progress) == ("refunded", "done")
    order = bank.book.of_merchant(merchant="pencere", order=str(charge.id))
    assert order is not None
    assert order.refunds == {str(refund.id): 3000}


def test_a_callback_twice_counts_once(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)

    verdicts = [receive(body, clock), receive(body, clock)]

    assert verdicts == ["settled", "already"]
    assert (Callback.objects.count(), Entry.objects.count()) == (1, 2)


def test_a_forged_callback_changes_nothing(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)
    forged = signed(body, clock, Secret("another"))

    with pytest.raises(Refused) as refusal:
        receive(body, clock, forged)

    charge.refresh_from_db()
    assert (refusal.value.code, charge.state) == ("payment.forged", "started")
    assert Callback.objects.count() == 0


def test_a_callback_of_another_hour_is_refused(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)
    headers = signed(body, clock)
    clock.advance(timedelta(hours=1))

    with pytest.raises(Refused) as refusal:
        receive(body, clock, headers)

    assert refusal.value.code == "payment.stale"


def test_another_sum_than_asked_is_booked_and_pays_for_nothing(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    charge = started(payer, clock)
    body = canonical_json(
        {
            "amount": 1, "at": 0, "currency": "AZN", "event": "evt_1", "merchant": "pencere",
            "order": str(charge.id), "payment": "p", "state": "paid",
        }
    )  # fmt: skip

    verdict = receive(body, clock)

    charge.refresh_from_db()
    subject = Subject(charge.subject_kind, charge.subject_id)
    assert (verdict, Callback.objects.get().verdict) == ("mismatch", "mismatch")
    assert (charge.received, charges.paid_charge(subject)) == (1, None)
    assert sorted(Entry.objects.values_list("amount", flat=True)) == [-1, 1]


def test_a_callback_for_a_charge_nobody_made_is_refused(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    body = canonical_json(
        {
            "amount": 1, "at": 0, "currency": "AZN", "event": "evt_1", "merchant": "pencere",
            "order": "00000000-0000-4000-8000-000000000000", "payment": "p", "state": "paid",
        }
    )  # fmt: skip

    with pytest.raises(Missing):
        receive(body, clock)


def test_money_that_comes_late_is_believed(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)
    clock.advance(timedelta(minutes=31))
    Charge.objects.filter(pk=charge.pk).update(state="expired")

    assert receive(body, clock) == "late"
    assert charges.paid_charge(SUBJECT) == charge
    assert Refund.objects.count() == 0


def test_who_paid_twice_gets_the_second_back(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    first = started(payer, clock, bank_app)
    late = chosen(bank, first, "paid", clock)
    clock.advance(timedelta(minutes=31))
    second = started(payer, clock, bank_app)
    receive(chosen(bank, second, "paid", clock), clock)

    receive(late, clock)

    refund = Refund.objects.get()
    assert first.id != second.id
    assert (refund.charge_id, refund.reason) == (first.id, "paid-twice")


def test_the_bank_is_asked_when_no_callback_comes(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)
    clock.advance(timedelta(minutes=3))

    poll_silent(0)

    charge.refresh_from_db()
    assert charge.state == "paid"
    assert receive(body, clock) == "already"
    assert Entry.objects.count() == 2


def test_a_charge_nobody_paid_ends(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    clock.advance(timedelta(minutes=31))

    poll_silent(0)

    charge.refresh_from_db()
    assert charge.state == "expired"


def test_a_bank_that_does_not_answer_leaves_the_charge_as_it_is(
    payer: Person, clock: FixedClock, nobody_listens: SandboxBank
) -> None:
    charge = started(payer, clock)

    with pytest.raises(Unavailable):
        charges.poll(charge_id=charge.id, at=clock.now())

    charge.refresh_from_db()
    assert charge.state == "started"


def test_a_callback_that_comes_while_the_bank_is_being_asked_counts_once(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)
    verdicts: list[str] = []
    ask = provider.ask

    def asked(*args: Any, **facts: Any) -> Any:
        standing = ask(*args, **facts)
        verdicts.append(receive(body, clock))
        return standing

    monkeypatch.setattr(provider, "ask", asked)
    state = charges.poll(charge_id=charge.id, at=clock.now())

    assert (verdicts, state, Entry.objects.count()) == (["settled"], "paid", 2)


def test_money_that_comes_after_the_poll_gave_up_is_believed_once(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    clock.advance(timedelta(minutes=31))
    given_up = charges.poll(charge_id=charge.id, at=clock.now())
    body = canonical_json(
        {
            "amount": 3000, "at": 0, "currency": "AZN", "event": "evt_9", "merchant": "pencere",
            "order": str(charge.id), "payment": "p", "state": "paid",
        }
    )  # fmt: skip

    verdicts = [receive(body, clock), receive(body, clock)]

    assert (given_up, verdicts, Entry.objects.count()) == ("expired", ["late", "already"], 2)


def test_a_refund_asked_for_twice_is_one(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    receive(chosen(bank, charge, "paid", clock), clock)
    charge.refresh_from_db()

    one, two = (
        refunds.request(charge=charge, key="case-1", reason="case", at=clock.now())
        for _ in range(2)
    )

    assert (one, Refund.objects.count()) == (two, 1)


def test_a_fee_given_back_before_going_on_is_given_back_once(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    receive(chosen(bank, charge, "paid", clock), clock)
    charge.refresh_from_db()

    made = [
        refunds.give_back_now(charge=charge, key="k", reason="fee-rose", at=clock.now())
        for _ in range(2)
    ]
    anew = a_charge(payer, clock, amount=5000)

    assert [refund.progress for refund in made] == ["done", "done"]
    assert book.balance("fee:dyp") == 0
    assert anew.state == "created"


def test_asking_twice_for_the_same_fee_is_one_charge(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    assert a_charge(payer, clock) == a_charge(payer, clock)


def test_a_fee_worked_out_anew_replaces_the_open_charge(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    first = started(payer, clock)

    second = a_charge(payer, clock, amount=4000)

    first.refresh_from_db()
    assert (first.state, second.amount) == ("cancelled", 4000)


def test_what_is_paid_is_not_asked_for_again(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    receive(chosen(bank, charge, "paid", clock), clock)

    with pytest.raises(Conflict) as refusal:
        a_charge(payer, clock)

    assert refusal.value.code == "charge.already-paid"


def test_money_for_a_draft_that_was_left_goes_back(
    payer: Person, clock: FixedClock, provider: SandboxBank, bank: Bank, bank_app: Starlette
) -> None:
    charge = started(payer, clock, bank_app)
    body = chosen(bank, charge, "paid", clock)
    charges.cancel_open(subject=SUBJECT, at=clock.now())

    verdict = receive(body, clock)

    assert (verdict, Refund.objects.get().charge_id) == ("late", charge.id)


def test_the_database_refuses_a_book_that_does_not_add_up(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    charge = a_charge(payer, clock)

    with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012
        Entry.objects.create(
            movement="00000000-0000-4000-8000-000000000000",
            account="fee:dyp", amount=5, at=clock.now(), charge=charge,
        )  # fmt: skip
        connection.check_constraints()


def test_the_database_refuses_to_change_what_happened(
    payer: Person, clock: FixedClock, provider: SandboxBank
) -> None:
    a_charge(payer, clock)

    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        ChargeEvent.objects.update(became="paid")


def test_the_signature_is_the_one_of_the_specification() -> None:
    vector = json.loads(
        (Path(__file__).parents[2] / "vectors" / "payments.json").read_text("utf-8")
    )

    made = Secret(vector["secret"]).sign(
        vector["kind"], timestamp=vector["timestamp"], body=vector["body"].encode()
    )

    assert made == vector["signature"]
