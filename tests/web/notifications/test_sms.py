"""Text messages: letters and parts, a provider over HTTP, its reports."""

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import LANGUAGES, Text
from pencere.web.notifications import tasks
from pencere.web.notifications.domain import inbox, outgoing, sms
from pencere.web.notifications.domain.addresses import sealed
from pencere.web.notifications.domain.carriers import carrier_of
from pencere.web.notifications.domain.channels import SMS
from pencere.web.notifications.domain.sms_text import in_latin, parts_of
from pencere.web.notifications.models import Delivery, Mobile
from pencere.web.people.models import Person
from pencere.web.texts import texts

PAGE, REPORT = "/en/window/notices/sms/", "/notices/sms/report"
NUMBER, SECRET = "+994551112233", "a secret of the provider"
VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "sms.json").read_text("utf-8"))


@dataclass
class Post:
    """What a provider was asked; `says` is its answer."""

    asked: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    says: int = 202

    def code(self) -> str:
        return next(word for word in self.asked[-1]["text"].split() if word.strip(",").isdigit())[
            :6
        ]


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    seen = Post()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time, kind = int(self.headers[sms.TIME]), self.path.strip("/").removesuffix("s")
            expected = sms.sign(SECRET, kind, timestamp=time, body=body)  # type: ignore[arg-type]
            is_ours = expected == self.headers[sms.SIGNATURE]
            if is_ours:
                seen.asked.append(json.loads(body))
                seen.paths.append(self.path)
            self.send_response(seen.says if is_ours else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(sms.PROVIDER, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv(sms.SENDER, "Pencere")
    (settings.INSTALLATION.secrets / "sms").write_text(SECRET, encoding="utf-8")
    yield seen
    (settings.INSTALLATION.secrets / "sms").unlink()
    server.shutdown()
    server.server_close()


@pytest.fixture
def window(clock: FixedClock, person: Person, sign_in: Callable[..., Client]) -> Client:
    return sign_in(person)


@pytest.fixture
def reached(post: Post, window: Client, person: Person) -> Mobile:
    """A person whose number is confirmed; the messages of that are forgotten."""
    window.post(PAGE, {"do": "ask", "address": "055 111 22 33"})
    window.post(PAGE, {"do": "confirm", "code": post.code()})
    window.post(PAGE, {"do": "wish", "wishes": ["cases", "events"]})
    Delivery.objects.filter(channel="sms").delete()
    post.asked.clear()
    return Mobile.objects.get(person=person)


def tell(person: Person, at: datetime, *, kind: str = "case", key: str = "k") -> None:
    words = Text("Vəsiqə", "Licence", "Удостоверение")
    inbox.tell(person=person, key=key, kind=kind, title=words, text=words, at=at)


def rows() -> list[tuple[str, str, int]]:
    found = Delivery.objects.filter(channel="sms").order_by("id")
    return list(found.values_list("status", "problem", "parts"))


def report(
    clock: FixedClock, body: object, *, secret: str = SECRET, late: timedelta = timedelta(0)
) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    time = int((clock.now() - late).timestamp())
    headers = {
        sms.TIME: str(time),
        sms.SIGNATURE: sms.sign(secret, "report", timestamp=time, body=raw),
    }
    return (
        Client()
        .post(REPORT, data=raw, content_type="application/json", headers=headers)
        .status_code
    )


# Letters and parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3),
        ("€" * 80, 1), ("€" * 81, 2), ("a" * 152 + "€" * 5, 2), ("Ö" * 160, 1),
        ("ə" * 70, 1), ("ə" * 71, 2), ("ə" * 134, 2), ("ə" * 135, 3), ("a" * 160 + "ş", 3),
        ("Ж" * 70, 1), ("😀" * 35, 1), ("😀" * 36, 2), ("😀" * 67, 3), ("ç" * 71, 2),
    ],
)  # fmt: skip
def test_a_text_costs_as_many_parts_as_its_letters_take(text: str, parts: int) -> None:
    assert parts_of(text) == parts


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_more_letters_never_cost_less(text: str) -> None:
    assert parts_of(text) <= parts_of(text + "ə") <= parts_of(text + "ə" * 200)


