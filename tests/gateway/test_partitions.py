"""The log by months: a database in use is carried over, months are made ahead, no more rights."""

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import psycopg
import pytest
from tests.conftest import Database, Postgres
from tests.gateway.conftest import Loop, Pair
from tests.gateway.test_link import fault_of, send, signed

from pencere.gateway.log.rows import RequestRow, ResponseRow
from pencere.gateway.log.signing import BatchSigner
from pencere.gateway.log.writer import LogWriter, Outcome
from pencere.gateway.wire import envelope as wire
from pencere.kernel.clock import SystemClock
from pencere.ops.databases import make_database as create_database
from pencere.ops.migrations import migrate, migrations_of

Make = Callable[[str], Database]
NOW = SystemClock().now()


@pytest.fixture
def old_database(postgres: Postgres, _templates: Callable[[str], str]) -> Iterator[Database]:
    """One that was migrated before the log was partitioned."""
    _templates("gateway_portal")  # makes the users
    name = f"gateway_old_{os.getpid()}"
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as server:
        create_database(server, name, owner="gateway_portal_owner")

    def url(user: str) -> str:
        whole = postgres.installation.database_url("gateway_portal", user)  # type: ignore[arg-type]
        return whole.replace("/gateway_portal?", f"/{name}?")

    found = Database(name, url("owner"), url("app"), postgres.superuser_url(name))
    migrate(found.owner, "pencere.ledger", app_user="gateway_portal_app")
    with psycopg.connect(found.owner) as connection:
        for migration in migrations_of("pencere.gateway")[:2]:
            connection.execute(migration.text.replace("${app}", "gateway_portal_app").encode())
            connection.execute(
                "create table if not exists public.migration (package text not null, number"
                " integer not null, name text not null, sha256 bytea not null, applied_at"
                " timestamptz not null default now(), primary key (package, number))"
            )
            connection.execute(
                "insert into public.migration (package, number, name, sha256) values"
                " ('pencere.gateway', %s, %s, %s)",
                (migration.number, migration.name, migration.sha256),
            )
    yield found
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as server:
        server.execute(f'drop database "{name}" with (force)'.encode())


def request_row(at: datetime, exchange: uuid.UUID | None = None) -> RequestRow:
    return RequestRow(
        exchange or uuid.uuid4(), "provider", "m-1", "AZ/GOV/b/node", "AZ/GOV/a/node", "AZ/GOV/a/s",
        "AZ/GOV/b/s", "AZ/GOV/b/s/x", "POST", "POST /q", "a-1", "identify", "law", "1", None, None,
        at, at, bytes(64), None, 0, bytes(32), b"signature", b"head", None, "", "system", None,
    )  # fmt: skip


def response_row(request: RequestRow) -> ResponseRow:
    return ResponseRow(
        request.exchange, request.side, "answered", 200, "", request.signed_at, request.recorded_at,
        bytes(64), None, 0, bytes(32), b"signature", b"head", None, bytes(32), None, None, None,
    )  # fmt: skip


OLD_REQUEST = RequestRow._fields[:28]
OLD_RESPONSE = ResponseRow._fields[:18]


def insert(connection: psycopg.Connection[tuple[object, ...]], row: RequestRow) -> None:
    for table, fields, values in (
        ("request", OLD_REQUEST, row[:28]),
        ("response", OLD_RESPONSE, response_row(row)[:18]),
    ):
        text = (
            f"insert into gateway.{table} ({', '.join(fields)})"
            f" values ({', '.join(['%s'] * len(fields))})"
        )
        connection.execute(text.encode(), values)


def write(loop: Loop, url: str, *rows: RequestRow | ResponseRow) -> list[Outcome]:
    async def run() -> list[Outcome]:
        # Nothing is signed here.
        writer = LogWriter(url, BatchSigner(None, SystemClock()))  # type: ignore[arg-type]
        await writer.start()
        found: list[Outcome] = []
        for row in rows:
            (writer.request if isinstance(row, RequestRow) else writer.response)(row, found.append)  # type: ignore[arg-type]
        await writer.stop()
        return found

    return loop.call(run())


