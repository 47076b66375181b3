"""Issuing is killed with signal 9 at each of its steps; what is left is safe and is taken up.

The process is real and so is the place: PostgreSQL holds it at a lock, or the key that it signs
with waits in a pipe, until it is killed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import psycopg
import pytest
from cryptography import x509
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.trust.conftest import NOW, Founded

from pencere.trust import reservations, store

ISSUING = """
import os, sys
from datetime import datetime
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric import ec
from pencere.kernel.clock import FixedClock
from pencere.trust.contents import Holder
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority

conninfo, folder, now, step = sys.argv[1:]


def wait(place):
    print(place, flush=True)
    sys.stdin.readline()


class Waiting:
    def __init__(self, signer):
        self.signer = signer

    def __getattr__(self, name):
        return getattr(self.signer, name)

    def sign(self, data):
        if step == "before the signature":
            wait(step)
        signature = self.signer.sign(data)
        if step == "after the signature":
            wait(step)
        return signature


clock = FixedClock(datetime.fromisoformat(now))
issuance = Issuance(conninfo, load_authority(), "http://127.0.0.1:9390", clock, b"k" * 32)
signer = Keystore(Path(folder), "the passphrase of the tests").signer("issuing-seal")
values = {"country": "AZ", "organization": "X", "organization_identifier": "NTRAZ-killed",
          "common_name": "X"}
holder = Holder(values, ec.generate_private_key(ec.SECP256R1()).public_key())
print("ready", flush=True)
issuance.issue("seal", holder, issuer_name="issuing-seal", signer=Waiting(signer))
wait("before publication")
"""


@pytest.fixture
def killed(founded: Founded) -> Callable[[str, Callable[[], bool] | None], int]:
    """Start an issuing process, wait until it stands at the step, and kill it."""

    def run(step: str, stands_there: Callable[[], bool] | None = None) -> int:
        keys = str(founded.folder / "keys")
        with subprocess.Popen(
            [sys.executable, "-c", ISSUING, founded.conninfo, keys, NOW.isoformat(), step],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ,
            text=True,
        ) as process:
            if stands_there is None:
                while (line := process.stdout.readline().strip()) != step:
                    assert line, "the process ended by itself"
            else:
                deadline = time.monotonic() + 60
                while not stands_there():
                    assert process.poll() is None, "the process ended by itself"
                    assert time.monotonic() < deadline
                    time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            return process.wait(30)

    return run


Held = Callable[[str], AbstractContextManager[Callable[[], bool]]]


@pytest.fixture
def held(founded: Founded, postgres: object) -> Held:
    """Hold a table so that writers wait, and say whether one does."""
    url = postgres.superuser_url(conninfo_to_dict(founded.conninfo)["dbname"])

    @contextmanager
    def hold(table: str) -> Iterator[Callable[[], bool]]:
        with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as watcher:
            holder.execute(
                sql.SQL("lock table {} in share mode").format(sql.Identifier(*table.split(".")))
            )

            def is_waited_for() -> bool:
                row = watcher.execute(
                    "select from pg_locks where not granted and relation = %s::regclass", (table,)
                ).fetchone()
                return row is not None

            yield is_waited_for
            holder.rollback()

    return hold


def found(founded: Founded) -> list[tuple[str, bytes]]:
    with founded.connect() as connection:
        return connection.execute(
            "select state, serial from trust.certificate where holder = 'NTRAZ-killed'"
        ).fetchall()


def wait_until_gone(founded: Founded) -> None:
    """Wait until the server has seen that the killed process is gone."""
    with psycopg.connect(founded.conninfo, autocommit=True) as connection:
        for _ in range(1000):
            if connection.execute("select from pg_locks where locktype = 'advisory'").fetchone():
                time.sleep(0.01)
            else:
                return


def taken_up(founded: Founded) -> tuple[str, bool, int]:
    """Do what a start does; return state, whether it is revoked, and how many were condemned."""
    wait_until_gone(founded)
    at = NOW + timedelta(seconds=30)
    with founded.connect() as connection:
        before = store.status(connection, "issuing-seal", serial_of(founded))
        condemned = reservations.condemn(connection, before=NOW - timedelta(days=1), at=at)
        again = reservations.condemn(connection, before=NOW - timedelta(days=1), at=at)
        after = store.status(connection, "issuing-seal", serial_of(founded))
    assert (before.revoked_at, again) == (None, [])
    return after.state, after.revoked_at is not None, len(condemned)


def serial_of(founded: Founded) -> int:
    ((_, serial),) = found(founded)
    return int.from_bytes(serial, "big")


def test_killed_before_the_reservation_leaves_nothing(
    founded: Founded, killed: Callable, held: Held
) -> None:
    with held("trust.certificate") as stands_there:
        code = killed("", stands_there)

    assert (code, found(founded)) == (-signal.SIGKILL, [])


def test_killed_at_the_linter_is_revoked(founded: Founded, killed: Callable) -> None:
    # The row is seen as soon as it is committed; pkilint then takes a long while to load.
    code = killed("", lambda: bool(found(founded)))

    assert (code, taken_up(founded)) == (-signal.SIGKILL, ("reserved", True, 1))


@pytest.mark.parametrize("step", ["before the signature", "after the signature"])
def test_killed_at_the_signature_is_revoked(founded: Founded, killed: Callable, step: str) -> None:
    code = killed(step)

    assert (code, taken_up(founded)) == (-signal.SIGKILL, ("reserved", True, 1))


def test_killed_before_it_was_stored_is_revoked(
    founded: Founded, killed: Callable, held: Held
) -> None:
    # The certificate is written and its leaf is not: the transaction of both never ends.
    with held("ledger.pending") as stands_there:
        code = killed("", stands_there)

    assert (code, taken_up(founded)) == (-signal.SIGKILL, ("reserved", True, 1))


def test_killed_before_the_publication_is_there(founded: Founded, killed: Callable) -> None:
    code = killed("before publication")

    state = taken_up(founded)
    ((_, serial),) = found(founded)
    with founded.connect() as connection:
        certificate = x509.load_der_x509_certificate(store.certificate(connection, serial))
    certificate.verify_directly_issued_by(founded.certificate("issuing-seal"))
    assert (code, state) == (-signal.SIGKILL, ("issued", False, 0))


def test_who_still_issues_is_not_taken_for_dead(founded: Founded) -> None:
    with founded.connect() as busy, founded.connect() as other:
        reservations.begin(busy)
        reserved = reservations.Reservation(
            1 << 126, "issuing-seal", "seal", "NTRAZ-busy", b"tbs", NOW, NOW + timedelta(days=9)
        )
        reservations.reserve(busy, [reserved], at=NOW)
        busy.commit()

        young = reservations.condemn(other, before=NOW - timedelta(minutes=5), at=NOW)
        old = reservations.condemn(other, before=NOW + timedelta(minutes=5), at=NOW)

    assert (young, old) == ([], [store.serial_bytes(1 << 126)])


def test_a_serial_number_is_never_used_again(founded: Founded) -> None:
    reserved = reservations.Reservation(
        1 << 126, "issuing-seal", "seal", "NTRAZ-busy", b"tbs", NOW, NOW + timedelta(days=9)
    )
    with founded.connect() as connection:
        reservations.reserve(connection, [reserved], at=NOW)
        connection.commit()

        with pytest.raises(psycopg.errors.UniqueViolation):
            reservations.reserve(connection, [reserved], at=NOW)