def test_latin_letters_cost_less() -> None:
    text = "Şəxsi məlumatlarınız çağırılıb «Щит и ёж»"

    assert in_latin(text) == 'Sexsi melumatlariniz cagirilib "Shchit i yozh"'
    assert (parts_of(text * 3), parts_of(in_latin(text * 3))) == (2, 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_sent_is_one_part(language: str) -> None:
    said = texts()
    notice = said.say("sms.text", language, n=12, portal="https://pencere.az")
    code = said.say("sms.code_text", language, code="123456")

    assert (parts_of(notice), parts_of(code)) == (1, 1)


# The number


def test_a_number_counts_once_its_code_was_typed(
    post: Post, window: Client, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    asked = window.post(PAGE, {"do": "ask", "address": "(055) 111-22-33"})
    before = Mobile.objects.get(person=person).confirmed_at
    done = window.post(PAGE, {"do": "confirm", "code": post.code()})

    row = Mobile.objects.get(person=person)
    assert (asked.status_code, done.status_code, before) == (302, 302, None)
    assert (post.asked[0]["to"], post.asked[0]["sender"]) == (NUMBER, "Pencere")
    assert row.confirmed_at is not None
    assert b"1112233" not in bytes(row.address_sealed or b"")
    assert NUMBER in window.get(PAGE).content.decode()
    assert "1112233" not in caplog.text
    assert [asked.headers["location"], done.headers["location"]] == [PAGE, PAGE]


@pytest.mark.parametrize(
    "typed", ["", "12", "012 345 67 89", "+44 7700 900123", "055 111 22 33\r\nx", "0" * 300]
)
def test_what_is_no_mobile_number_is_said(post: Post, window: Client, typed: str) -> None:
    answer = window.post(PAGE, {"do": "ask", "address": typed})

    assert (answer.status_code, post.asked, Mobile.objects.count()) == (422, [], 0)


def test_nobody_is_flooded(
    post: Post, window: Client, make_person: Callable[..., Person], sign_in: Callable[..., Client]
) -> None:
    other = sign_in(make_person("4LEYL82"))
    ask = {"do": "ask", "address": NUMBER}

    answers = [one.post(PAGE, ask).status_code for one in (window, other) for _ in range(4)]

    assert (answers.count(302), len(post.asked)) == (5, 5)


def test_a_code_that_could_not_be_sent_leaves_nothing(post: Post, window: Client) -> None:
    answers = []
    for post.says in (500, 429, 401, 302, 400):
        answers.append(window.post(PAGE, {"do": "ask", "address": NUMBER}).status_code)

    assert (answers, Mobile.objects.count()) == ([503, 503, 503, 503, 422], 0)


# What is sent


def test_one_text_says_that_something_waits_and_not_what(
    reached: Mobile, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now(), key="a")
    tell(person, clock.now(), key="b")

    tasks.text(0)
    tasks.text(0)

    [asked] = post.asked
    assert asked["text"].startswith("Pencere: new notices: 2.")
    assert ("Licence" in asked["text"], person.fin in json.dumps(asked)) == (False, False)
    assert sorted(rows()) == [("sent", "", 0), ("sent", "", 1)]


def test_what_the_provider_refuses_is_said_on_the_page(
    reached: Mobile, post: Post, person: Person, window: Client, clock: FixedClock
) -> None:
    tell(person, clock.now())
    post.says = 400

    tasks.text(0)
    tasks.text(0)

    assert (rows(), len(post.asked)) == ([("failed", "sms.refused", 0)], 1)
    assert "could not be delivered there" in window.get(PAGE).content.decode()


def test_a_provider_that_is_away_gets_the_same_reference_again(
    reached: Mobile, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())
    post.says = 503
    tasks.text(0)
    post.says = 202
    clock.advance(timedelta(minutes=10))

    tasks.text(0)

    assert len({asked["reference"] for asked in post.asked}) == 1
    assert (len(post.asked), rows()) == (2, [("sent", "", 1)])


def test_no_more_people_than_the_channel_carries_are_written_to_in_a_run(
    post: Post, make_person: Callable[..., Person], clock: FixedClock, reached: Mobile
) -> None:
    for n in range(3):
        person = make_person(f"{n}LEYL82")
        row = Mobile(person=person, language="en", confirmed_at=clock.now(), is_quiet=False)
        row.address_sealed = sealed(NUMBER, row)
        row.save()
        tell(person, clock.now(), key=f"k{n}")
    few = dataclasses.replace(SMS, people=2)
    carrier = carrier_of(SMS)
    assert carrier is not None

    sent = [outgoing.send_due(few, carrier, at=clock.now()) for _ in range(3)]

    assert sent == [2, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_it_once(
    reached: Mobile, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())
    carrier, at, gate = carrier_of(SMS), clock.now(), threading.Barrier(2)
    assert carrier is not None

    def work() -> None:
        gate.wait()
        outgoing.send_due(SMS, carrier, at=at)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert (len(post.asked), rows()) == (1, [("sent", "", 1)])


# Reports


@pytest.fixture
def sent(reached: Mobile, post: Post, person: Person, clock: FixedClock) -> str:
    """Two notices that went as one message; its reference."""
    tell(person, clock.now(), key="a")
    tell(person, clock.now(), key="b")
    tasks.text(0)
    return post.asked[-1]["reference"]


def test_a_report_says_that_it_arrived_and_later_ones_change_nothing(
    sent: str, clock: FixedClock
) -> None:
    answers = [
        report(clock, {"reference": sent, "status": status})
        for status in ("delivered", "delivered", "failed")
    ]

    assert answers == [204, 204, 204]
    assert sorted(rows()) == [("delivered", "", 0), ("delivered", "", 1)]


def test_a_report_of_failure_is_said_on_the_page(
    sent: str, window: Client, clock: FixedClock
) -> None:
    answer = report(clock, {"reference": sent, "status": "failed", "problem": "absent"})

    assert answer == 204
    assert {row[:2] for row in rows()} == {("failed", "absent")}
    assert "could not be delivered there" in window.get(PAGE).content.decode()


def test_what_was_reported_before_its_worker_said_so_is_not_sent_again(
    reached: Mobile, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())
    waiting = outgoing.reference_of(Delivery.objects.get(channel="sms"))

    answer = report(clock, {"reference": waiting, "status": "delivered"})
    tasks.text(0)

    assert (answer, rows(), post.asked) == (204, [("delivered", "", 0)], [])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"[]", 400), (b"\xff", 400), ({"reference": 1, "status": "delivered"}, 400),
        ({"reference": "x", "status": "sent"}, 400), ({"reference": "x", "status": []}, 400),
        ({"reference": "x", "status": "failed", "problem": "a b\nc"}, 400),
        ({"reference": "x", "status": "failed", "problem": {"a": 1}}, 400),
        ({"reference": "'; drop table", "status": "delivered"}, 404),
        ({"reference": "0" * 32 + ".999999999999999999", "status": "delivered"}, 404),
        ({"reference": "0" * 32 + ".1", "status": "delivered"}, 404),
        (b"x" * 5000, 403),
    ],
)  # fmt: skip
def test_a_report_that_says_nothing_changes_nothing(
    sent: str, clock: FixedClock, body: object, status: int
) -> None:
    before = rows()

    assert (report(clock, body), rows()) == (status, before)


