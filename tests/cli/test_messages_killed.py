"""Nodes killed at each step of a message and of an event; databases away; a disk that is full.

After all of it a message has one effect by its id, and every event arrives. A step is held fast by
a lock in the database, or by a service that does not answer yet; then the node is killed.
"""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.gateway_world import (
    AGENCIES,
    CLIENT_KEY,
    DATABASES,
    FORKS,
    NODES,
    PORTAL,
    World,
    directory_of,
    entry_of,
)
from tests.gateway.conftest import SERVICE, Answer, Upstream, _handler, ask, headers
from tests.gateway.court import RegisterKey
from tests.servers import serving

from pencere.cli.roles.nodes import node_keystore
from pencere.gateway.delivery_settings import DeliverySettings
from pencere.gateway.node_file import write_node_file
from pencere.kernel.clock import SystemClock
from pencere.ops.installation import Installation

SENDERS, RECEIVERS = DATABASES
PUBLISHER, SUBSCRIBER = "AZ/GOV/mia/population", "AZ/GOV/idda/portal"
PUBLISHER_KEY = "key-of-population"
TYPE = "moved"
FAST = DeliverySettings(first_s=0.1, longest_s=0.5, look_s=0.1, event_attempts=3)
LONG_S = 60.0
pytestmark = pytest.mark.timeout(240)


class Post(World):
    """A world with a service that takes messages, a publisher, and a subscriber that is pushed to.

    Messages go from the portal's node to the agencies', events the other way.
    """

    def __init__(self, folder: Path, postgres: Any, centre: Any, upstream: Upstream) -> None:
        super().__init__(folder, postgres, centre, upstream)
        address = {"url": f"http://127.0.0.1:{upstream.port}", "bearer": "x"}
        clients = ({SUBSCRIBER: CLIENT_KEY}, {PUBLISHER: PUBLISHER_KEY})
        services = ({f"{SUBSCRIBER}/deliverEvent": address}, {PUBLISHER: address})
        for node, known, served in zip(NODES, clients, services, strict=True):
            write_node_file(
                self.installation.run / f"{node.role}.json",
                clients=known,
                services=served,
                operators={"register": self.installation.secret(f"operator/{node.role}")},
            )

    def _publish(self) -> None:
        now = SystemClock().now()
        entries = [
            entry_of(
                self.installation, node, system,
                node_keystore(self.installation, node).certificates("node")[0],
            )
            for node, system in zip(NODES, ("idda/portal", "mia/population"), strict=True)
        ]  # fmt: skip
        payload = directory_of(entries, now)
        payload["services"].append(
            {
                "id": f"{PUBLISHER}/events", "type": "REST", "endpoints": [["EVENT", f"/{TYPE}"]],
                "demands": [],
            }
        )  # fmt: skip
        payload["agreements"].append(
            {
                "id": "s-1", "consumer": PUBLISHER, "service": f"{SUBSCRIBER}/deliverEvent",
                "endpoints": [["POST", f"/{TYPE}"]], "purposes": ["tell-of-change"],
                "legal_bases": ["personal-data-law"], "from": "2026-01-01", "until": "2099-12-31",
            }
        )  # fmt: skip
        (self.installation.run / "directory.jws").write_text(
            RegisterKey(self.centre).sign(payload), encoding="ascii"
        )

    # Processes

    def start(self, *roles: str) -> None:
        for role in roles or (AGENCIES, PORTAL):
            process = FORKS.Process(target=serve_fast, args=(self._named(), role))
            process.start()
            self.processes[role] = process
        for role in roles or (AGENCIES, PORTAL):
            self.wait(lambda role=role: self.healthy(role), LONG_S)

    def kill(self, *roles: str) -> None:
        for role in roles:
            process = self.processes.pop(role)
            process.kill()
            process.join(20)

    def make_whole(self) -> None:
        """Let the service answer, start what is not there, and wait until nothing waits."""
        self.upstream.delay_s = 0.0
        self.upstream.released.set()
        self.upstream.responds = {"status": 200, "body": "done"}
        if missing := {AGENCIES, PORTAL} - self.processes.keys():
            self.start(*missing)
        for name in DATABASES:
            self.wait(lambda name=name: self.rows(name, _WAITING) == [(0,)], LONG_S)

    # What is held fast

    @contextlib.contextmanager
    def held(self, name: str, statement: str) -> Iterator[None]:
        """Hold the locks of a statement."""
        with psycopg.connect(self.installation.superuser_url(name)) as connection:
            connection.execute(statement.encode())
            yield
            connection.rollback()

    def wait_for_blocked(self, name: str, statement: str) -> None:
        """Wait until a node waits for the lock with a statement that begins so."""
        blocked = (
            "select count(*) > 0 from pg_stat_activity"
            f" where datname = '{name}' and wait_event_type = 'Lock'"
            f" and ltrim(query, E' \\n') like '{statement}%'"
        )
        self.wait(lambda: self.rows(name, blocked) == [(True,)], LONG_S)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let services take what comes and not answer before the end of the block."""
        self.upstream.released.clear()
        self.upstream.delay_s = LONG_S
        yield
        self.upstream.delay_s = 0.0
        self.upstream.released.set()

    @contextlib.contextmanager
    def away(self, name: str) -> Iterator[None]:
        """Let nobody come to a database."""
        with psycopg.connect(self.installation.superuser_url(), autocommit=True) as server:
            server.execute(f"alter database {name} with allow_connections false".encode())
            try:
                server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                    (name,),
                )
                yield
            finally:
                server.execute(f"alter database {name} with allow_connections true".encode())

    # Messages

    def hand_over(self, number: str, body: bytes = b'{"say": 1}') -> Answer:
        given = [*headers(), ("X-Road-Id", number)]
        path = SERVICE.replace("/r1/", "/messages/") + "/query"
        return ask(self.installation.port(PORTAL), "POST", path, given, body)

    def taken(self, number: str, body: bytes = b'{"say": 1}') -> str:
        answer = self.hand_over(number, body)
        assert answer.status == 202, answer.body
        return str(answer.json["receipt"])

    def told(self, receipt: str) -> Any:  # type: ignore[override]
        return ask(self.installation.port(PORTAL), "GET", f"/messages/{receipt}", headers()).json

    def said(self, *words: str) -> tuple[int, str]:
        return super().told(*words)

    def effects(self, number: str) -> int:
        """Return how often the service was asked under the key of a message or an event."""
        calls = list(self.upstream.calls)
        return sum(call.header("Idempotency-Key") == number for call in calls)

    def is_delivered_once(self, receipt: str) -> bool:
        found = self.told(receipt)
        kinds = [one["kind"] for one in found["receipts"]]
        return bool(found["state"] == "delivered" and kinds == ["accepted", "delivered"])

    # Events

    def publish(self, key: str) -> str:
        given = [
            ("X-Road-Client", PUBLISHER), ("Pencere-Client-Key", PUBLISHER_KEY),
            ("Idempotency-Key", key),
        ]  # fmt: skip
        body = json.dumps({"key": key}).encode()
        answer = ask(self.installation.port(AGENCIES), "POST", f"/events/{TYPE}", given, body)
        assert answer.status == 202, answer.body
        return str(answer.json["id"])

    def arrived(self, *identifiers: str) -> list[str]:
        """Return the states in which events are at the subscriber's node."""
        rows = self.rows(SENDERS, "select id::text, state from gateway.event_inbox order by number")
        return [state for identifier, state in rows if identifier in identifiers]