def test_a_log_in_use_is_carried_over_and_goes_on(old_database: Database, loop: Loop) -> None:
    rows = [request_row(NOW - timedelta(days=days)) for days in (70, 40, 0)]
    with psycopg.connect(old_database.app) as connection:
        for row in rows:
            insert(connection, row)
        connection.execute(
            "insert into gateway.batch (size, root, token, stamped_at, recorded_at)"
            " values (3, %s, %s, now(), now())", (bytes(32), b"token"),
        )  # fmt: skip
        connection.execute(
            "insert into gateway.batch_member (response_seq, batch, position)"
            " select seq, 1, seq - 1 from gateway.response"
        )

    migrate(old_database.owner, "pencere.gateway", app_user="gateway_portal_app")
    fresh = request_row(NOW)
    outcomes = write(loop, old_database.app, fresh, response_row(fresh))
    replayed = write(loop, old_database.app, rows[2])

    assert (outcomes, replayed) == ([Outcome.STORED] * 2, [Outcome.DUPLICATE])
    with psycopg.connect(old_database.app) as connection:
        found = connection.execute(
            "select r.seq, r.exchange, s.seq, m.position from gateway.request r"
            " join gateway.response s using (exchange, side)"
            " left join gateway.batch_member m on m.response_seq = s.seq order by r.seq"
        ).fetchall()
    expected = [(at + 1, row.exchange, at + 1, at) for at, row in enumerate(rows)]
    assert [one[:2] for one in found] == [one[:2] for one in expected] + [
        (found[-1][0], fresh.exchange)
    ]
    assert [one[2:] for one in found[:3]] == [one[2:] for one in expected]
    assert found[-1][0] > 3


def test_every_month_has_its_tables_before_its_first_row(make_database: Make, loop: Loop) -> None:
    database = make_database("gateway_portal")
    ahead = [request_row(NOW + timedelta(days=days)) for days in (0, 45, 90)]

    assert write(loop, database.app, *ahead) == [Outcome.STORED] * 3

    with psycopg.connect(database.superuser) as connection:
        where = connection.execute(
            "select tableoid::regclass::text, recorded_at from gateway.request order by recorded_at"
        ).fetchall()
    assert [name for name, _ in where] == [
        f"gateway.request_{row.recorded_at:%Y_%m}" for row in ahead
    ]


def test_a_clock_that_is_years_off_gets_no_table(make_database: Make, loop: Loop) -> None:
    database = make_database("gateway_portal")

    outcomes = write(loop, database.app, request_row(NOW + timedelta(days=2000)), request_row(NOW))

    assert sorted(one.value for one in outcomes) == ["failed", "stored"]


def test_a_replay_is_refused_in_another_month_too(make_database: Make, loop: Loop) -> None:
    database = make_database("gateway_portal")
    first = request_row(NOW)
    again = first._replace(recorded_at=NOW + timedelta(days=40))

    assert write(loop, database.app, first, again) == [Outcome.DUPLICATE, Outcome.STORED]
    assert write(loop, database.app, again) == [Outcome.DUPLICATE]


def test_only_the_owner_may_change_or_drop_a_month(make_database: Make, loop: Loop) -> None:
    database = make_database("gateway_portal")
    row = request_row(NOW)
    write(loop, database.app, row, response_row(row))
    part = f"gateway.response_{NOW:%Y_%m}"
    forbidden = [
        "update gateway.request set purpose = ''",
        "delete from gateway.response",
        f"delete from {part}",
        f"truncate {part}",
        f"drop table {part}",
        f"select from {part}",
        "delete from gateway.accepted",
        "create table gateway.mine (x int)",
        "alter table gateway.request detach partition gateway.request_first",
    ]

    def refused(url: str, statement: str) -> bool:
        with psycopg.connect(url) as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                return True
            finally:
                connection.rollback()
        return False

    assert [refused(database.app, one) for one in forbidden] == [True] * len(forbidden)
    assert [refused(database.owner, one) for one in forbidden[:4]] == [True] * 4
    assert not refused(database.owner, f"drop table {part}")


def test_what_was_accepted_is_forgotten_only_when_it_is_old(
    make_database: Make, loop: Loop
) -> None:
    database = make_database("gateway_portal")
    old, new = request_row(NOW - timedelta(days=3)), request_row(NOW)
    write(loop, database.app, old, new)

    with psycopg.connect(database.app) as connection:
        connection.execute("select gateway.forget_accepted(now() + interval '1 year')")
        left = connection.execute("select exchange from gateway.accepted").fetchall()

    assert left == [(new.exchange,)]
    assert write(loop, database.app, old, new) == [Outcome.DUPLICATE] * 2


@pytest.mark.parametrize("limit", [1, 256])
def test_each_message_by_itself_and_batches_have_the_same_outcomes(pair: Pair, limit: int) -> None:
    pair.start(signing_batch=limit)
    answers = [pair.ask().status for _ in range(3)]
    replayed = wire.pack(signed(pair))
    faults = [fault_of(send(pair, replayed)) for _ in range(2)]
    changed = wire.pack(signed(pair, receiver="AZ/GOV/other/node"))

    assert (answers, faults) == ([200] * 3, ["", "REPLAYED"])
    assert fault_of(send(pair, changed)) == "INVALID_SIGNATURE"


def test_a_signature_of_version_1_is_refused_between_nodes(pair: Pair) -> None:
    pair.start(1)
    good = signed(pair)
    form, time, certificate, *_, signature = good.evidence.decode().split(" ")
    single = f"single {time} {certificate} {signature}".encode()

    assert form == "batch"
    assert fault_of(send(pair, wire.pack(wire.Envelope(good.head, good.body, single)))) == (
        "INVALID_SIGNATURE"
    )
