"""The log on a real server: proofs, faults at every step, and the rights of the daily user."""

import base64
import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Invalid, Missing
from pencere.ledger import entries, proofs
from pencere.ledger.appending import Appending, Inconsistent
from pencere.ledger.checkpoint import Checkpoint
from pencere.ledger.sequencer import Sequencer
from pencere.ledger.store import Reader
from pencere.ledger.verify import Verdict, verify_entry

ORIGIN = "pencere.az/web"
CLOCK = FixedClock(datetime(2026, 11, 22, 9, tzinfo=UTC))


class KeySigner:
    def __init__(self, key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.public_key = self.key.public_key()

    def sign(self, data):
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


@pytest.fixture
def database(make_database):
    return make_database("web")


@pytest.fixture
def connection(database):
    with psycopg.connect(database.app, autocommit=True) as link:
        yield link


@pytest.fixture
def reader(database):
    with Reader(database.app) as log:
        yield log


def add(connection, numbers):
    rows = [entries.pending_entry("test.fact", {"n": n}) for n in numbers]
    with connection.cursor() as cursor:
        cursor.executemany(entries.INSERT, [row.row for row in rows])
    return rows


def steps_on(connection, signer):
    return Appending(connection, ORIGIN, signer, CLOCK)


def drain(steps, limit=100):
    while steps.append(limit) == limit:
        pass


def indices_of(connection):
    """Pending ids in the order of the log; the indices must be 0, 1, 2 and so on."""
    rows = connection.execute("select index, pending_id from ledger.leaf order by index").fetchall()
    assert [index for index, _ in rows] == list(range(len(rows)))
    return [pending for _, pending in rows]


def assert_one_history(connection, signer):
    """Every entry is in the log once, and every signed head is a prefix of what is stored."""
    pending = {row[0] for row in connection.execute("select id from ledger.pending").fetchall()}
    order = indices_of(connection)
    assert (len(order), set(order)) == (len(set(order)), pending)
    leaves = [
        row[0]
        for row in connection.execute("select leaf_hash from ledger.leaf order by index").fetchall()
    ]
    notes = connection.execute("select note from ledger.checkpoint order by size").fetchall()
    heads = [Checkpoint.open(note, signer.public_key, ORIGIN) for (note,) in notes]
    assert [head.root for head in heads] == [proofs.root(leaves[: head.size]) for head in heads]
    nodes = connection.execute("select level, index, hash from ledger.node").fetchall()
    assert {(level, index): digest for level, index, digest in nodes} == {
        (level, index): proofs.root(leaves[index << level : (index + 1) << level])
        for level in (4, 8, 12)
        for index in range(len(leaves) >> level)
    }
    return heads


def test_entries_get_indices_and_a_signed_checkpoint_and_proofs_that_verify(connection, reader):
    signer = KeySigner()
    rows = add(connection, range(75))
    steps = steps_on(connection, signer)
    drain(steps)
    steps.sign()

    head = reader.checkpoint()
    assert Checkpoint.open(head.note, signer.public_key, ORIGIN) == Checkpoint(
        ORIGIN, 75, proofs.root([row.leaf_hash for row in rows])
    )
    evidence = reader.evidence([row.leaf_hash for row in rows])
    verdicts = [
        verify_entry(
            entry=evidence[row.leaf_hash].entry,
            index=evidence[row.leaf_hash].index,
            proof=evidence[row.leaf_hash].proof,
            checkpoint=evidence[row.leaf_hash].checkpoint,
            public_key=signer.public_key,
            origin=ORIGIN,
        )
        for row in rows
    ]
    assert verdicts == [Verdict(included=True)] * 75
    assert [reader.leaf_index(row.leaf_hash) for row in rows] == list(range(75))


def test_stored_proofs_are_those_of_the_tree_at_every_size(connection, reader):
    leaves = [row.leaf_hash for row in add(connection, range(70))]
    drain(steps_on(connection, KeySigner()))

    for size in (1, 2, 15, 16, 17, 31, 64, 70):
        for index in range(size):
            assert reader.inclusion(index, size) == proofs.inclusion_proof(leaves[:size], index)
        for first in range(size + 1):
            expected = proofs.consistency_proof(leaves[:size], first)
            assert reader.consistency(first, size) == expected


def test_a_proof_that_cannot_be_is_refused(connection, reader):
    add(connection, range(3))
    drain(steps_on(connection, KeySigner()))

    for ask in (
        lambda: reader.inclusion(3, 3),
        lambda: reader.inclusion(0, 4),
        lambda: reader.consistency(2, 4),
        lambda: reader.consistency(3, 2),
    ):
        with pytest.raises(Invalid) as refusal:
            ask()
        assert refusal.value.code == "proof.index"


def test_what_waits_has_no_index_and_no_evidence_yet(connection, reader):
    (row,) = add(connection, [1])

    assert reader.leaf_index(row.leaf_hash) is None
    assert reader.evidence([row.leaf_hash]) == {}
    with pytest.raises(Missing):
        reader.checkpoint()


def test_evidence_has_the_json_form_of_the_specification(connection, reader):
    row, other = add(connection, [1, 2])
    steps = steps_on(connection, KeySigner())
    drain(steps)
    steps.sign()

    assert reader.evidence([row.leaf_hash])[row.leaf_hash].as_json() == {
        "leaf": {"entry": '{"n":1}', "index": 0, "kind": "test.fact"},
        "proof": [_base64(other.leaf_hash)],
        "checkpoint": reader.checkpoint().note,
    }


def _base64(data):
    return base64.b64encode(data).decode()


def test_an_entry_committed_late_under_a_lower_id_is_not_lost(database, connection):
    steps = steps_on(connection, KeySigner())
    with psycopg.connect(database.app) as slow, psycopg.connect(database.app) as dropped:
        add(slow, ["slow"])
        add(dropped, ["dropped"])
        add(connection, range(5))
        for _ in range(3):
            drain(steps)
        before = indices_of(connection)
        dropped.rollback()
        slow.commit()
        drain(steps)
        add(connection, ["last"])
        drain(steps)

    assert (before, indices_of(connection)) == ([3, 4, 5, 6, 7], [3, 4, 5, 6, 7, 1, 8])


def test_a_new_sequencer_finds_what_was_in_flight_when_the_old_one_signed(database, connection):
    signer = KeySigner()
    with psycopg.connect(database.app) as slow:
        add(slow, ["slow"])
        add(connection, range(3))
        old = steps_on(connection, signer)
        drain(old)
        old.sign()
        slow.commit()
    new = steps_on(connection, signer)
    drain(new)
    new.sign()

    assert len(assert_one_history(connection, signer)) == 2


def test_the_settled_mark_moves_on_past_rolled_back_ids(database, connection):
    signer = KeySigner()
    steps = steps_on(connection, signer)
    with psycopg.connect(database.app) as dropped:
        add(dropped, range(3))
        dropped.rollback()
    add(connection, range(2))
    drain(steps)
    drain(steps)
    add(connection, ["next"])
    drain(steps)
    steps.sign()

    assert connection.execute("select settled from ledger.checkpoint").fetchone() == (6,)


def test_a_checkpoint_is_signed_once_for_a_size(connection):
    steps = steps_on(connection, KeySigner())
    add(connection, range(3))
    drain(steps)

    assert [steps.sign(), steps.sign()] == [True, False]


def test_a_time_stamp_is_kept_beside_the_newest_checkpoint(connection, reader):
    steps = steps_on(connection, KeySigner())
    asked = []

    def time_stamp(digest):
        asked.append(digest)
        return b"token"

    without = steps.stamp(time_stamp)
    add(connection, range(3))
    drain(steps)
    steps.sign()
    stamped = [steps.stamp(time_stamp), steps.stamp(time_stamp)]

    head = reader.checkpoint()
    assert (without, stamped, head.time_stamp) == (False, [True, False], b"token")
    assert asked == [hashlib.sha256(head.note.encode()).digest()]


@pytest.mark.parametrize("table", ["pending", "leaf", "node", "checkpoint", "time_stamp"])
@pytest.mark.parametrize("user", ["app", "owner"])
def test_nothing_in_the_log_can_be_changed_or_removed(database, connection, table, user):
    steps = steps_on(connection, KeySigner())
    add(connection, range(20))
    drain(steps)
    steps.sign()
    steps.stamp(lambda digest: digest)
    before = connection.execute(f"select * from ledger.{table}").fetchall()
    column = {"node": "hash", "checkpoint": "note", "time_stamp": "token"}.get(table, "leaf_hash")

    with psycopg.connect(getattr(database, user), autocommit=True) as link:
        for attempt in (
            f"update ledger.{table} set {column} = {column}",
            f"delete from ledger.{table}",
            f"truncate ledger.{table} cascade",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(attempt)

    assert connection.execute(f"select * from ledger.{table}").fetchall() == before != []


def test_a_leaf_hash_that_is_not_of_its_entry_is_refused(connection):
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(entries.INSERT, (bytes(32), "test.fact", b"{}"))


def test_a_changed_row_stops_the_sequencer_before_it_signs_again(database, connection):
    signer = KeySigner()
    steps = steps_on(connection, signer)
    add(connection, range(20))
    drain(steps)
    steps.sign()
    with psycopg.connect(database.superuser, autocommit=True) as root:
        root.execute("set session_replication_role = replica")
        root.execute("update ledger.node set hash = sha256('other') where level = 4")

    with pytest.raises(Inconsistent):
        steps_on(connection, signer)


def test_a_removed_row_stops_the_sequencer_before_it_signs_again(database, connection):
    signer = KeySigner()
    steps = steps_on(connection, signer)
    add(connection, range(20))
    drain(steps)
    steps.sign()
    with psycopg.connect(database.superuser, autocommit=True) as root:
        root.execute("set session_replication_role = replica")
        root.execute("delete from ledger.leaf where index >= 15")

    with pytest.raises(Inconsistent):
        steps_on(connection, signer)


def wait_until(true, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def count(connection, table):
    return connection.execute(f"select count(*) from ledger.{table}").fetchone()[0]


@contextlib.contextmanager
def running(database, signer, **settings):
    sequencer = Sequencer(database.app, ORIGIN, signer, interval_s=0.02, **settings)
    sequencer.start()
    try:
        yield sequencer
    finally:
        sequencer.stop()


def test_two_sequencers_make_one_log(database, connection):
    signer = KeySigner()
    with running(database, signer) as one, running(database, signer) as two:
        for n in range(20):
            add(connection, range(n * 10, n * 10 + 10))
        wait_until(lambda: count(connection, "leaf") == 200)
        wait_until(lambda: one.healthy and two.healthy)

    assert_one_history(connection, signer)


def test_a_second_sequencer_takes_over_when_the_first_ends(database, connection):
    signer = KeySigner()
    with running(database, signer) as one:
        add(connection, range(5))
        wait_until(lambda: count(connection, "checkpoint") == 1)
        with running(database, signer):
            one.stop()
            add(connection, range(5, 10))
            wait_until(lambda: count(connection, "checkpoint") == 2)

    assert [head.size for head in assert_one_history(connection, signer)] == [5, 10]


# Where a connection may break: the trigger below breaks it there, once, from inside the server.
PLACES = [
    *["before insert on ledger.leaf", "after insert on ledger.leaf"],
    *["before insert on ledger.node", "after insert on ledger.node"],
    *["before insert on ledger.checkpoint", "after insert on ledger.checkpoint"],
    *["before insert on ledger.time_stamp", "after insert on ledger.time_stamp"],
]


@pytest.mark.parametrize("place", PLACES)
def test_a_connection_lost_at_any_step_leaves_nothing_twice_and_loses_nothing(
    database, connection, place
):
    signer = KeySigner()
    with psycopg.connect(database.superuser, autocommit=True) as root:
        root.execute("create sequence public.break_at")
        root.execute("grant usage, select on sequence public.break_at to public")
        # A sequence does not roll back, so that the second time only is the bad one.
        root.execute(
            "create function public.break_once() returns trigger language plpgsql"
            " security definer as $$ begin"
            " if nextval('public.break_at') = 2 then"
            " perform pg_terminate_backend(pg_backend_pid()); end if;"
            " return null; end $$"
        )
        root.execute(
            f"create trigger break_once {place} for each statement"
            " execute function public.break_once()"
        )

    with running(database, signer, time_stamp=lambda digest: digest, stamp_interval_s=0.0):
        for n in range(3):
            add(connection, range(n * 20, n * 20 + 20))
            wait_until(lambda n=n: count(connection, "time_stamp") > n)
        broken = connection.execute("select last_value from public.break_at").fetchone()[0]

    assert broken >= 2
    assert [head.size for head in assert_one_history(connection, signer)] == [20, 40, 60]


def test_a_signer_that_fails_delays_the_checkpoint_only(database, connection):
    signer = KeySigner()
    whole, failures = signer.sign, iter([True, False])

    def sign(data):
        if next(failures, False):
            raise OSError("the module is away")
        return whole(data)

    signer.sign = sign
    with running(database, signer):
        add(connection, range(5))
        wait_until(lambda: count(connection, "checkpoint") == 1)

    assert_one_history(connection, signer)


def test_heads_are_signed_under_load_without_end(database, connection):
    signer = KeySigner()
    add(connection, range(400))
    with running(database, signer, batch=1):
        wait_until(lambda: count(connection, "leaf") == 400)

    heads = assert_one_history(connection, signer)
    assert heads[0].size < 400


def test_a_time_stamping_authority_that_fails_stops_nothing(database, connection):
    signer = KeySigner()

    def time_stamp(digest):
        raise TimeoutError

    with running(database, signer, time_stamp=time_stamp) as sequencer:
        for n in range(3):
            add(connection, [n])
            wait_until(lambda n=n: count(connection, "checkpoint") == n + 1)
        assert sequencer.healthy

    assert len(assert_one_history(connection, signer)) == 3


CHILD = """
import sys, threading
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pencere.ledger.sequencer import Sequencer

conninfo, key_file, signed_file = sys.argv[1:]
key = serialization.load_pem_private_key(open(key_file, "rb").read(), None)

class Signer:
    public_key = key.public_key()
    def sign(self, data):
        with open(signed_file, "ab", buffering=0) as file:
            file.write(data.replace(b"\\n", b" ") + b"\\n")
        return key.sign(data, ec.ECDSA(hashes.SHA256()))

Sequencer(conninfo, "pencere.az/web", Signer(), interval_s=0.0, batch=16,
          time_stamp=lambda digest: digest, stamp_interval_s=0.0).start()
threading.Event().wait()
"""


@pytest.mark.slow
def test_killing_the_process_at_any_moment_never_forks_the_log(database, connection, tmp_path):
    signer = KeySigner()
    key_file, signed_file = tmp_path / "key.pem", tmp_path / "signed"
    key_file.write_bytes(
        signer.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    command = [sys.executable, "-c", CHILD, database.app, str(key_file), str(signed_file)]
    writing = threading.Event()

    def write():
        with psycopg.connect(database.app, autocommit=True) as link:
            n = 0
            while not writing.is_set():
                with link.transaction(force_rollback=n % 11 == 0):
                    add(link, range(n * 3, n * 3 + 3))
                n += 1
                time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    chance = secrets.SystemRandom()
    try:
        for _ in range(8):
            heads = count(connection, "checkpoint")
            process = subprocess.Popen(command, cwd=tmp_path)
            wait_until(lambda heads=heads: count(connection, "checkpoint") > heads)
            time.sleep(chance.uniform(0.0, 0.15))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        writing.set()
        writer.join()

    with running(database, signer):
        wait_until(lambda: count(connection, "leaf") == count(connection, "pending"))
        wait_until(lambda: _signed_size(connection) == count(connection, "leaf"))
    assert_one_history(connection, signer)
    # Every head ever signed, stored or not, must be of this history, or the log has forked.
    leaves = [
        row[0]
        for row in connection.execute("select leaf_hash from ledger.leaf order by index").fetchall()
    ]
    for line in Path(signed_file).read_text().splitlines():
        _, size, root = line.split()
        assert _base64(proofs.root(leaves[: int(size)])) == root


def _signed_size(connection):
    return connection.execute("select coalesce(max(size), 0) from ledger.checkpoint").fetchone()[0]


@pytest.mark.slow
def test_a_thousand_entries_are_ordered_within_a_second(connection):
    with (
        connection.cursor() as cursor,
        cursor.copy("copy ledger.pending (leaf_hash, kind, entry) from stdin") as copy,
    ):
        for n in range(10_000):
            copy.write_row(entries.pending_entry("test.fact", {"n": n}).row)
    steps = steps_on(connection, KeySigner())

    started = time.perf_counter()
    drain(steps, 4096)
    steps.sign()
    rate = 10_000 / (time.perf_counter() - started)
    assert rate > 1000
