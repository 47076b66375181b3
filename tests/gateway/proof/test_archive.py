"""Months leave the log for an archive: whole, sealed, in a chain that shows every gap."""

import io
import json
import socket
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.gateway.conftest import PERSON
from tests.gateway.court import ORIGIN, stamper

from pencere.documents.examine import examine
from pencere.gateway.archive import archiving, escrow
from pencere.gateway.archive.archiving import Archive
from pencere.gateway.archive.manifest import CONTENT, read_manifest
from pencere.gateway.archive.store import Folder, open_store
from pencere.gateway.archive.verification import find, verify
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.proof.asic import Maker
from pencere.gateway.proof.container import make
from pencere.gateway.proof.kept import keep_now
from pencere.gateway.proof.reading import Log, with_present
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import PencereError

SECRET = "secret of node 1"


def till_month_ends() -> timedelta:
    """How long a month is kept, so that the month of the test itself may go and no later one."""
    now = SystemClock().now()
    following = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    end = following.replace(hour=0, minute=0, second=0, microsecond=0)
    return now - end - timedelta(minutes=5)


@pytest.fixture
def archive(court):
    log = Log(court.databases[1].owner, ORIGIN, court.log_key.pem)
    maker = Maker(court.keys[1], stamper(court.centre))
    store = Folder(court.folder / "archive")
    return Archive(
        log, store, maker, SystemClock(), (SECRET,), till_month_ends(), file_exchanges=2,
        refresh=lambda: keep_now(
            database_url=court.databases[1].app, anchors=court.anchors, clock=SystemClock(),
            every=timedelta(hours=4), signer=court.keys[1].certificate,
        ),
    )  # fmt: skip


def names(court) -> list[str]:
    return sorted(one.name for one in (court.folder / "archive").iterdir())


def codes(archive, **choices) -> list[tuple[str, str]]:
    found = verify(archive.store, **choices)
    return [(one.code, one.where) for one in found.findings]


def proved(court):
    """Judge a manifest as `pencere gateway archive verify` does."""

    def check(content: bytes) -> tuple[str, ...]:
        return examine(content, [court.centre.root], SystemClock().now()).reasons

    return check


def rows_left(court) -> list[int]:
    query = "select (select count(*) from gateway.request), (select count(*) from gateway.response)"
    return list(court.rows(1, query)[0])


def test_a_month_is_archived_proved_and_dropped(court, archive):
    for number in range(5):
        court.exchanged(number=f"archived-{number}")

    summary = archiving.run(archive)

    assert (summary.exchanges, summary.files, len(summary.dropped)) == (5, 3, 1)
    assert rows_left(court) == [0, 0]
    assert names(court) == [
        "exchanges-000001-000001.pxa", "exchanges-000001-000002.pxa",
        "exchanges-000001-000003.pxa", "manifest-000001.asice",
    ]  # fmt: skip
    found = verify(archive.store, check=proved(court), secrets=(SECRET,))
    assert (found.findings, found.exchanges, found.files, found.complete) == ([], 5, 3, True)
    leaf = court.rows(1, "select entry from ledger.pending where kind = 'archive'")
    assert json.loads(leaf[0][0])["count"] == 5


def test_a_month_takes_along_what_only_it_needed_and_nothing_else(court, archive):
    court.exchanged(number="gone-1")
    court.exchanged(number="gone-2")
    counts = (
        "select (select count(*) from gateway.batch_member),"
        " (select count(*) from gateway.batch_leaves), (select count(*) from gateway.batch)"
    )
    refused = []
    for user, row in (("owner", "batch_member"), ("owner", "batch"), ("app", "batch_member")):
        with psycopg.connect(getattr(court.databases[1], user)) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as problem:
                connection.execute(f"delete from gateway.{row}")
            refused.append("this row is needed" in str(problem.value))

    before = court.rows(1, counts)
    archiving.run(archive)

    assert refused == [True, True, False]
    assert before[0][0] == 2
    assert court.rows(1, counts) == [(0, 0, 1)]