_WAITING = """
select (select count(*) from gateway.message where state = 'waiting')
     + (select count(*) from gateway.event_inbox where state = 'waiting')
"""


# No answer goes before it is in the log.
_ANSWERS = "lock table gateway.response in share mode"


def serve_fast(environment: Mapping[str, str], role: str) -> None:
    from pencere.cli.roles import gateway

    os.environ.update(environment)
    made = gateway._config
    gateway._config = lambda *given: replace(made(*given), stamp_every_s=1.0, delivery=FAST)
    gateway.serve(Installation.from_environment(), role)


@pytest.fixture(scope="module")
def whole(postgres: Any, trust_centre: Any, tmp_path_factory: Any) -> Iterator[Post]:
    found = Upstream(0)
    with serving(_handler(found)) as found.port:
        made = Post(tmp_path_factory.mktemp("post"), postgres, trust_centre, found)
        try:
            yield made
        finally:
            found.released.set()
            made.close()


@pytest.fixture
def post(whole: Post) -> Iterator[Post]:
    whole.make_whole()
    whole.upstream.calls.clear()
    yield whole
    whole.upstream.released.set()


# A message


def test_killed_before_it_answered_a_message_is_not_half_taken_over(post: Post) -> None:
    answers: list[Answer] = []

    def hand_over() -> None:
        with contextlib.suppress(OSError):
            answers.append(post.hand_over("m-0"))

    with post.held(SENDERS, "lock table gateway.message_receipt in share mode"):
        asking = threading.Thread(target=hand_over)
        asking.start()
        post.wait_for_blocked(SENDERS, "insert into gateway.message_receipt")
        post.kill(PORTAL)
        asking.join(30)
    assert [one.status for one in answers if one.status == 202] == []
    post.start(PORTAL)
    assert post.rows(SENDERS, "select from gateway.message where message_id = 'm-0'") == []
    receipt = post.taken("m-0")
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("m-0") == 1


