"""How often, how fast, which fields: the terms of an agreement between two running nodes."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.conftest import Database
from tests.gateway.conftest import CLIENT_KEY, SERVICE, Answer, Loop, Pair, ask, headers, wait_until

from pencere.gateway.directory.model import build
from pencere.gateway.directory.rights import EXAMPLES, Question, explain
from pencere.gateway.directory.terms import Quota, Rate
from pencere.gateway.exchange.rates import RateLimiter
from pencere.gateway.log.quotas import QuotaCounter, Taken
from pencere.gateway.log.refusals import Refusal, RefusalLog
from pencere.gateway.node_file import write_node_file
from pencere.gateway.wire.identifiers import parse_target
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid


def _with(pair: Pair, **terms: Any) -> None:
    """Give the agreement about persons terms, and a name nobody counted under before."""
    payload = pair.payload(1)
    agreements = payload["agreements"]
    agreements[0] |= {"id": f"a-{uuid4()}", **terms}
    pair.changes = {"agreements": agreements}
    pair.publish(1)


def _told(answer: Answer) -> tuple[int, str | None, str | None]:
    return answer.status, answer.header("X-Road-Error"), answer.header("Retry-After")


# Rate


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    limiter, rate = RateLimiter(), Rate(per_second=2.0, burst=3)

    waits = [limiter.take("a", rate, now) for now in (0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.6, 9.0)]

    assert waits == [0.0, 0.0, 0.0, 0.5, 0.25, 0.0, pytest.approx(0.4), 0.0]


def test_a_bucket_never_holds_more_than_its_burst_and_time_never_goes_back() -> None:
    limiter, rate = RateLimiter(), Rate(per_second=1.0, burst=2)

    waits = [limiter.take("a", rate, now) for now in (0.0, 1000.0, 1000.0, 999.0, 1000.0)]

    assert waits == [0.0, 0.0, 0.0, 1.0, pytest.approx(0.0)]


def test_agreements_have_buckets_of_their_own_and_ended_ones_are_forgotten() -> None:
    limiter, rate = RateLimiter(), Rate(per_second=0.001, burst=1)
    assert [limiter.take(one, rate, 0.0) for one in ("a", "b")] == [0.0, 0.0]

    limiter.forget_others({"b"})

    assert [limiter.take(one, rate, 0.0) for one in ("a", "b")] == [0.0, pytest.approx(1000.0)]


def test_who_asks_too_fast_gets_429_and_when_to_ask_again(pair: Pair) -> None:
    _with(pair, rate={"per_second": 0.1, "burst": 2})
    pair.start()

    told = [_told(pair.ask()) for _ in range(3)]

    assert told == [
        (200, None, None),
        (200, None, None),
        (429, "server.serverproxy.rate_exceeded", "10"),
    ]
    assert len(pair.upstream.calls) == 2


# Quota


def test_a_used_up_quota_is_429_until_midnight_in_baku_and_survives_a_restart(pair: Pair) -> None:
    _with(pair, quota={"per": "day", "count": 2})
    pair.start()
    first = [_told(pair.ask())[:2] for _ in range(2)]
    pair.stop()
    pair.start()

    status, code, after = _told(pair.ask())

    assert first == [(200, None), (200, None)]
    assert (status, code) == (429, "server.serverproxy.quota_exceeded")
    assert 0 < int(after or 0) <= 24 * 3600
    assert len(pair.upstream.calls) == 2


def test_the_next_day_has_a_quota_of_its_own(pair: Pair) -> None:
    _with(pair, quota={"per": "day", "count": 1})
    pair.start()
    assert [pair.ask().status for _ in range(2)] == [200, 429]

    for clock in pair.clocks:
        clock.advance(timedelta(days=1))
    pair.publish(2)
    wait_until(lambda: pair.version(0) == pair.version(1) == 2)

    assert [pair.ask().status for _ in range(2)] == [200, 429]


def test_a_quota_of_nothing_refuses_everything(pair: Pair) -> None:
    _with(pair, quota={"per": "month", "count": 0})
    pair.start()

    assert (pair.ask().status, pair.upstream.calls) == (429, [])


def test_two_nodes_of_one_database_share_a_quota(
    loop: Loop, databases: tuple[Database, Database]
) -> None:
    name, day, quota = f"shared-{uuid4()}", date(2026, 11, 22), Quota("month", 100)

    async def both() -> list[Taken]:
        counters = [QuotaCounter(databases[1].app) for _ in range(2)]
        told: list[Taken] = []
        for number in range(300):
            counters[number % 2].take(name, quota, day, told.append)
            if number % 50 == 0:
                await asyncio.sleep(0.005)
        for counter in counters:
            await counter.stop()
        return told

    told = loop.call(both())

    assert (told.count(Taken.TAKEN), told.count(Taken.EXHAUSTED)) == (100, 200)
    with psycopg.connect(databases[1].superuser) as connection:
        row = connection.execute(
            "select first_day, used from gateway.quota_use where agreement = %s", (name,)
        ).fetchone()
    assert row == (date(2026, 11, 1), 100)


def test_what_was_used_of_a_quota_cannot_be_taken_back(
    loop: Loop, databases: tuple[Database, Database]
) -> None:
    name, told = f"kept-{uuid4()}", list[Taken]()

    async def take() -> None:
        counter = QuotaCounter(databases[1].app)
        counter.take(name, Quota("day", 5), date(2026, 11, 22), told.append)
        await counter.stop()

    loop.call(take())

    with (
        psycopg.connect(databases[1].app) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update gateway.quota_use set used = 0 where agreement = %s", (name,))
    with (
        psycopg.connect(databases[1].app) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("delete from gateway.quota_use where agreement = %s", (name,))
    assert told == [Taken.TAKEN]


def test_a_quota_that_cannot_be_counted_is_not_granted(loop: Loop) -> None:
    told = list[Taken]()

    async def take() -> None:
        counter = QuotaCounter("postgresql://nobody@127.0.0.1:1/none", timeout_s=1.0)
        counter.take("a", Quota("day", 5), date(2026, 11, 22), told.append)
        await counter.stop()

    loop.call(take())

    assert told == [Taken.FAILED]


# Fields


def test_the_service_is_told_the_agreed_fields_and_nobody_else_can_say_them(pair: Pair) -> None:
    _with(pair, fields=["fin", "name.az"])
    pair.start()

    pair.ask(
        [*headers(), ("Pencere-Fields", "everything"), ("pencere-FIELDS", "x"),
         ("Pencere-Agreement", "other")]
    )  # fmt: skip

    said = [
        pair_ for pair_ in pair.upstream.calls[0].headers if pair_[0].lower() == "pencere-fields"
    ]
    assert said == [("pencere-fields", "fin,name.az")]
    agreed = pair.payload(1)["agreements"][0]["id"]
    assert pair.upstream.calls[0].header("Pencere-Agreement") == agreed


def test_without_agreed_fields_a_spoofed_list_does_not_reach_the_service(pair: Pair) -> None:
    pair.start()

    pair.ask([*headers(), ("Pencere-Fields", "everything")])

    assert pair.upstream.calls[0].header("Pencere-Fields") is None
    assert pair.upstream.calls[0].header("Pencere-Agreement") == "a-1"


# What a directory may say


@pytest.mark.parametrize(
    "terms",
    [
        {"rate": {"per_second": 0}},
        {"rate": {"per_second": -1, "burst": 1}},
        {"rate": {"per_second": 1, "burst": 0}},
        {"rate": {"per_second": "inf", "burst": 1}},
        {"quota": {"per": "year", "count": 1}},
        {"quota": {"per": "day", "count": -1}},
        {"quota": {"per": "day"}},
        {"fields": []},
        {"fields": ["a,b"]},
        {"fields": ["a\r\nX: y"]},
        {"consent": "yes"},
    ],
    ids=str,
)
def test_a_directory_with_impossible_terms_is_not_taken(pair: Pair, terms: dict[str, Any]) -> None:
    payload = pair.payload(1)
    payload["agreements"][0] |= terms

    with pytest.raises(Invalid) as caught:
        build(payload)

    assert caught.value.code == "directory.malformed"


def test_a_service_cannot_take_the_name_of_what_the_node_answers(pair: Pair) -> None:
    payload = pair.payload(1)
    payload["services"][0]["id"] = "AZ/GOV/mia/population/findUsage"

    with pytest.raises(Invalid) as caught:
        build(payload)

    assert caught.value.code == "directory.malformed"


def test_a_revoked_certificate_speaks_for_no_node(pair: Pair) -> None:
    payload = pair.payload(1)
    entry = payload["nodes"][0]["certificates"][0]

    directory = build(payload | {"revoked": [entry["sha256"]]})

    node = directory.nodes[payload["nodes"][0]["id"]]
    assert (node.tls, dict(node.signing)) == (frozenset(), {})
    assert directory.node_of_certificate(entry["sha256"]) is None


# Why was it refused


def test_both_nodes_keep_why_under_the_number_the_client_was_shown(pair: Pair) -> None:
    _with(pair, rate={"per_second": 0.001, "burst": 1})
    pair.start()
    assert pair.ask().status == 200

    detail = UUID(pair.ask().json["detail"])

    found = [pair.loop.call(pair.node(at).core.refusals.find(detail)) for at in (0, 1)]
    agreement = pair.payload(1)["agreements"][0]["id"]
    said = f"agreement {agreement}: 0.001 requests a second are agreed, 1 at once"
    assert [
        (one.side, one.code, one.consumer, one.service, one.method, one.purpose, one.reasons)
        for kept in found
        for one in kept
    ] == [
        ("consumer", "server.serverproxy.rate_exceeded", "AZ/GOV/idda/portal",
         "AZ/GOV/mia/population/person", "POST", "identify", []),
        ("provider", "server.serverproxy.rate_exceeded", "AZ/GOV/idda/portal",
         "AZ/GOV/mia/population/person", "POST", "identify", [said]),
    ]  # fmt: skip


def test_nothing_that_may_be_a_person_is_kept_of_a_refusal(pair: Pair) -> None:
    pair.start()
    person = "6ABCD12"

    answer = ask(
        pair.ports[0], "POST", f"{SERVICE}/{person}?fin={person}",
        [("X-Road-Client", "AZ/GOV/idda/portal"), ("Pencere-Client-Key", CLIENT_KEY),
         ("Pencere-Purpose", person), ("Pencere-Legal-Basis", person),
         ("Pencere-Person", person), ("X-Road-UserId", f"AZ{person}"), ("Pencere-Case", person)],
        b"{}",
    )  # fmt: skip

    assert answer.status == 403
    kept = pair.loop.call(pair.node(0).core.refusals.find(UUID(answer.json["detail"])))
    assert len(kept) == 1
    assert person not in str(kept)


def test_an_operator_asks_the_node_why_and_nobody_else_can(pair: Pair) -> None:
    write_node_file(
        pair.folder / "0.json",
        clients={"AZ/GOV/idda/portal": CLIENT_KEY},
        services={},
        operators={"register": "key-of-the-operator"},
    )
    pair.start()
    refused = pair.ask(headers(purpose="marketing"))
    detail = refused.json["detail"]

    def why(number: str, key: str | None) -> Answer:
        given = [("Pencere-Operator-Key", key)] if key is not None else []
        return ask(pair.ports[0], "GET", f"/why/{number}", given)

    found = why(detail, "key-of-the-operator")
    [kept] = found.json["refusals"]
    assert (found.status, kept["code"], kept["service"]) == (
        200, "server.serverproxy.access_denied", "AZ/GOV/mia/population/person",
    )  # fmt: skip
    assert kept["reasons"] == ["agreement a-1: does not cover this purpose; it covers identify"]
    assert [
        why(detail, None).status,
        why(detail, CLIENT_KEY).status,
        why(str(uuid4()), "key-of-the-operator").status,
        why("x", "key-of-the-operator").status,
    ] == [401, 401, 404, 400]


def test_old_refusals_go_when_there_are_too_many(
    loop: Loop, databases: tuple[Database, Database]
) -> None:
    now, node = SystemClock().now() + timedelta(days=36500), f"AZ/GOV/x/{uuid4()}"
    details = [uuid4() for _ in range(30)]

    async def keep() -> None:
        kept = RefusalLog(databases[0].app, kept_rows=10)
        for at, detail in enumerate(details):
            kept.add(
                Refusal(
                    detail, now + timedelta(seconds=at), node, "consumer", "c", 403, None,
                    "", "", "GET", "", "", 1, "m", [],
                )
            )  # fmt: skip
        await kept.stop()

    loop.call(keep())

    with psycopg.connect(databases[0].superuser) as connection:
        rows = connection.execute(
            "select detail from gateway.refusal where node = %s order by recorded_at", (node,)
        ).fetchall()
    assert [row[0] for row in rows] == details[-10:]


def test_an_explanation_says_what_may_still_stop_a_request(pair: Pair) -> None:
    payload = pair.payload(1)
    payload["agreements"][0] |= {
        "rate": {"per_second": 2}, "quota": {"per": "month", "count": 1000},
        "fields": ["fin", "name"], "consent": True,
    }  # fmt: skip
    question = Question(
        consumer="AZ/GOV/idda/portal",
        target=parse_target(f"{SERVICE}/query"),
        method="POST",
        on=date(2026, 11, 22),
        purpose="identify",
        legal_basis="personal-data-law",
        given=frozenset(EXAMPLES),
    )

    assert explain(build(payload), question).reasons == (
        "agreement a-1 allows POST /query",
        "at most 2 a second, 2 at once",
        "at most 1000 a month",
        "answered with the fields fin, name alone",
        "the person must have consented",
        "until 2027-12-31",
    )