def test_nothing_of_a_person_lies_in_an_archive_in_clear(court, archive):
    court.exchanged(body=f'{{"by": {{"fin": "{PERSON}"}}}}'.encode())

    archiving.run(archive)

    kept = [(court.folder / "archive" / one).read_bytes() for one in names(court)]
    assert not any(PERSON.encode() in one or b"2026-000123" in one for one in kept)


def test_evidence_from_an_archive_is_as_from_the_log(court, archive):
    court.exchanged(number="old-1")
    archiving.run(archive)

    proofs = find(archive.store, "old-1", (SECRET,))
    archive.refresh()
    with archive.log.connect() as connection:
        proof = with_present(connection, proofs[0], court.keys[1].certificate)
    content = make(
        proof, Sealer(SECRET), archive.maker, node="AZ/GOV/azintelecom/node",
        at=SystemClock().now(),
    )  # fmt: skip

    report = examine(content, [court.centre.root], SystemClock().now() + timedelta(days=3000))
    assert (report.verdict.value, report.reasons) == ("valid", ())


def test_the_node_gives_evidence_of_what_it_archived(court, archive):
    court.exchanged(number="old-2")
    archiving.run(archive)
    with psycopg.connect(court.databases[1].owner) as connection:
        connection.execute("select gateway.make_partitions(now())")
    court.stop(1)
    court.start(1, archive=lambda number: find(archive.store, number, (SECRET,)))

    from tests.gateway.proof.test_container import judged, provider_evidence

    assert judged(court, provider_evidence(court, "old-2").body) == ("valid", ())


class Spoiled:
    """A folder in which a test has something go wrong."""

    def __init__(self, folder: Folder) -> None:
        self.folder, self.puts, self.stop_at, self.is_lying = folder, 0, 0, False

    def put(self, name, content):
        self.puts += 1
        if self.puts == self.stop_at:
            raise KeyboardInterrupt
        self.folder.put(name, content[:-1] if self.is_lying else content)

    def get(self, name):
        return self.folder.get(name)

    def names(self):
        return self.folder.names()


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_a_run_that_is_killed_goes_on_where_it_was(court, archive, stop_at):
    for number in range(5):
        court.exchanged(number=f"killed-{number}")
    spoiled = Spoiled(archive.store)
    spoiled.stop_at = stop_at

    with pytest.raises(KeyboardInterrupt):
        archiving.run(replace(archive, store=spoiled))
    left = rows_left(court)
    archiving.run(archive)

    assert left == [5, 5]
    found = verify(archive.store, check=proved(court), secrets=(SECRET,))
    assert (found.findings, found.exchanges, rows_left(court)) == ([], 5, [0, 0])


def test_what_is_not_stored_as_written_is_never_dropped(court, archive):
    court.exchanged()
    spoiled = Spoiled(archive.store)
    spoiled.is_lying = True
    refused = []

    for store in (spoiled, Folder(Path("/proc/no-such-place"))):
        with pytest.raises(PencereError) as problem:
            archiving.run(replace(archive, store=store))
        refused.append(problem.value.code)
    archiving.run(archive, dropping=False)
    (court.folder / "archive" / "exchanges-000001-000001.pxa").write_bytes(b"rot")
    with pytest.raises(PencereError) as problem:
        archiving.run(archive)
    refused.append(problem.value.code)

    assert refused == ["archive.not_stored", "archive.unavailable", "archive.not_stored"]
    assert rows_left(court) == [1, 1]


def test_a_month_with_an_open_exchange_waits(court, archive):
    court.exchanged()
    with psycopg.connect(court.databases[1].superuser) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "delete from gateway.response where true"  # as a node that was killed leaves it
        )

    with pytest.raises(PencereError) as problem:
        archiving.run(archive)

    assert problem.value.code == "archive.open"


