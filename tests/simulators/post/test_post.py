"""The post office as a portal and a reader meet it."""

import asyncio
import json
import smtplib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from tests.ports import free_port

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import FixedClock
from pencere.simulators.post.app import Post, PostConfig, create_app
from pencere.simulators.post.box import KEPT, Box, Letter, new_id
from pencere.simulators.post.reporting import MOST
from pencere.simulators.post.signing import Kind, sign

SECRET = "a-secret-for-tests"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "sms.json").read_text("utf-8"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def config(tmp_path: Path) -> PostConfig:
    return PostConfig(folder=tmp_path / "post", secret=SECRET, smtp_port=free_port())


@pytest.fixture
def app(config: PostConfig, clock: FixedClock) -> Starlette:
    return create_app(config, clock=clock)


@pytest.fixture
def post(app: Starlette) -> Post:
    found = app.state.post
    assert isinstance(found, Post)
    return found


@pytest.fixture
def mail(post: Post) -> Iterator[smtplib.SMTP]:
    post.mail.start()
    with smtplib.SMTP("127.0.0.1", post.mail.port, timeout=10) as server:
        yield server
    post.mail.stop()


def call(app: Starlette, method: str, path: str, **parts: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://post.test") as client:
            return await client.request(method, path, **parts)

    return asyncio.run(go())


def a_text(**changes: Any) -> dict[str, Any]:
    return {
        "callback_url": "http://127.0.0.1:9/report",
        "reference": "r-1",
        "sender": "Pencere",
        "text": "Pəncərə: kod 123456",
        "to": "+994501234567",
        **changes,
    }


def send(
    app: Starlette, asked: object, *, secret: str = SECRET, at: datetime = START,
    kind: Kind = "message", path: str = "/messages",
) -> httpx.Response:  # fmt: skip
    body = asked if isinstance(asked, bytes) else canonical_json(asked)
    timestamp = int(at.timestamp())
    headers = {
        "Pencere-Sms-Timestamp": str(timestamp),
        "Pencere-Sms-Signature": sign(secret=secret, kind=kind, timestamp=timestamp, body=body),
    }
    return call(app, "POST", path, content=body, headers=headers)


# Texts


def test_a_text_is_taken_once_under_its_reference(app: Starlette, post: Post) -> None:
    answers = [
        send(app, a_text()).status_code,
        send(app, a_text()).status_code,
        send(app, a_text(text="another")).status_code,
        send(app, a_text(reference="r-2")).status_code,
    ]

    assert answers == [202, 200, 409, 202]
    assert [one.reference for one in post.box.letters()] == ["r-2", "r-1"]


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"secret": "another"}, 401),
        ({"at": START - timedelta(seconds=301)}, 401),
        ({"at": START + timedelta(seconds=301)}, 401),
        ({"kind": "ping"}, 401),
    ],
)
def test_who_is_not_known_is_asked_to_come_again(
    app: Starlette, post: Post, parts: dict[str, Any], status: int
) -> None:
    assert (send(app, a_text(), **parts).status_code, post.box.letters()) == (status, [])
    assert call(app, "POST", "/messages", content=b"{}").status_code == 401


