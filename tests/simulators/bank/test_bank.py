"""The bank as a merchant and a person meet it."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import requests
from starlette.applications import Starlette

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import FixedClock
from pencere.simulators.bank.app import Bank, BankConfig, create_app
from pencere.simulators.bank.callbacks import CallbackSender, pause_after
from pencere.simulators.bank.orders import OrderBook
from pencere.simulators.bank.signing import sign, verify

SECRET = "a-secret-for-tests"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Browser:
    """A person's or a merchant's requests, without the thread that sends callbacks."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._send("GET", path))

    def post(self, path: str, **parts: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **parts))

    async def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank.test") as client:
            return await client.request(method, path, **parts)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def config(tmp_path: Path) -> BankConfig:
    return BankConfig(folder=tmp_path / "bank", secret=SECRET, merchant="portal")


@pytest.fixture
def client(config: BankConfig, clock: FixedClock) -> Browser:
    return Browser(create_app(config, clock=clock))


def a_request(**changes: Any) -> dict[str, Any]:
    return {
        "amount": 3000,
        "callback_url": "http://127.0.0.1:9/callback",
        "currency": "AZN",
        "description": {"az": "Dövlət rüsumu", "en": "State duty", "ru": "Госпошлина"},
        "expires_at": int(START.timestamp()) + 1800,
        "issued_at": int(START.timestamp()),
        "language": "az",
        "merchant": "portal",
        "order": "chg-1",
        "return_url": "http://127.0.0.1:8000/az/odenis/chg-1",
        **changes,
    }


def link(asked: dict[str, Any], *, secret: str = SECRET) -> str:
    body = canonical_json(asked)
    signature = sign(secret=secret, kind="request", timestamp=asked["issued_at"], body=body)
    encoded = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    return "/pay?" + urlencode({"request": encoded, "signature": signature})


def signed(client: Browser, path: str, kind: Any, asked: dict[str, Any], at: datetime) -> Any:
    body, timestamp = canonical_json(asked), int(at.timestamp())
    headers = {
        "Pencere-Pay-Timestamp": str(timestamp),
        "Pencere-Pay-Signature": sign(secret=SECRET, kind=kind, timestamp=timestamp, body=body),
    }
    return client.post(path, content=body, headers=headers)


def open_order(client: Browser, **changes: Any) -> str:
    answer = client.get(link(a_request(**changes)))
    assert answer.status_code == 303
    return answer.headers["location"].partition("?")[0]


@dataclass
class Merchant:
    """What a merchant's callback address receives, and how it answers."""

    answers: list[int]
    received: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)

    def post(
        self, url: str, *, data: bytes, headers: dict[str, str], **_: Any
    ) -> requests.Response:
        status = self.answers.pop(0)
        if status == 0:
            raise requests.ConnectionError
        self.received.append(
            (
                json.loads(data),
                headers["Pencere-Pay-Timestamp"],
                headers["Pencere-Pay-Signature"],
            )
        )
        response = requests.Response()
        response.status_code = status
        return response


def test_the_signature_is_the_one_of_the_specification() -> None:
    vector = json.loads(
        (Path(__file__).parents[2] / "vectors" / "payments.json").read_text("utf-8")
    )

    made = sign(
        secret=vector["secret"],
        kind=vector["kind"],
        timestamp=vector["timestamp"],
        body=vector["body"].encode(),
    )

    assert made == vector["signature"]


def test_a_signed_request_opens_a_page_with_the_sum_and_the_purpose(client: Browser) -> None:
    page = client.get(open_order(client))

    assert page.status_code == 200
    assert "30,00 AZN" in page.text
    assert "Dövlət rüsumu" in page.text
    assert 'lang="az"' in page.text


@pytest.mark.parametrize(("language", "words"), [("en", "State duty"), ("ru", "Госпошлина")])
def test_the_page_speaks_the_language_asked_for(client: Browser, language: str, words: str) -> None:
    page = client.get(open_order(client) + f"?lang={language}")

    assert words in page.text


def test_opening_the_same_request_twice_is_one_order(client: Browser) -> None:
    assert open_order(client) == open_order(client)


@pytest.mark.parametrize(
    ("asked", "secret", "status"),
    [
        (a_request(), "another-secret", 403),
        (a_request(issued_at=int(START.timestamp()) - 301), SECRET, 403),
        (a_request(expires_at=int(START.timestamp())), SECRET, 403),
        (a_request(merchant="someone"), SECRET, 403),
        (a_request(amount=0), SECRET, 400),
        (a_request(amount="3000"), SECRET, 400),
        (a_request(currency="USD"), SECRET, 400),
        (a_request(return_url="javascript:alert(1)"), SECRET, 400),
    ],
    ids=["forged", "stale", "expired", "stranger", "nothing", "text", "currency", "script"],
)
def test_a_bad_request_opens_nothing(
    client: Browser, config: BankConfig, asked: dict[str, Any], secret: str, status: int
) -> None:
    answer = client.get(link(asked, secret=secret))

    assert answer.status_code == status
    assert "Pul tutulmayıb" in answer.text
    assert list(config.folder.glob("*.json")) == []