def changed(container: bytes) -> bytes:
    """The container with one letter of its manifest written otherwise."""
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        files = {one: archive.read(one) for one in archive.infolist()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for one, content in files.items():
            is_it = one.filename == CONTENT
            archive.writestr(
                one, content.replace(b"pencere.az", b"pencere.ax") if is_it else content
            )
    assert made.getvalue() != container
    return made.getvalue()


def test_every_gap_change_and_swap_is_named(court, archive):
    for number in range(4):
        court.exchanged(number=f"chain-{number}")
    archiving.run(archive)
    folder = court.folder / "archive"
    kept = {name: (folder / name).read_bytes() for name in names(court)}
    first, second = "exchanges-000001-000001.pxa", "exchanges-000001-000002.pxa"
    manifest = "manifest-000001.asice"
    known = {1: "0" * 64, 2: "1" * 64}

    def after(**changes) -> list[tuple[str, str]]:
        for name, content in {**kept, **changes.pop("files", {})}.items():
            (folder / name).unlink(missing_ok=True)
            if content is not None:
                (folder / name).write_bytes(content)
        return codes(archive, secrets=(SECRET,), **changes)

    assert after() == []
    assert after(files={first: None}) == [("archive.file_missing", first)]
    assert after(files={first: kept[second], second: kept[first]}) == [
        ("archive.file_changed", first), ("archive.file_changed", second),
    ]  # fmt: skip
    assert after(files={second: kept[second][:-5]}) == [("archive.file_changed", second)]
    assert after(files={manifest: None}) == [
        ("archive.unknown_file", first), ("archive.unknown_file", second),
        ("archive.empty", "-"),
    ]  # fmt: skip
    assert after(known=known) == [
        ("archive.manifest_other", manifest),
        ("archive.manifest_missing", "manifest-000002.asice"),
    ]
    assert after(files={manifest: changed(kept[manifest])}, check=proved(court)) != []
    assert after(check=proved(court)) == []


def test_an_escrow_officer_can_read_when_the_node_is_gone(court, archive):
    officer = ec.generate_private_key(ec.SECP256R1())
    court.exchanged(number="escrow-1")
    archiving.run(replace(archive, escrow=officer.public_key()))

    manifest = read_manifest(archive.store.get("manifest-000001.asice"))
    found = escrow.unlock(manifest.escrow, officer, log=ORIGIN)

    assert found == [SECRET]
    assert find(archive.store, "escrow-1", found)[0].facts["message_id"] == "escrow-1"
    with pytest.raises(PencereError) as problem:
        escrow.unlock(manifest.escrow, ec.generate_private_key(ec.SECP256R1()), log=ORIGIN)
    assert problem.value.code == "archive.escrow"


@pytest.fixture
def bucket(monkeypatch):
    """An S3 server over HTTP."""
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="kept")
    yield {"endpoint": endpoint, "access_key_id": "tests", "secret_access_key": "tests"}
    server.stop()


def test_an_archive_in_a_bucket_is_as_one_in_a_folder(court, archive, bucket):
    court.exchanged(number="bucket-1")
    store = open_store("s3://kept/gateway/portal", bucket)

    archiving.run(replace(archive, store=store))

    found = verify(store, check=proved(court), secrets=(SECRET,))
    assert (found.findings, found.exchanges, rows_left(court)) == ([], 1, [0, 0])
    assert store.names() == ["exchanges-000001-000001.pxa", "manifest-000001.asice"]
    assert find(store, "bucket-1", (SECRET,))[0].side == "provider"


def test_a_store_that_is_away_is_told_and_nothing_is_lost(court, archive):
    court.exchanged()
    away = open_store("s3://kept/x", {"endpoint": "http://127.0.0.1:9"})

    with pytest.raises(PencereError) as problem:
        archiving.run(replace(archive, store=away))

    assert (problem.value.code, rows_left(court)) == ("archive.unavailable", [1, 1])


def test_two_runs_at_once_are_one(court, archive):
    held, release = threading.Event(), threading.Event()

    def hold():
        with psycopg.connect(court.databases[1].owner) as connection:
            connection.execute(archiving._LOCK)
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with pytest.raises(PencereError) as problem:
        archiving.run(archive)
    release.set()
    thread.join()

    assert problem.value.code == "archive.running"