@pytest.mark.parametrize(
    "asked",
    [
        b"", b"{", b"[]", b"\xff", {}, a_text(to="0501234567"), a_text(to="+994501234567\n"),
        a_text(text=""), a_text(text="x" * 1001), a_text(callback_url="file:///etc/passwd"),
        a_text(more=1), a_text(reference=1), b"x" * 20_000,
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(app: Starlette, post: Post, asked: object) -> None:
    assert (send(app, asked).status_code, post.box.letters()) == (400, [])


def test_the_end_of_a_number_says_what_becomes_of_its_texts(app: Starlette, post: Post) -> None:
    answers = [
        send(app, a_text(reference=end, to=f"+9945012345{end}")).status_code
        for end in ("67", "00", "99")
    ]

    states = {one.reference: (one.state, bool(one.report_to)) for one in post.box.letters()}
    assert answers == [202, 202, 422]
    assert states == {
        "67": ("arrived", True), "00": ("failed", True), "99": ("refused", False)
    }  # fmt: skip


def test_a_ping_says_whether_the_caller_is_known(app: Starlette) -> None:
    known = send(app, {"sender": "Pencere"}, kind="ping", path="/ping")
    unknown = send(app, {"sender": "Pencere"}, kind="ping", path="/ping", secret="x")

    assert (known.status_code, unknown.status_code) == (204, 401)


# Reports


def test_a_sender_is_told_until_it_has_heard(app: Starlette, post: Post, clock: FixedClock) -> None:
    heard: list[tuple[str, Any]] = []
    says = iter([500, 204, 204])

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            expected = sign(
                secret=SECRET, kind="report", body=body,
                timestamp=int(self.headers["Pencere-Sms-Timestamp"]),
            )  # fmt: skip
            is_signed = self.headers["Pencere-Sms-Signature"] == expected
            heard.append((str(is_signed), json.loads(body)))
            self.send_response(next(says))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/report"
    send(app, a_text(callback_url=address))

    told = []
    for _ in range(4):
        clock.advance(timedelta(seconds=5))
        told.append(post.reporter.send_due())
    server.shutdown()
    server.server_close()
    thread.join()

    said = {"at": int(START.timestamp()), "problem": "", "reference": "r-1", "status": "delivered"}
    assert (told, heard) == ([0, 1, 0, 0], [("True", said)] * 2)


def test_a_sender_that_never_hears_is_given_up(
    app: Starlette, post: Post, clock: FixedClock
) -> None:
    send(app, a_text(callback_url=f"http://127.0.0.1:{free_port()}/report"))

    for _ in range(MOST + 3):
        clock.advance(timedelta(minutes=6))
        post.reporter.send_due()

    [letter] = post.box.letters()
    assert (letter.reports, letter.report_to) == (MOST, "")


# Mail


def a_mail(to: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "no-reply@pencere.example", to, "Yeni bildiriş"
    made["Message-ID"] = "<m-1@pencere.example>"
    made.set_content("Pəncərəyə daxil olun.\n")
    return made


def test_mail_is_taken_and_shown(mail: smtplib.SMTP, post: Post, app: Starlette) -> None:
    mail.send_message(a_mail("aydan@example.az"))

    [letter] = post.box.letters()
    page = call(app, "GET", "/?lang=en")
    assert (letter.reference, letter.to, letter.subject, letter.text.strip()) == (
        "m-1@pencere.example", "aydan@example.az", "Yeni bildiriş", "Pəncərəyə daxil olun.",
    )  # fmt: skip
    assert "Pəncərəyə daxil olun." in page.text
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(("name", "code"), [("nobody", 550), ("later", 451)])
def test_an_address_may_be_refused(mail: smtplib.SMTP, post: Post, name: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        mail.send_message(a_mail(f"{name}@example.az"))

    assert [said[0] for said in refusal.value.recipients.values()] == [code]
    assert post.box.letters() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\xff\x00\xfe", b"Content-Type: text/plain; charset=nobody\n\nx",
        b"Subject: =?utf-8?b?////?=\n\n<script>alert(1)</script>",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b--",
        b"From: \xff\nMessage-ID: [\n\nx",
    ],
)  # fmt: skip
def test_mail_that_is_broken_is_kept_and_does_no_harm(
    mail: smtplib.SMTP, post: Post, app: Starlette, raw: bytes
) -> None:
    mail.sendmail("a@example.az", ["b@example.az"], raw)

    page = call(app, "GET", "/?lang=en")
    assert (len(post.box.letters()), page.status_code) == (1, 200)
    assert "<script>" not in page.text


# The box


def test_letters_outlive_the_process_and_the_oldest_go(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for n in range(KEPT + 5):
        box.put(Letter(new_id(), "text", f"r{n}", "a", "+994501234567", "", "x", n))

    again = Box(tmp_path).letters()
    assert (len(again), again[0].reference, again[-1].reference) == (KEPT, "r204", "r5")


def test_the_page_speaks_three_languages_and_says_that_there_is_nothing(app: Starlette) -> None:
    titles = [
        call(app, "GET", f"/?lang={language}").text.partition("<title>")[2].partition("</title>")[0]
        for language in ("az", "en", "ru", "xx")
    ]

    assert titles == ["Poçt simulyatoru", "Simulated post", "Имитация почты", "Poçt simulyatoru"]
    assert "Nothing has arrived yet." in call(app, "GET", "/?lang=en").text


def test_health_says_whether_the_mail_server_listens(app: Starlette, post: Post) -> None:
    before = call(app, "GET", "/healthz").status_code
    post.mail.start()
    after = call(app, "GET", "/healthz").status_code
    post.mail.stop()

    assert (before, after) == (503, 200)


def test_the_signature_is_that_of_the_specification() -> None:
    made = sign(
        secret=VECTOR["secret"], kind=VECTOR["kind"], timestamp=VECTOR["timestamp"],
        body=VECTOR["body"].encode(),
    )  # fmt: skip

    assert made == VECTOR["signature"]
