"""A bank to speak to: the simulator itself, over HTTP on this machine."""

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from pencere.kernel.clock import FixedClock
from pencere.kernel.identifiers import Fin
from pencere.simulators.bank.app import Bank, BankConfig, create_app
from pencere.web.payments import providers
from pencere.web.payments.domain import charges
from pencere.web.payments.domain.charges import Subject
from pencere.web.payments.models import Charge
from pencere.web.payments.providers.sandbox import MERCHANT, SandboxBank
from pencere.web.people.domain import accounts
from pencere.web.people.models.person import Person
from pencere.web.people.vault import Identity

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = "a-secret-for-tests"


@pytest.fixture
def clock(settings: object) -> FixedClock:
    settings.CLOCK = FixedClock(NOW)  # type: ignore[attr-defined]
    return settings.CLOCK  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def payer(db: None, clock: FixedClock) -> Person:
    return accounts.open_account(Identity(Fin("6AYDN47"), "Aydan", "Quliyeva"), at=clock.now())


@pytest.fixture
def charge(payer: Person, clock: FixedClock) -> Charge:
    return charges.request_charge(
        payer=payer,
        subject=Subject("application", "a1"),
        beneficiary="dyp",
        amount=3000,
        description={"az": "Rüsum", "en": "Duty", "ru": "Пошлина"},
        basis={},
        at=clock.now(),
    )


@pytest.fixture
def bank_app(tmp_path: Path, clock: FixedClock) -> Starlette:
    return create_app(
        BankConfig(folder=tmp_path / "bank", secret=SECRET, merchant=MERCHANT), clock=clock
    )


@pytest.fixture
def bank(bank_app: Starlette) -> Bank:
    found = bank_app.state.bank
    assert isinstance(found, Bank)
    return found


@pytest.fixture
def bank_address(bank_app: Starlette) -> Iterator[str]:
    """Serve the bank on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = asyncio.run(_ask(bank_app, self.path, dict(self.headers.items()), body))
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def provider(bank_address: str, monkeypatch: pytest.MonkeyPatch) -> SandboxBank:
    """Point the portal at this bank."""
    one = SandboxBank(address=bank_address, secret=SECRET)
    monkeypatch.setattr(providers, "provider", lambda _name: one)
    return one


@pytest.fixture
def paid(charge: Charge, provider: SandboxBank, bank: Bank, clock: FixedClock) -> Charge:
    """A charge of 3000 qəpik that the bank took and the portal heard of."""
    now = int(clock.now().timestamp())
    address = charges.start(
        charge_id=charge.id,
        language="az",
        return_url="http://portal.test/az/back",
        callback_url="http://portal.test/payments/callback/bank",
        at=clock.now(),
    )
    encoded = parse_qs(urlsplit(address).query)["request"][0]
    body = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    order = bank.book.open(json.loads(body), body=body, now=now)
    bank.book.settle(order.payment, outcome="paid", now=now)
    charges.poll(charge_id=charge.id, at=clock.now())
    charge.refresh_from_db()
    return charge


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> SandboxBank:
    """Point the portal at a port where no bank is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = SandboxBank(address=f"http://127.0.0.1:{port}", secret=SECRET)
    monkeypatch.setattr(providers, "provider", lambda _name: one)
    return one


async def _ask(app: Starlette, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.test") as client:
        return await client.post(path, content=body, headers=headers)