def test_a_changed_sum_is_refused_for_a_known_order(client: Browser) -> None:
    open_order(client)

    assert client.get(link(a_request(amount=1))).status_code == 409


@pytest.mark.parametrize("outcome", ["paid", "failed", "cancelled"])
def test_a_choice_sends_the_person_back_and_is_told_once_acknowledged(
    client: Browser, clock: FixedClock, outcome: str
) -> None:
    bank: Bank = client.app.state.bank
    merchant = Merchant([503, 0, 200])
    sender = CallbackSender(book=bank.book, secret=SECRET, clock=clock, post=merchant.post)

    back = client.post(open_order(client), data={"outcome": outcome})
    tries = [sender.send_due()]
    clock.advance(timedelta(seconds=1))
    tries.append(sender.send_due())
    tries.append(sender.send_due())  # not yet due again
    clock.advance(timedelta(seconds=2))
    tries.append(sender.send_due())
    tries.append(sender.send_due())  # acknowledged: never again

    assert back.status_code == 303
    assert back.headers["location"] == "http://127.0.0.1:8000/az/odenis/chg-1"
    assert tries == [0, 0, 0, 1, 0]
    (first, _, _), (second, timestamp, signature) = merchant.received
    assert first == second
    assert (first["order"], first["state"], first["amount"]) == ("chg-1", outcome, 3000)
    verify(
        secret=SECRET,
        kind="callback",
        timestamp=timestamp,
        signature=signature,
        body=canonical_json(second),
        now=int(clock.now().timestamp()),
    )


def test_a_second_choice_changes_nothing(client: Browser, clock: FixedClock) -> None:
    page = open_order(client)
    client.post(page, data={"outcome": "paid"})
    client.post(page, data={"outcome": "cancelled"})

    standing = signed(
        client, "/status", "status", {"merchant": "portal", "order": "chg-1"}, clock.now()
    ).json()

    assert standing["state"] == "paid"


def test_an_order_cannot_be_paid_after_its_time(client: Browser, clock: FixedClock) -> None:
    page = open_order(client)
    clock.advance(timedelta(minutes=31))

    assert client.post(page, data={"outcome": "paid"}).status_code == 403
    standing = signed(
        client, "/status", "status", {"merchant": "portal", "order": "chg-1"}, clock.now()
    ).json()
    assert standing["state"] == "expired"


def test_what_was_settled_is_told_after_the_process_was_killed(
    client: Browser, config: BankConfig, clock: FixedClock
) -> None:
    client.post(open_order(client), data={"outcome": "paid"})
    (config.folder / "half.new").write_text("{")  # a rename that never came
    merchant = Merchant([200])

    book = OrderBook(config.folder)
    sent = CallbackSender(book=book, secret=SECRET, clock=clock, post=merchant.post).send_due()

    assert sent == 1
    assert list(config.folder.glob("*.new")) == []


def test_an_unknown_order_is_said_to_be_unknown(client: Browser, clock: FixedClock) -> None:
    answer = signed(client, "/status", "status", {"merchant": "portal", "order": "no"}, clock.now())

    assert answer.json() == {"order": "no", "state": "unknown"}
    verify(
        secret=SECRET,
        kind="answer",
        timestamp=answer.headers["Pencere-Pay-Timestamp"],
        signature=answer.headers["Pencere-Pay-Signature"],
        body=answer.content,
        now=int(clock.now().timestamp()),
    )


def test_an_unsigned_question_is_not_answered(client: Browser) -> None:
    answer = client.post("/status", json={"merchant": "portal", "order": "chg-1"})

    assert (answer.status_code, answer.json()) == (403, {"error": "signature.missing"})


def test_money_is_given_back_once_for_each_refund_number(
    client: Browser, clock: FixedClock
) -> None:
    client.post(open_order(client), data={"outcome": "paid"})
    asked = {"amount": 3000, "merchant": "portal", "order": "chg-1", "refund": "r1"}

    first = signed(client, "/refunds", "refund", asked, clock.now())
    again = signed(client, "/refunds", "refund", asked, clock.now())
    more = signed(client, "/refunds", "refund", {**asked, "refund": "r2"}, clock.now())

    assert (first.json()["refunded"], again.json()["refunded"]) == (3000, 3000)
    assert (more.status_code, more.json()) == (409, {"error": "refund.too-much"})


def test_an_unpaid_order_gives_no_refund(client: Browser, clock: FixedClock) -> None:
    open_order(client)
    asked = {"amount": 3000, "merchant": "portal", "order": "chg-1", "refund": "r1"}

    answer = signed(client, "/refunds", "refund", asked, clock.now())

    assert (answer.status_code, answer.json()) == (409, {"error": "refund.not-paid"})


def test_the_pause_between_tries_grows_and_has_an_end() -> None:
    assert [pause_after(n) for n in (0, 1, 2, 5, 30)] == [1, 2, 4, 32, 300]


def test_health_and_figures_are_served(client: Browser) -> None:
    assert client.get("/healthz").json()["healthy"] is True
    assert "bank_orders_settled" in client.get("/metrics").text
