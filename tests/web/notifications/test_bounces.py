"""Reports of mail that did not arrive: read, believed once, and never trusted to be well-formed."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from pencere.kernel.clock import FixedClock
from pencere.kernel.text import Text
from pencere.web.notifications.domain import bounces, inbox, outgoing
from pencere.web.notifications.domain.addresses import sealed
from pencere.web.notifications.models import Contact, Delivery
from pencere.web.people.models import Person

REPORT = """\
From: MAILER-DAEMON@mail.example.az
To: no-reply@example.az
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.az
Arrival-Date: Mon, 23 Nov 2026 09:00:00 +0000

Final-Recipient: rfc822; aydan@example.az
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b
Content-Type: {kind}

Message-ID: {message_id}
From: no-reply@example.az
To: aydan@example.az
Subject: x

--b--
"""


@pytest.fixture
def sent(person: Person, clock: FixedClock) -> list[Delivery]:
    """Two notices that went as one mail."""
    contact = Contact(person=person, language="en", confirmed_at=clock.now(), is_quiet=False)
    contact.address_sealed = sealed("aydan@example.az", contact)
    contact.save()
    words = Text("a", "b", "c")
    for key in "ab":
        inbox.tell(person=person, key=key, kind="case", title=words, text=words, at=clock.now())
    rows = list(Delivery.objects.filter(channel="email").order_by("id"))
    Delivery.objects.filter(channel="email").update(
        status="sent", reference=outgoing.reference_of(rows[0])
    )
    return rows


def bounce(
    reference: str, *, action: str = "failed", status: str = "5.1.1", kind: str = "message/rfc822"
) -> bytes:
    mail = REPORT.format(
        action=action, status=status, kind=kind, message_id=f"<{reference}@example.az>"
    )
    return mail.encode()


def statuses() -> list[tuple[str, str]]:
    found = Delivery.objects.filter(channel="email").order_by("id")
    return list(found.values_list("status", "problem"))


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_bounce_fails_all_that_went_in_the_mail_and_is_said_to_its_owner(
    sent: list[Delivery], person: Person, clock: FixedClock, kind: str
) -> None:
    report = bounce(outgoing.reference_of(sent[0]), kind=kind)

    verdicts = [bounces.take(report, at=clock.now()) for _ in range(2)]

    assert verdicts == ["taken", "known"]
    assert statuses() == [("failed", "mail.bounced.5.1.1")] * 2
    assert Contact.objects.get(person=person).failed_at == clock.now()


def test_a_server_that_still_tries_has_said_nothing(
    sent: list[Delivery], clock: FixedClock
) -> None:
    delayed = bounce(outgoing.reference_of(sent[0]), action="Delayed", status="4.4.1")

    assert bounces.take(delayed, at=clock.now()) == "nothing final"
    assert statuses() == [("sent", "")] * 2


def test_a_server_may_say_that_it_arrived(sent: list[Delivery], clock: FixedClock) -> None:
    arrived = bounce(outgoing.reference_of(sent[0]), action="delivered", status="2.0.0")

    assert bounces.take(arrived, at=clock.now() + timedelta(hours=1)) == "taken"
    assert statuses() == [("delivered", "")] * 2


def test_who_guesses_a_message_id_changes_nothing(sent: list[Delivery], clock: FixedClock) -> None:
    right = outgoing.reference_of(sent[0])
    guessed = [f"{'0' * 32}.{sent[0].pk}", right[:-1] + "999", right.upper(), "x", ""]

    verdicts = {bounces.take(bounce(one), at=clock.now()) for one in guessed}

    assert verdicts <= {"unknown"}
    assert statuses() == [("sent", "")] * 2


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (b"", "no report"),
        (b"\xff\xfe\x00", "no report"),
        (b"Content-Type: message/delivery-status\n\n\n\nAction: failed\n", "unknown"),
        (b"Content-Type: message/delivery-status\n\nAction\n", "no report"),
        (b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\n" * 5000, "no report"),
        (b"x" * (bounces.LARGEST_BYTES + 1), "too large"),
    ],
)
def test_what_is_no_report_is_said(
    sent: list[Delivery], clock: FixedClock, raw: bytes, verdict: str
) -> None:
    assert bounces.take(raw, at=clock.now()) == verdict
    assert statuses() == [("sent", "")] * 2


@trying(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_broken_report_is_never_a_fault(
    sent: list[Delivery], clock: FixedClock, data: st.DataObject
) -> None:
    report = bytearray(bounce("0" * 32 + ".1"))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(report) - 1))
        report[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))

    assert bounces.take(bytes(report), at=clock.now()) in {
        "unknown", "no report", "nothing final"
    }  # fmt: skip
