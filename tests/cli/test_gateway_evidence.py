"""`pencere gateway evidence`, `archive`, `escrow`, `rotate-secret` on two running nodes."""

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.cli.gateway_world import AGENCIES, DATABASES, PORTAL

pytestmark = pytest.mark.timeout(180)
RUN = ("gateway", "archive", "--keep-days", "1")
PLACE = f"s3://kept/archive/{AGENCIES}"


def verdict(world, file: Path) -> str:
    _, said = world.told("verify", str(file), "--offline", "--json")
    report = json.loads(said)
    return f"{report['form']} {report['verdict']} {' '.join(report['reasons'])}".strip()


def evidence(world, number: str, *words: str, **options) -> Path:
    file = world.installation.data / f"{number}.asice"
    code, said = world.told("gateway", "evidence", number, "-o", str(file), *words, **options)
    assert code == 0, said
    return file


def complete(world, bucket, *words: str) -> dict[str, object]:
    code, said = world.told(
        "gateway", "archive", "verify", *words, "--json", environment=bucket.environment
    )
    found = json.loads(said)
    assert (code, [one["findings"] for one in found.values()]) == (0, [[] for _ in found]), said
    return found


def left(world, number: str) -> list[int]:
    query = f"select count(*) from gateway.request where message_id = '{number}'"
    return [world.rows(name, query)[0][0] for name in DATABASES]


def test_the_container_of_an_exchange_is_written_whole_or_in_part(world):
    world.exchanged("cli-1")

    whole = evidence(world, "cli-1")
    assert verdict(world, whole) == "exchange valid"
    assert whole.stat().st_mode & 0o777 == 0o600
    for words in (("--no-bodies",), ("--part", "request"), ("--node", AGENCIES)):
        assert verdict(world, evidence(world, "cli-1", *words)) == "exchange valid", words
    code, said = world.told("gateway", "evidence", "nobody-asked")
    assert (code, said) == (1, "pencere gateway: exchange.unknown\n")


def test_a_month_is_archived_under_traffic_and_each_exchange_of_it_still_proved(world, bucket):
    world.exchanged("month-1", "month-2")
    month = world.closed("month-1", "month-2")
    statuses: Counter[int] = Counter()
    ending = threading.Event()

    def load() -> None:
        while not ending.is_set():
            statuses[world.exchange("load").status] += 1
            ending.wait(0.02)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        world.wait(lambda: statuses.total() > 0)
        before = statuses.total()
        code, said = world.told(*RUN, "--json", environment=bucket.environment)
        meanwhile = statuses.total() - before
    finally:
        ending.set()
        thread.join()

    assert code == 0, said
    told = {role: (one["archived"], one["dropped"]) for role, one in json.loads(said).items()}
    assert told == {PORTAL: ([month], [month]), AGENCIES: ([month], [month])}
    assert (set(statuses), meanwhile > 0) == ({200}, True)
    assert left(world, "month-1") == [0, 0]
    gone = f"select to_regclass('gateway.request_{month.replace('-', '_')}')"
    assert [world.rows(name, gone) for name in DATABASES] == [[(None,)], [(None,)]]
    orphans = (
        "select count(*) from gateway.batch_member m where not exists"
        " (select from gateway.response r where r.seq = m.response_seq)"
    )
    assert [world.rows(name, orphans) for name in DATABASES] == [[(0,)], [(0,)]]

    found = complete(world, bucket)
    assert {role: (one["exchanges"], one["opened"]) for role, one in found.items()} == {
        PORTAL: (2, True), AGENCIES: (2, True),
    }  # fmt: skip
    for words in ((), ("--from", PLACE, "--node", AGENCIES)):
        file = evidence(world, "month-1", *words, environment=bucket.environment)
        assert verdict(world, file) == "exchange valid", words
    # Without the installation: the place and the root are enough.
    root = world.installation.pki / "root.crt"
    complete(world, bucket, PLACE, "--anchors", str(root), "--data", "/nonexistent/nobody")


def test_an_archiver_that_is_killed_at_any_step_is_finished_by_the_next(world, bucket):
    numbers = ("killed-1", "killed-2", "killed-3")
    world.exchanged(*numbers)
    # Whoever makes a container has the statuses kept; else the node looks every four hours.
    evidence(world, numbers[0], "--node", AGENCIES)
    month = world.closed(*numbers)
    command = (*RUN, "--node", AGENCIES)
    steps = (
        ("PUT", "exchanges", 1), ("GET", "exchanges", 1), ("PUT", "manifest", 1),
        ("GET", "manifest", 1), ("GET", "manifest", 2), ("GET", "exchanges", 1),
    )  # fmt: skip

    for step in steps:
        bucket.stop_at(*step)
        archiver = world.command(*command, environment=bucket.environment)
        assert bucket.arrived.wait(40), step
        os.kill(archiver.pid, signal.SIGKILL)
        archiver.join()
        bucket.let_go()
        world.wait(lambda: _running(world) == 0)
        assert left(world, "killed-1")[1] == 1, step

    # In the middle of the transaction that drops.
    with psycopg.connect(world.installation.superuser_url(DATABASES[1])) as holder:
        holder.execute(f"lock table gateway.request_{month.replace('-', '_')}".encode())
        archiver = world.command(*command, environment=bucket.environment)
        world.wait(lambda: _waiting(world) == 1, 40)
        os.kill(archiver.pid, signal.SIGKILL)
        archiver.join()
    world.wait(lambda: _running(world) == 0, 20)
    assert left(world, "killed-1")[1] == 1

    code, said = world.told(*command, "--json", environment=bucket.environment)
    assert (code, json.loads(said)[AGENCIES]["dropped"]) == (0, [month]), said
    assert left(world, "killed-1")[1] == 0
    complete(world, bucket, "--node", AGENCIES)
    for number in numbers:
        file = evidence(world, number, "--node", AGENCIES, environment=bucket.environment)
        assert verdict(world, file) == "exchange valid"