def test_killed_when_a_message_is_durable_and_not_sent(post: Post) -> None:
    post.kill(AGENCIES)
    receipt = post.taken("m-1")
    post.kill(PORTAL)
    post.start()
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("m-1") == 1


def test_sender_killed_while_the_service_is_at_work(post: Post) -> None:
    with post.silent():
        receipt = post.taken("m-2")
        post.wait(lambda: post.effects("m-2") == 1, LONG_S)
        post.kill(PORTAL)
    post.start(PORTAL)
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("m-2") == 1


def test_provider_killed_while_the_service_is_at_work(post: Post) -> None:
    with post.silent():
        receipt = post.taken("m-3")
        post.wait(lambda: post.effects("m-3") == 1, LONG_S)
        post.kill(AGENCIES)
    post.start(AGENCIES)
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    # The second time under the same key, by which the service knows it.
    assert post.effects("m-3") == 2


def test_provider_killed_when_the_service_did_it_and_before_it_is_noted(post: Post) -> None:
    row = "select from gateway.received where message_id = 'm-4' for update"
    with contextlib.ExitStack() as held:
        with post.silent():
            receipt = post.taken("m-4")
            post.wait(lambda: post.effects("m-4") == 1, LONG_S)
            held.enter_context(post.held(RECEIVERS, row))
        post.wait_for_blocked(RECEIVERS, "update gateway.received set ended_at")
        post.kill(AGENCIES)
    ended = "select ended_at from gateway.received where message_id = 'm-4'"
    assert post.rows(RECEIVERS, ended) == [(None,)]
    post.start(AGENCIES)
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("m-4") == 2


def test_provider_killed_when_it_noted_and_before_it_answered(post: Post) -> None:
    noted = "select ended_at is not null from gateway.received where message_id = 'm-5'"
    with contextlib.ExitStack() as held:
        with post.silent():
            receipt = post.taken("m-5")
            post.wait(lambda: post.effects("m-5") == 1, LONG_S)
            held.enter_context(post.held(RECEIVERS, _ANSWERS))
        post.wait(lambda: post.rows(RECEIVERS, noted) == [(True,)], LONG_S)
        post.kill(AGENCIES)
    post.start(AGENCIES)
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("m-5") == 1
    assert post.told(receipt)["answer"]["status"] == 200


def test_sender_killed_when_it_has_the_answer_and_before_it_is_noted(post: Post) -> None:
    with contextlib.ExitStack() as held:
        with post.silent():
            receipt = post.taken("m-6")
            post.wait(lambda: post.effects("m-6") == 1, LONG_S)
            row = f"select from gateway.message where receipt = '{receipt}' for update"
            held.enter_context(post.held(SENDERS, row))
        post.wait_for_blocked(SENDERS, "update gateway.message set state")
        post.kill(PORTAL)
    post.start(PORTAL)
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("m-6") == 1
    assert post.told(receipt)["attempts"] == 2


def test_both_killed_when_the_receipt_is_noted(post: Post) -> None:
    receipt = post.taken("m-7")
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    before = post.told(receipt)
    post.kill(PORTAL, AGENCIES)
    post.start()
    assert post.told(receipt) == before
    assert post.taken("m-7") == receipt
    assert post.told(receipt) == before
    assert post.effects("m-7") == 1


# An event


def test_publisher_killed_when_an_event_is_kept_and_not_handed_over(post: Post) -> None:
    first = post.publish("e-0")
    post.wait(lambda: post.arrived(first) == ["acknowledged"], LONG_S)
    with post.held(RECEIVERS, "select from gateway.event_cursor for update"):
        identifier = post.publish("e-1")
        post.kill(AGENCIES)
    assert post.arrived(identifier) == []
    post.start(AGENCIES)
    post.wait(lambda: post.arrived(identifier) == ["acknowledged"], LONG_S)
    assert (post.effects(first), post.effects(identifier)) == (1, 1)


