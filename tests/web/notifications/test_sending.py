"""Portal and simulated post office together; what an operator and a reader see of the sending."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from starlette.applications import Starlette
from tests.ports import free_port

from pencere.cli.doctor.notices import WAITS_FOR, look
from pencere.kernel.clock import FixedClock
from pencere.kernel.text import Text
from pencere.simulators.post.app import Post, PostConfig, create_app
from pencere.simulators.post.reporting import report_of
from pencere.simulators.post.signing import sign
from pencere.web.notifications import tasks
from pencere.web.notifications.domain import inbox, sms, smtp
from pencere.web.notifications.domain.addresses import sealed
from pencere.web.notifications.models import Contact, Delivery, Message, Mobile
from pencere.web.people.models import Person

SECRET = "shared by portal and post"
ADDRESS, NUMBER = "aydan@example.az", "+994551112233"


@pytest.fixture
def post(tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """The simulated post office, by both its doors."""
    config = PostConfig(folder=tmp_path / "post", secret=SECRET, smtp_port=free_port())
    app = create_app(config, clock=clock)
    found = app.state.post
    assert isinstance(found, Post)
    found.mail.start()
    secret = settings.INSTALLATION.secrets / "sms"
    secret.write_text(SECRET, encoding="utf-8")
    monkeypatch.setenv(smtp.SERVER, f"127.0.0.1:{found.mail.port}")
    monkeypatch.setenv(smtp.TLS, "none")
    monkeypatch.setenv(smtp.SENDER, "no-reply@pencere.example")
    monkeypatch.setenv(sms.SENDER, "Pencere")
    with _door(app) as address:
        monkeypatch.setenv(sms.PROVIDER, address)
        yield found
    found.mail.stop()
    secret.unlink()


class _door:  # noqa: N801 - used as a function
    """The application on a port of this machine."""

    def __init__(self, app: Starlette) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = asyncio.run(_ask(app, self.path, dict(self.headers.items()), body))
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def _ask(app: Starlette, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://post.test") as client:
        return await client.post(path, content=body, headers=headers)


@pytest.fixture
def window(clock: FixedClock, person: Person, sign_in: Callable[..., Client]) -> Client:
    return sign_in(person)


@pytest.fixture
def reached(person: Person, clock: FixedClock) -> Person:
    """A person with both ways, awake at night."""
    for model, address in ((Contact, ADDRESS), (Mobile, NUMBER)):
        row = model(person=person, language="en", confirmed_at=clock.now(), is_quiet=False)
        row.address_sealed = sealed(address, row)
        row.save()
    return person


def tell(person: Person, at: datetime, key: str = "k") -> Message:
    words = Text("Vəsiqə", "Licence", "Удостоверение")
    return inbox.tell(person=person, key=key, kind="case", title=words, text=words, at=at)


def deliver(post: Post, clock: FixedClock) -> list[int]:
    """Bring the portal the reports that the post office owes it."""
    statuses = []
    for letter in post.box.due(now=int(clock.now().timestamp()) + 1):
        body, now = report_of(letter), int(clock.now().timestamp())
        headers = {
            sms.TIME: str(now),
            sms.SIGNATURE: sign(secret=SECRET, kind="report", timestamp=now, body=body),
        }
        path = letter.report_to.removeprefix(settings.INSTALLATION.address("portal"))
        answer = Client().post(path, body, content_type="application/json", headers=headers)
        statuses.append(answer.status_code)
    return statuses


def states() -> dict[str, str]:
    return dict(Delivery.objects.values_list("channel", "status"))


def gauges() -> dict[str, float]:
    page = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()
    found = re.findall(r'^(notices_\w+)\{channel="(\w+)"\} (\S+)$', page, re.M)
    return {f"{name} {channel}": float(figure) for name, channel, figure in found}


def test_a_notice_goes_both_ways_and_its_report_comes_back(
    post: Post, reached: Person, window: Client, clock: FixedClock
) -> None:
    message = tell(reached, clock.now())

    for _ in range(2):
        tasks.send(0)
        tasks.text(0)
    before = states()
    heard = deliver(post, clock)

    sent = {(one.kind, one.to) for one in post.box.letters()}
    assert (len(post.box.letters()), sent) == (2, {("mail", ADDRESS), ("text", NUMBER)})
    assert before == {"inbox": "delivered", "email": "sent", "sms": "sent"}
    assert (heard, states()["sms"]) == ([204], "delivered")
    assert all("Licence" not in one.text + one.subject for one in post.box.letters())
    page = window.get(f"/en/window/notices/{message.pk}/").content.decode()
    assert ("E-mail: sent" in page, "Text message: arrived" in page) == (True, True)


def test_a_worker_killed_after_the_providers_yes_sends_no_second_text(
    post: Post, reached: Person, clock: FixedClock
) -> None:
    tell(reached, clock.now())
    tasks.text(0)
    # What a killed worker leaves: the provider has it, the portal's transaction never ended.
    Delivery.objects.filter(channel="sms").update(status="created", reference="", parts=0)

    tasks.text(0)

    assert (len(post.box.letters()), states()["sms"]) == (1, "sent")


def test_a_number_that_nothing_reaches_is_said_to_its_owner(
    post: Post, person: Person, window: Client, clock: FixedClock
) -> None:
    row = Mobile(person=person, language="en", confirmed_at=clock.now(), is_quiet=False)
    row.address_sealed = sealed("+994551112200", row)
    row.save()
    tell(person, clock.now())

    tasks.text(0)
    deliver(post, clock)

    assert states()["sms"] == "failed"
    assert "could not be delivered there" in window.get("/en/window/notices/sms/").content.decode()


def test_gauges_count_what_waits_what_failed_and_what_was_paid(
    post: Post, reached: Person, clock: FixedClock
) -> None:
    nothing = gauges()
    tell(reached, clock.now(), "a")
    clock.advance(timedelta(seconds=90))
    waiting = gauges()
    tasks.text(0)
    Delivery.objects.filter(channel="email").update(status="failed", at=clock.now())
    after = gauges()

    def figures(found: dict[str, float]) -> list[float]:
        return [
            found[f"notices_{name} {channel}"]
            for channel in ("email", "sms")
            for name in ("waiting", "oldest_seconds", "failed_last_day", "parts_last_day")
        ]

    assert figures(nothing) == [0] * 8
    assert figures(waiting) == [1, 90, 0, 0, 1, 90, 0, 0]
    assert figures(after) == [0, 0, 1, 0, 0, 0, 0, 1]


def test_the_doctor_says_what_waits_for_long(
    post: Post, reached: Person, clock: FixedClock
) -> None:
    connection.ensure_connection()
    web = connection.connection
    tell(reached, clock.now())

    soon = look(web, clock.now() + WAITS_FOR)
    late = look(web, clock.now() + WAITS_FOR + timedelta(minutes=1))
    tasks.send(0)
    tasks.text(0)
    after = look(web, clock.now() + timedelta(days=1))

    assert (soon.ok, late.ok, after.ok) == (True, False, True)
    assert late.detail == "1 by email, oldest for 61 min; 1 by sms, oldest for 61 min"


def test_what_is_tried_in_vain_waits_since_it_came(
    reached: Person, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(smtp.SERVER, f"127.0.0.1:{free_port()}")
    monkeypatch.setenv(smtp.TLS, "none")
    monkeypatch.setenv(smtp.SENDER, "no-reply@pencere.example")
    Mobile.objects.all().delete()
    tell(reached, clock.now())
    connection.ensure_connection()
    for _ in range(4):
        tasks.send(0)
        clock.advance(timedelta(minutes=80))

    assert look(connection.connection, clock.now()).ok is False
    assert gauges()["notices_oldest_seconds email"] == 4 * 80 * 60