def test_a_store_that_goes_away_in_the_middle_is_said_and_costs_nothing(world, bucket):
    world.exchanged("away-1")
    month = world.closed("away-1")
    bucket.stop_at("PUT", "manifest")
    archiver = world.command(*RUN, "--node", AGENCIES, environment=bucket.environment)
    assert bucket.arrived.wait(40)
    bucket.is_away = True
    bucket.let_go()
    archiver.join(60)
    said = (world.installation.data / "out").read_text("utf-8")

    assert (archiver.exitcode, "archive.unavailable" in said) == (4, True), said
    assert left(world, "away-1")[1] == 1
    assert world.exchange("meanwhile").status == 200

    bucket.is_away = False
    code, said = world.told(*RUN, "--node", AGENCIES, "--json", environment=bucket.environment)
    assert (code, json.loads(said)[AGENCIES]["dropped"]) == (0, [month]), said
    complete(world, bucket, "--node", AGENCIES)


def test_what_a_node_sealed_before_its_secret_changed_stays_readable(world, bucket):
    world.exchanged("before-rotation")
    for role in (PORTAL, AGENCIES):
        code, said = world.told("gateway", "rotate-secret", role)
        assert (code, "restart the node" in said) == (0, True)
    world.stop()
    world.start()
    world.exchanged("after-rotation")

    for number in ("before-rotation", "after-rotation"):
        assert verdict(world, evidence(world, number, "--node", AGENCIES)) == "exchange valid"
    world.closed("before-rotation", "after-rotation")
    code, said = world.told(*RUN, environment=bucket.environment)
    assert code == 0, said
    assert {one["opened"] for one in complete(world, bucket).values()} == {True}
    for number in ("before-rotation", "after-rotation"):
        file = evidence(world, number, "--node", AGENCIES, environment=bucket.environment)
        assert verdict(world, file) == "exchange valid"


def test_when_the_nodes_secret_is_lost_the_escrow_officer_has_it(world, bucket, tmp_path):
    officer = ec.generate_private_key(ec.SECP256R1())
    key, secrets = tmp_path / "officer.pem", tmp_path / "secrets"
    key.write_bytes(officer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (world.installation.pki / "archive-escrow.pem").write_bytes(
        officer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    world.exchanged("escrow-1")
    world.closed("escrow-1")
    code, said = world.told(*RUN, environment=bucket.environment)
    assert code == 0, said
    folder = world.installation.secrets / "node"
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    for file in kept:
        file.unlink()

    try:
        lost = world.told(
            "gateway", "evidence", "escrow-1", "--node", AGENCIES, environment=bucket.environment
        )
        code, said = world.told(
            "gateway", "escrow", PLACE, "--key", str(key), "-o", str(secrets),
            environment=bucket.environment,
        )  # fmt: skip
        file = evidence(
            world, "escrow-1", "--node", AGENCIES, "--from", PLACE, "--secrets", str(secrets),
            environment=bucket.environment,
        )  # fmt: skip
        found = complete(world, bucket, PLACE, "--secrets", str(secrets))
    finally:
        for file_, content in kept.items():
            file_.write_bytes(content)

    assert (lost[0], "archive.key" in lost[1]) == (1, True), lost
    assert (code, secrets.stat().st_mode & 0o777) == (0, 0o600), said
    assert verdict(world, file) == "exchange valid"
    assert [one["opened"] for one in found.values()] == [True]


def test_another_key_or_an_archive_without_escrow_opens_nothing(world, tmp_path):
    other = tmp_path / "other.pem"
    other.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    out = tmp_path / "secrets"

    nothing = world.told("gateway", "escrow", str(tmp_path), "--key", str(other), "-o", str(out))
    wrong = world.told("gateway", "escrow", str(tmp_path), "--key", str(tmp_path), "-o", str(out))

    assert (nothing[0], nothing[1].split()[2]) == (1, "archive.no_escrow")
    assert (wrong[0], "--key" in wrong[1]) == (3, True)
    assert not out.exists()


def _running(world) -> int:
    return _count(
        world,
        "select count(*) from pg_locks where locktype = 'advisory' and granted"
        " and pid in (select pid from pg_stat_activity where usename like '%_owner')",
    )


def _waiting(world) -> int:
    return _count(world, "select count(*) from pg_locks where not granted and relation is not null")


def _count(world, query: str) -> int:
    return world.rows(DATABASES[1], query)[0][0]
