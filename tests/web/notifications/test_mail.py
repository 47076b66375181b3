"""Mail through a real server: confirmed addresses, wishes, nights, servers that are away."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from django.conf import settings
from django.test import Client
from tests.ports import free_port

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import Text
from pencere.web.notifications import tasks
from pencere.web.notifications.domain import contacts, inbox, outgoing, smtp
from pencere.web.notifications.models import Contact, Delivery
from pencere.web.people.models import Person

PAGE = "/en/window/notices/mail/"
ADDRESS = "aydan@example.az"


@dataclass
class Post:
    """What a server took; `says` instead of 250 to who it is for."""

    taken: list[Mail] = field(default_factory=list)
    says: str = ""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.says:
            return self.says
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content))
        return "250 OK"

    def texts(self) -> list[str]:
        return [one.get_payload(decode=True).decode() for one in self.taken]  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """A clock that stands at noon in Baku: at night mail waits for the morning."""
    fixed = FixedClock(datetime(2026, 11, 20, 8, tzinfo=UTC))
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    handler, port = Post(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv(smtp.SERVER, f"127.0.0.1:{port}")
    monkeypatch.setenv(smtp.TLS, "none")
    monkeypatch.setenv(smtp.SENDER, "no-reply@example.az")
    yield handler
    controller.stop()


@pytest.fixture
def window(clock: FixedClock, person: Person, sign_in: Callable[..., Client]) -> Client:
    return sign_in(person)


def code_in(post: Post) -> str:
    found = re.search(r"\b([0-9]{6})\b", post.texts()[-1])
    assert found is not None
    return found[1]


@pytest.fixture
def reached(post: Post, window: Client, person: Person) -> Contact:
    """A person whose address is confirmed; the mails of that are forgotten."""
    window.post(PAGE, {"do": "ask", "address": ADDRESS})
    window.post(PAGE, {"do": "confirm", "code": code_in(post)})
    Delivery.objects.filter(channel="email").delete()
    post.taken.clear()
    return Contact.objects.get(person=person)


def tell(person: Person, at: datetime, *, kind: str = "case", key: str = "k") -> None:
    words = Text("Vəsiqə", "Licence", "Удостоверение")
    inbox.tell(person=person, key=key, kind=kind, title=words, text=words, at=at)


def statuses() -> list[tuple[str, int]]:
    found = Delivery.objects.filter(channel="email").order_by("id")
    return list(found.values_list("status", "attempts"))


# The address


def test_an_address_counts_once_its_code_was_typed(
    post: Post, window: Client, person: Person
) -> None:
    asked = window.post(PAGE, {"do": "ask", "address": " Aydan@Example.AZ "})
    before = Contact.objects.get(person=person)
    page = window.get(PAGE).content.decode()
    done = window.post(PAGE, {"do": "confirm", "code": code_in(post)})

    contact = Contact.objects.get(person=person)
    assert (asked.status_code, done.status_code) == (302, 302)
    assert (before.confirmed_at, before.address_sealed) == (None, None)
    assert "Aydan@example.az" in page
    assert post.taken[0]["To"] == "Aydan@example.az"
    assert contact.confirmed_at is not None
    assert b"ydan" not in bytes(contact.address_sealed or b"")
    assert "Aydan@example.az" in window.get(PAGE).content.decode()
    assert inbox.messages_of(person).get().kind == "security"


def test_a_wrong_code_an_old_one_and_one_tried_too_often_do_not_count(
    post: Post, window: Client, person: Person, clock: FixedClock
) -> None:
    def confirm(code: str) -> int:
        return window.post(PAGE, {"do": "confirm", "code": code}).status_code

    window.post(PAGE, {"do": "ask", "address": ADDRESS})
    right = code_in(post)
    wrong = "000000" if right != "000000" else "111111"

    often = [confirm(wrong) for _ in range(contacts.TRIES)]
    too_late_for_right = confirm(right)
    window.post(PAGE, {"do": "ask", "address": ADDRESS})
    clock.advance(timedelta(minutes=11))
    old = confirm(code_in(post))

    assert (set(often), too_late_for_right, old) == ({422}, 422, 422)
    assert Contact.objects.get(person=person).confirmed_at is None


def test_nobody_is_flooded_and_what_is_no_address_is_said(post: Post, window: Client) -> None:
    hostile = [
        window.post(PAGE, {"do": "ask", "address": one}).status_code
        for one in ("", "nobody", "a@b", "a@example.az\r\nBcc: x@example.az", "x" * 300 + "@b.az")
    ]
    asked = [window.post(PAGE, {"do": "ask", "address": ADDRESS}).status_code for _ in range(7)]

    assert (set(hostile), asked.count(302), len(post.taken)) == ({422}, 5, 5)


def test_another_address_is_pending_and_the_first_counts_on(
    reached: Contact, post: Post, window: Client, person: Person, clock: FixedClock
) -> None:
    window.post(PAGE, {"do": "ask", "address": "other@example.az"})
    tell(person, clock.now())
    tasks.send(0)

    assert [mail["To"] for mail in post.taken] == ["other@example.az", ADDRESS]


def test_without_a_server_the_page_says_so_and_sends_nothing(
    window: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(smtp.SERVER, raising=False)

    page = window.get(PAGE).content.decode()
    answer = window.post(PAGE, {"do": "ask", "address": ADDRESS})

    assert "No mail is sent at present" in page
    assert (answer.status_code, Contact.objects.count()) == (503, 0)


def test_what_is_removed_is_not_written_to(
    reached: Contact, post: Post, window: Client, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())

    window.post(PAGE, {"do": "remove"})
    tasks.send(0)

    assert (Contact.objects.count(), post.taken, statuses()) == (0, [], [("failed", 0)])


# What is sent


def test_a_mail_says_that_something_waits_and_not_what(
    reached: Contact, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now(), key="a")
    tell(person, clock.now(), key="b")

    tasks.send(0)
    tasks.send(0)

    [text] = post.texts()
    assert "have not read: 2" in text
    assert "Licence" not in text
    assert person.fin not in post.taken[0].as_string()
    assert post.taken[0]["Auto-Submitted"] == "auto-generated"
    assert statuses() == [("sent", 0), ("sent", 0)]


def test_what_was_read_already_is_not_written_about(
    reached: Contact, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())
    message = inbox.messages_of(person).order_by("-sent_at", "kind").get(kind="case")
    inbox.read(person=person, message_id=message.pk, at=clock.now())

    tasks.send(0)

    assert (post.taken, statuses()) == ([], [("delivered", 0)])


@pytest.mark.parametrize(
    ("wishes", "kind", "at", "due"),
    [
        (["cases", "quiet"], "case", "2026-11-20T12:00", "2026-11-20T12:00"),
        (["cases", "quiet"], "case", "2026-11-20T19:00", "2026-11-21T04:00"),  # 23:00 in Baku
        (["cases", "quiet"], "case", "2026-11-20T02:00", "2026-11-20T04:00"),  # 06:00 in Baku
        (["cases"], "case", "2026-11-20T19:00", "2026-11-20T19:00"),
        (["quiet"], "case", "2026-11-20T12:00", None),
        (["cases"], "event", "2026-11-20T12:00", None),
        (["quiet"], "security", "2026-11-20T19:00", "2026-11-20T19:00"),
        (["quiet", "once_a_day"], "certificate", "2026-11-20T12:00", "2026-11-20T12:00"),
        (["cases", "once_a_day"], "case", "2026-11-20T12:00", "2026-11-21T04:00"),
        ([], "task", "2026-11-20T12:00", "2026-11-20T12:00"),
    ],
)
def test_when_follows_from_wishes_and_the_hour(
    reached: Contact, window: Client, person: Person, wishes: list[str], kind: str, at: str,
    due: str | None,
) -> None:  # fmt: skip
    window.post(PAGE, {"do": "wish", "wishes": wishes})

    tell(person, datetime.fromisoformat(at).replace(tzinfo=UTC), kind=kind)

    found = Delivery.objects.filter(channel="email").values_list("due_at", flat=True)
    assert [f"{one.astimezone(UTC):%Y-%m-%dT%H:%M}" for one in found] == ([due] if due else [])


def test_a_server_that_is_away_is_asked_again_later_and_given_up_in_the_end(
    reached: Contact, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())
    post.says = "451 come again"
    waits = []
    for _ in range(outgoing.TIMES):
        tasks.send(0)
        row = Delivery.objects.get(channel="email")
        waits.append(int((row.due_at - clock.now()).total_seconds() // 60) if row.due_at else 0)
        tasks.send(0)  # before its time nothing happens
        clock.advance(timedelta(days=4))

    assert waits[:4] == [10, 20, 40, 80]
    assert (statuses(), post.taken) == ([("failed", outgoing.TIMES)], [])


def test_a_server_that_comes_back_gets_the_mail_once(
    reached: Contact, post: Post, person: Person, clock: FixedClock
) -> None:
    tell(person, clock.now())
    post.says = "451 come again"
    tasks.send(0)
    post.says = ""
    clock.advance(timedelta(minutes=10))

    tasks.send(0)
    tasks.send(0)

    assert (len(post.taken), statuses()) == (1, [("sent", 1)])


def test_an_address_that_takes_no_mail_is_said_on_the_page(
    reached: Contact, post: Post, person: Person, window: Client, clock: FixedClock
) -> None:
    tell(person, clock.now())
    post.says = "550 no such mailbox"

    tasks.send(0)

    assert statuses() == [("failed", 0)]
    assert "could not be delivered there" in window.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("variable", "value"),
    [(smtp.SERVER, "mail"), (smtp.SERVER, "mail:x"), (smtp.TLS, "ssl"), (smtp.SENDER, "nobody")],
)
def test_a_wrong_variable_is_refused(
    post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(Misconfigured):
        smtp.mailer(tmp_path)


def test_a_server_elsewhere_is_never_spoken_to_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv(smtp.SERVER, "mail.example.az:25")
    monkeypatch.setenv(smtp.TLS, "none")
    monkeypatch.setenv(smtp.SENDER, "no-reply@example.az")

    with pytest.raises(Misconfigured):
        smtp.mailer(tmp_path)
