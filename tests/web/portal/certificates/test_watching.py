"""People are told once of what is certified in their name, whatever stops the job."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from tests.servers import serving

from pencere.kernel.errors import Unavailable
from pencere.web.certification import watching
from pencere.web.certification.models import LogPosition, Watch
from pencere.web.notifications.models import Message
from pencere.web.people.models import Person


@dataclass
class Log:
    """The notices of a centre's log: docs/specs/transparency.md."""

    notices: list[dict[str, Any]] = field(default_factory=list)
    is_silent: bool = False

    def says(self, subscription: object, kind: str = "certificate", **changes: Any) -> None:
        self.notices.append(
            {
                "index": len(self.notices),
                "subscription": str(subscription),
                "kind": kind,
                "serial": f"{len(self.notices) + 10:x}",
                "profile": "person-signature",
                **changes,
            }
        )


@pytest.fixture
def log(centre_at: Callable[[str], None]) -> Iterator[Log]:
    found = Log()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            after = int(parse_qs(urlsplit(self.path).query)["after"][0])
            said = [one for one in found.notices if one["index"] >= after]
            status = 503 if found.is_silent else 200
            content = json.dumps({"notices": said, "next": len(found.notices)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as port:
        centre_at(f"http://127.0.0.1:{port}")
        yield found


@pytest.fixture
def watch(person: Person) -> Watch:
    return Watch.objects.create(
        person=person, subscription=uuid.uuid4(), since=settings.CLOCK.now()
    )


def tell() -> int:
    return watching.tell_news(at=settings.CLOCK.now())


def titles() -> list[str]:
    return sorted(Message.objects.values_list("title__az", flat=True))


def test_each_notice_is_one_message_in_every_language(log: Log, watch: Watch) -> None:
    for kind in ("certificate", "suspension", "release", "revocation"):
        log.says(watch.subscription, kind)

    told = [tell(), tell()]

    assert (told, LogPosition.objects.get().next_index) == ([4, 0], 4)
    assert titles() == [
        "Adınıza sertifikat verilib",
        "Sertifikatınız dayandırılıb",
        "Sertifikatınız ləğv edilib",
        "Sertifikatınız yenidən qüvvədədir",
    ]
    text = Message.objects.get(title__az="Adınıza sertifikat verilib").text
    assert set(text) == {"az", "en", "ru"}
    assert "Certificate for signing, serial number a." in text["en"]


def test_a_job_that_stops_in_the_middle_tells_nothing_and_later_everything_once(
    log: Log, watch: Watch
) -> None:
    log.says(watch.subscription)
    log.says(watch.subscription, "from a later version")

    with pytest.raises(KeyError):
        tell()
    between = (Message.objects.count(), LogPosition.objects.get().next_index)
    log.notices[1]["kind"] = "revocation"
    told = [tell(), tell()]

    assert (between, told, Message.objects.count()) == ((0, 0), [2, 0], 2)


def test_a_log_that_is_read_again_from_the_start_is_not_told_again(log: Log, watch: Watch) -> None:
    log.says(watch.subscription)
    tell()
    LogPosition.objects.update(next_index=0)

    tell()

    assert (Message.objects.count(), LogPosition.objects.get().next_index) == (1, 1)


def test_notices_of_nobody_here_are_passed_over(log: Log, watch: Watch) -> None:
    log.says(uuid.uuid4())
    log.says(watch.subscription)

    assert (tell(), Message.objects.count()) == (1, 1)


def test_a_profile_without_a_word_is_shown_as_it_is(log: Log, watch: Watch) -> None:
    log.says(watch.subscription, profile="new-kind")

    assert (tell(), "new-kind" in Message.objects.get().text["az"]) == (1, True)


def test_a_silent_centre_changes_nothing(log: Log, watch: Watch) -> None:
    log.says(watch.subscription)
    log.is_silent = True
    with pytest.raises(Unavailable, match=r"centre\.unavailable"):
        tell()
    log.is_silent = False

    assert (tell(), Message.objects.count()) == (1, 1)
