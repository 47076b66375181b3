"""Files are shown to clamd: harmful ones are refused, unchecked ones are given to nobody."""

import io
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Misconfigured, Missing, Refused, Unavailable
from pencere.services.forms import FieldErrors
from pencere.services.model.question import Question, QuestionType
from pencere.web.cases.domain import attachments, definitions, drafts, files, quarantine, scanning
from pencere.web.cases.models import Attachment, Draft
from pencere.web.people.models import Person

# The test text of EICAR, in two parts: some scanners would take this file itself away.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
CLEAN = b"%PDF-1.7\nnothing harmful\n" + b"x" * 200_000
HARMFUL = b"%PDF-1.7\n" + EICAR


class Clamd(socketserver.StreamRequestHandler):
    """Speaks zINSTREAM and zPING as clamd does; finds the EICAR text."""

    def handle(self) -> None:
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zPING\0":
            self.wfile.write(b"PONG\0")
            return
        assert command == b"zINSTREAM\0"
        content = b""
        while (size := struct.unpack("!L", self.rfile.read(4))[0]) > 0:
            content += self.rfile.read(size)
        limit = getattr(self.server, "limit", 1_000_000)
        if len(content) > limit:
            self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
        elif EICAR in content:
            self.wfile.write(b"stream: Eicar-Signature FOUND\0")
        else:
            self.wfile.write(b"stream: OK\0")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    limit = 1_000_000


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Clamd) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def clamd(server: Server) -> scanning.Clamd:
    return scanning.Clamd(("127.0.0.1", server.server_address[1]))


@pytest.fixture
def silent() -> scanning.Clamd:
    """An address at which nobody is."""
    return scanning.Clamd("/nonexistent/clamd.ctl")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "_root", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def draft(applicant: Person, clock: FixedClock) -> Draft:
    return drafts.start_draft(person=applicant, service="driving-licence-replace", at=clock.now())


@pytest.fixture
def paper(clock: FixedClock) -> Question:
    found = definitions.newest("driving-licence-replace", at=clock.now()).question("photo")
    assert found is not None
    return replace(found, type=QuestionType.FILE, accept=("application/pdf",))


def use(scanner: scanning.Scanner | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "scanner", lambda: scanner)


def kept(draft: Draft, question: Question, content: bytes) -> bytes:
    upload = attachments.add(
        draft=draft, question=question, name="a.pdf", file=io.BytesIO(content), at=draft.created_at
    )
    return bytes(Attachment.objects.get(pk=upload.id).sha256)


def test_a_clean_file_passes_and_a_harmful_one_does_not(clamd: scanning.Clamd) -> None:
    clamd.ping()
    clamd.check(CLEAN)

    with pytest.raises(Refused) as refusal:
        clamd.check(HARMFUL)

    assert refusal.value.code == "file.infected"


def test_what_clamd_does_not_judge_is_not_clean(clamd: scanning.Clamd, server: Server) -> None:
    server.limit = 10

    with pytest.raises(Unavailable) as refusal:
        clamd.check(CLEAN)

    assert refusal.value.code == "file.scanner-silent"


def test_a_harmful_file_is_refused_in_words_and_not_kept(
    draft: Draft, paper: Question, clamd: scanning.Clamd, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    use(clamd, monkeypatch)

    with pytest.raises(FieldErrors) as refusal:
        kept(draft, paper, HARMFUL)

    (error,) = refusal.value.errors
    assert (error.code, error.say.en[:16]) == ("file.infected", "Harmful software")
    assert (Attachment.objects.count(), [p for p in folder.rglob("*") if p.is_file()]) == (0, [])


def test_a_file_nobody_could_check_is_given_to_nobody_until_it_is(
    draft: Draft, paper: Question, clamd: scanning.Clamd, silent: scanning.Clamd,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    use(silent, monkeypatch)
    clean, harmful = kept(draft, paper, CLEAN), kept(draft, paper, HARMFUL)
    for digest in (clean, harmful):
        with pytest.raises(Unavailable) as waiting:
            files.content_of(digest)
        assert waiting.value.code == "file.being_checked"
    still = quarantine.look_again()

    use(clamd, monkeypatch)
    left = quarantine.look_again()

    assert (still, left, files.content_of(clean)) == (2, 0, CLEAN)
    with pytest.raises(Refused) as refusal:
        files.content_of(harmful)
    assert refusal.value.code == "file.infected"


def test_a_file_of_quarantine_is_forgotten_with_its_draft(
    draft: Draft, paper: Question, silent: scanning.Clamd, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(silent, monkeypatch)
    digest = kept(draft, paper, CLEAN)

    files.forget(digest)

    assert files.waiting() == []
    with pytest.raises(Missing):
        files.content_of(digest)


def test_addresses_are_read_or_refused() -> None:
    found = [scanning.scanner_at(a) for a in (None, "unix:/run/c.ctl", "tcp:[::1]:3310")]

    assert found == [None, scanning.Clamd("/run/c.ctl"), scanning.Clamd(("::1", 3310))]
    for wrong in ("clamd", "unix:c.ctl", "tcp:localhost", "tcp:localhost:99999"):
        with pytest.raises(Misconfigured):
            scanning.scanner_at(wrong)