def test_who_does_not_know_the_secret_or_comes_too_late_is_refused(
    sent: str, clock: FixedClock
) -> None:
    body, before = {"reference": sent, "status": "failed"}, rows()

    answers = [
        report(clock, body, secret="another"),
        report(clock, body, late=timedelta(minutes=6)),
        report(clock, body, late=-timedelta(minutes=6)),
        Client().post(REPORT, data=b"{}", content_type="application/json").status_code,
        Client().get(REPORT).status_code,
    ]

    assert (answers, rows()) == ([403, 403, 403, 403, 405], before)


def test_without_a_provider_there_is_nobody_to_report(db: None, clock: FixedClock) -> None:
    assert report(clock, {"reference": "x", "status": "failed"}) == 404


def test_the_signature_is_that_of_the_specification() -> None:
    found = sms.sign(
        VECTOR["secret"], VECTOR["kind"], timestamp=VECTOR["timestamp"],
        body=VECTOR["body"].encode(),
    )  # fmt: skip

    assert found == VECTOR["signature"]


# Settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (sms.PROVIDER, "http://sms.example.az"), (sms.PROVIDER, "sms.example.az"),
        (sms.PROVIDER, "https://user@sms.example.az"), (sms.PROVIDER, "https://[x"),
        (sms.SENDER, ""), (sms.SENDER, "Pəncərə"), (sms.SENDER, "x" * 12),
        (sms.LETTERS, "cyrillic"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_refused(
    post: Post, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(Misconfigured):
        carrier_of(SMS)


def test_a_provider_without_a_secret_is_refused(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Misconfigured):
        sms.provider(tmp_path, callback="http://127.0.0.1/x")


def test_the_database_has_no_number_in_clear(sent: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(t)::text from notifications_delivery t")
        found = " ".join(row[0] for row in cursor.fetchall())

    assert "1112233" not in found