def test_publisher_killed_while_the_subscribers_node_is_away(post: Post) -> None:
    post.kill(PORTAL)
    many = [post.publish(f"e-2-{at}") for at in range(5)]
    post.kill(AGENCIES)
    post.start()
    post.wait(lambda: post.arrived(*many) == ["acknowledged"] * 5, LONG_S)
    keys = [call.header("Idempotency-Key") for call in post.upstream.calls]
    assert keys == many


def test_subscribers_node_killed_when_it_keeps_an_event_and_before_it_answered(post: Post) -> None:
    with post.silent(), contextlib.ExitStack() as held:
        with post.held(SENDERS, "lock table gateway.event_inbox in share mode"):
            identifier = post.publish("e-3")
            post.wait_for_blocked(SENDERS, "insert into gateway.event_inbox")
            held.enter_context(post.held(SENDERS, _ANSWERS))
        post.wait(lambda: post.arrived(identifier) == ["waiting"], LONG_S)
        post.kill(PORTAL)
    post.start(PORTAL)
    post.wait(lambda: post.arrived(identifier) == ["acknowledged"], LONG_S)
    state = f"select state from gateway.message where message_id = '{identifier}:s-1'"
    post.wait(lambda: post.rows(RECEIVERS, state) == [("delivered",)], LONG_S)


def test_subscribers_node_killed_when_an_event_is_pushed_and_before_it_is_noted(
    post: Post,
) -> None:
    row = "select from gateway.event_inbox where state = 'waiting' for update"
    with contextlib.ExitStack() as held:
        with post.silent():
            identifier = post.publish("e-4")
            post.wait(lambda: post.effects(identifier) == 1, LONG_S)
            held.enter_context(post.held(SENDERS, row))
        post.wait_for_blocked(SENDERS, "update gateway.event_inbox set state")
        post.kill(PORTAL)
    assert post.arrived(identifier) == ["waiting"]
    post.start(PORTAL)
    post.wait(lambda: post.arrived(identifier) == ["acknowledged"], LONG_S)
    assert post.effects(identifier) == 2


def test_both_killed_when_an_event_is_acknowledged(post: Post) -> None:
    first = post.publish("e-5")
    post.wait(lambda: post.arrived(first) == ["acknowledged"], LONG_S)
    post.kill(PORTAL, AGENCIES)
    post.start()
    second = post.publish("e-6")
    post.wait(lambda: post.arrived(first, second) == ["acknowledged"] * 2, LONG_S)
    assert (post.effects(first), post.effects(second)) == (1, 1)


# Databases that are away


def test_without_the_senders_database_nothing_is_taken_over_and_then_it_goes_on(post: Post) -> None:
    post.kill(AGENCIES)
    waiting = post.taken("d-1")
    with post.away(SENDERS):
        post.wait(lambda: post.hand_over("d-2").status == 503)
        refused = post.hand_over("d-2")
        post.start(AGENCIES)
    assert refused.header("X-Road-Error") == "server.clientproxy.logging_failed"
    assert "ask again" in refused.json["message"]
    post.wait(lambda: post.hand_over("d-2").status == 202, LONG_S)
    again = post.taken("d-2")
    post.wait(lambda: post.is_delivered_once(waiting) and post.is_delivered_once(again), LONG_S)
    assert (post.effects("d-1"), post.effects("d-2")) == (1, 1)


def test_without_the_receivers_database_a_message_waits_with_the_reason(post: Post) -> None:
    with post.away(RECEIVERS):
        receipt = post.taken("d-3")
        post.wait(lambda: "logging_failed" in post.told(receipt)["fault"], LONG_S)
        assert post.effects("d-3") == 0
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    assert post.effects("d-3") == 1


def test_receivers_database_goes_while_the_service_is_at_work(post: Post) -> None:
    with post.silent():
        receipt = post.taken("d-4")
        post.wait(lambda: post.effects("d-4") == 1, LONG_S)
        away = post.away(RECEIVERS)
        away.__enter__()
    try:
        post.wait(lambda: "logging_failed" in post.told(receipt)["fault"], LONG_S)
    finally:
        away.__exit__(None, None, None)
    post.wait(lambda: post.is_delivered_once(receipt), LONG_S)
    # The second time under the same key, by which the service knows it.
    assert post.effects("d-4") == 2


def test_events_wait_for_the_subscribers_database(post: Post) -> None:
    with post.away(SENDERS):
        many = [post.publish(f"d-5-{at}") for at in range(3)]
        tried = "select fault from gateway.message where state = 'waiting' and attempts > 0"
        post.wait(
            lambda: any("logging_failed" in fault for (fault,) in post.rows(RECEIVERS, tried)),
            LONG_S,
        )
    post.wait(lambda: post.arrived(*many) == ["acknowledged"] * 3, LONG_S)
    assert [post.effects(one) for one in many] == [1, 1, 1]


def test_an_event_that_was_taken_while_the_database_was_away_is_not_set_aside(post: Post) -> None:
    with post.silent():
        identifier = post.publish("d-6")
        post.wait(lambda: post.effects(identifier) == 1, LONG_S)
        away = post.away(SENDERS)
        away.__enter__()
    away.__exit__(None, None, None)
    post.wait(lambda: post.arrived(identifier) == ["acknowledged"], LONG_S)


# A disk that is full


@pytest.fixture
def crowded(post: Post, postgres: Any) -> Iterator[Path]:
    """The receiver's database on a disk of 96 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    owner = (postgres.installation.pg / "cluster").stat()
    disk = postgres.installation.data / "small-disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96m,mode=755", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        disk.rmdir()
        pytest.skip("a disk cannot be mounted here")
    try:
        os.chown(disk, owner.st_uid, owner.st_gid)
        folder = disk / "tablespace"
        folder.mkdir()
        os.chown(folder, owner.st_uid, owner.st_gid)
        _on_server(post, f"create tablespace small location '{folder}'")
        _moved(post, "small")
        yield disk
        (disk / "filler").unlink(missing_ok=True)
        _moved(post, "pg_default")
        _on_server(post, "drop tablespace small")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
        shutil.rmtree(disk, ignore_errors=True)


def _moved(post: Post, tablespace: str) -> None:
    post.stop()
    _on_server(post, f"alter database {RECEIVERS} set tablespace {tablespace}")
    post.start()


def _on_server(post: Post, statement: str) -> None:
    with psycopg.connect(post.installation.superuser_url(), autocommit=True) as server:
        server.execute(statement.encode())


def test_a_full_disk_at_the_receiver_refuses_with_a_reason_and_nothing_is_lost(
    post: Post, crowded: Path
) -> None:
    filler = crowded / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
            file.flush()
    many = {
        number: post.taken(number, os.urandom(100_000).hex().encode())
        for number in (f"f-{at}" for at in range(12))
    }
    post.wait(
        lambda: any("logging_failed" in post.told(one)["fault"] for one in many.values()), LONG_S
    )
    filler.unlink()
    post.wait(lambda: all(post.is_delivered_once(one) for one in many.values()), LONG_S)
    keys = Counter(call.header("Idempotency-Key") for call in post.upstream.calls)
    assert keys.keys() == many.keys()


# What nobody took


def test_the_operator_lists_what_is_dead_and_sends_it_again(post: Post) -> None:
    post.upstream.responds = {"status": 422, "body": ""}
    identifier = post.publish("c-1")
    post.wait(lambda: post.arrived(identifier) == ["dead"], LONG_S)
    code, listed = post.said("gateway", "dead", "--json")
    (found,) = json.loads(listed)["events"]
    assert (code, found["id"], found["node"], found["reason"]) == (
        1, identifier, "AZ/GOV/idda/node", "status 422",
    )  # fmt: skip
    code, text = post.said("gateway", "dead")
    assert (code, text.splitlines()[-1]) == (1, "0 dead messages, 1 dead events")
    post.upstream.responds = {"status": 200, "body": ""}
    unknown = "00000000-0000-4000-8000-000000000000"
    assert post.said("gateway", "again", unknown, identifier) == (
        1,
        f"{unknown} is of no dead message or event, or its content was dropped\n1 sent again\n",
    )
    post.wait(lambda: post.arrived(identifier) == ["acknowledged"], LONG_S)
    assert post.said("gateway", "again", "--all") == (0, "0 sent again\n")
    assert post.said("gateway", "dead") == (0, "0 dead messages, 0 dead events\n")


def test_a_node_that_does_not_answer_is_named(post: Post) -> None:
    post.kill(AGENCIES)
    silent = "AZ/GOV/azintelecom/node does not answer\n"
    assert post.said("gateway", "dead") == (1, f"0 dead messages, 0 dead events\n{silent}")
    assert post.said("gateway", "again", "--all") == (1, f"0 sent again\n{silent}")
