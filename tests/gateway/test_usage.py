"""Estonia's data tracker asks in its own words; what is hidden by law is hidden, and audited."""

import json
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.gateway.conftest import CLIENT_KEY, Answer, Pair, ask, headers, wait_until

from pencere.gateway.wire.hiding import Hiding, read_hiding

FIND_USAGE = "/r1/AZ/GOV/mia/population/findUsage"
SUPPRESSIONS = "/r1/AZ/GOV/mia/population/getSuppressions"


def someone() -> tuple[str, dict[str, str | None]]:
    """Return a FIN that no other test uses, and the headers of a person who asks about it."""
    person = "7" + uuid.uuid4().hex[:6].upper()
    return person, {"person": person, "user": f"AZ{person}"}


def tracker(pair: Pair, path: str, **mine: str | None) -> Answer:
    return ask(pair.ports[0], "GET", FIND_USAGE + path, headers(**mine), b"")


@pytest.fixture
def hiding(pair: Pair) -> Pair:
    """Return a pair whose agreement lets accesses be hidden for ten days, and audited."""
    payload = pair.payload(1)
    [first, second] = payload["agreements"]
    everything = [["POST", "**"], ["GET", "/v2/*"], ["GET", "/v3/*"]]
    pair.changes = {
        "agreements": [
            first | {"suppress": {"bases": ["personal-data-law"], "days": 10}},
            second | {"endpoints": everything},
            second | {"id": "a-3", "service": "AZ/GOV/mia/population/getSuppressions"},
        ]
    }
    pair.publish(1)
    pair.start()
    return pair


def hidden(until: str = "", **changes: str | None) -> list[tuple[str, str]]:
    said = [("X-Road-PDU-Hidden", "true"), ("X-Road-PDU-Hidden-Reason", quote("Qərar 12/3"))]
    if until:
        said.append(("X-Road-PDU-Hidden-Until", until))
    return [*headers(**changes), *said]


def total(pair: Pair, **mine: str | None) -> int:
    answer = ask(pair.ports[0], "POST", FIND_USAGE, headers(**mine), b"{}")
    found: int = answer.json["totalUsages"]
    return found


def test_the_tracker_asks_by_version_two(hiding: Pair) -> None:
    person, mine = someone()
    hiding.ask(headers(**mine))
    hiding.ask(headers(person=person, user="system", represented="GOV/mia"))

    found = tracker(hiding, f"/v2/findUsage?userCode=AZ{person}&limit=1", **mine).json
    rest = tracker(hiding, "/v2/findUsage?offset=1", **mine).json

    assert (found["totalUsages"], len(found["usages"])) == (2, 1)
    del found["usages"][0]["logtime"], rest["usages"][0]["logtime"]
    assert found["usages"][0] == {
        "action": "person: identify",
        "receiverCode": "mia",
        "receiverName": "DİN",
        "receiverSystem": "portal",
    }
    assert rest["usages"][0]["receiverCode"] == "idda"


def test_the_tracker_asks_by_version_three(hiding: Pair) -> None:
    person, mine = someone()
    message = str(uuid.uuid4())
    hiding.ask([*headers(**mine), ("X-Road-Id", message)])

    found = tracker(hiding, f"/v3/findUsage?userCode=AZ{person}", **mine).json

    assert (found["totalUsages"], found["returnedUsages"]) == (1, 1)
    [one] = found["dataResponses"]
    assert {key: one[key] for key in ("purpose", "legalBasis", "queryId", "queryGroupId")} == {
        "purpose": "identify",
        "legalBasis": "personal-data-law",
        "queryId": message,
        "queryGroupId": "2026-000123",
    }
    assert one["initiatorOrg"] == {
        "type": "GOV", "code": "idda", "name": "İRİA", "systemName": "portal",
    }  # fmt: skip
    only = tracker(hiding, "/v3/findUsage?processingType=DATA_REQUEST", **mine).json
    assert (only["totalUsages"], only["dataResponses"]) == (0, [])


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_tracker_learns_whether_the_log_answers(hiding: Pair, version: str) -> None:
    _, mine = someone()

    assert tracker(hiding, f"/{version}/heartbeat", **mine).json["status"] == "OK"


def test_the_tracker_learns_since_when(hiding: Pair) -> None:
    _, mine = someone()
    hiding.ask(headers(**mine))

    assert set(tracker(hiding, "/v2/usagePeriod", **mine).json) == {"periodStart"}


@pytest.mark.parametrize(
    "path",
    ["/v2/findUsage?limit=0", "/v2/findUsage?limit=x", "/v2/findUsage?offset=1&offset=2",
     "/v2/findUsage?periodStart=yesterday", "/v3/findUsage?processingType=ALL", "/v4/findUsage",
     "/v3/usagePeriod", "/v2/disclose", "/v2"],
)  # fmt: skip
def test_what_the_tracker_cannot_mean_is_refused(hiding: Pair, path: str) -> None:
    _, mine = someone()

    answer = tracker(hiding, path, **mine)

    assert answer.status in {400, 403}, answer.body


def test_nobody_asks_the_tracker_for_another(hiding: Pair) -> None:
    _, mine = someone()

    answer = tracker(hiding, "/v2/findUsage?userCode=AZ2RSAD76", **mine)

    assert (answer.status, answer.header("X-Road-Error")) == (
        403, "server.serverproxy.access_denied",
    )  # fmt: skip


def test_a_hidden_access_is_not_told_until_its_time(hiding: Pair) -> None:
    person, mine = someone()
    hiding.ask(headers(**mine))
    secret = hiding.ask(hidden(person=person, user="system"))
    before = total(hiding, **mine)
    hiding.clocks[1].advance(timedelta(days=10))
    hiding.clocks[0].advance(timedelta(days=10))
    hiding.publish(2)
    wait_until(lambda: (hiding.version(0), hiding.version(1)) == (2, 2))

    told = tracker(hiding, "/v3/findUsage", **mine)

    assert (secret.status, before) == (200, 1)
    [newest, first] = told.json["dataResponses"]
    assert newest["hiddenReason"] == "Qərar 12/3"
    assert "hiddenUntil" in newest
    assert "hiddenUntil" not in first


def test_that_something_is_hidden_stands_in_the_public_log(hiding: Pair) -> None:
    person, _ = someone()
    answer = hiding.ask(hidden(person=person, user="system"))

    [(entry,)] = hiding.rows(
        1,
        "select leaf_entry from gateway.response where side = 'provider' and exchange ="
        f" '{answer.header('x-road-request-id')}'",
    )
    leaf = json.loads(entry)
    assert (leaf["format"], leaf["hidden_until"] is not None) == ("pencere-access/3", True)


@pytest.mark.parametrize("days", [11, 400])
def test_nothing_is_hidden_longer_than_the_agreement_allows(hiding: Pair, days: int) -> None:
    until = (hiding.clocks[1].now() + timedelta(days=days)).isoformat(timespec="seconds")
    person, mine = someone()

    answer = hiding.ask(hidden(until, person=person, user="system"))

    assert answer.header("X-Road-Error") == "server.serverproxy.suppression_not_allowed"
    assert total(hiding, **mine) == 0
    assert hiding.upstream.calls == []


def test_nothing_is_hidden_where_no_agreement_allows_it(pair: Pair) -> None:
    pair.start()

    answer = pair.ask(hidden())

    assert (answer.status, answer.header("X-Road-Error")) == (
        403, "server.serverproxy.access_denied",
    )  # fmt: skip
    assert "hide an access" in answer.json["message"]


@pytest.mark.parametrize(
    "said",
    [[("X-Road-PDU-Hidden", "true")], [("X-Road-PDU-Hidden", "perhaps")],
     [("X-Road-PDU-Hidden-Reason", "order")],
     [("X-Road-PDU-Hidden", "true"), ("X-Road-PDU-Hidden-Reason", "%FF")],
     [("X-Road-PDU-Hidden", "true"), ("X-Road-PDU-Hidden-Reason", "a"),
      ("X-Road-PDU-Hidden-Until", "2027-01-01T00:00:00")]],
    ids=["no-reason", "unclear", "only-reason", "not-utf-8", "no-offset"],
)  # fmt: skip
def test_hiding_is_said_wholly_or_not_at_all(hiding: Pair, said: list[tuple[str, str]]) -> None:
    answer = hiding.ask([*headers(), *said])

    assert answer.header("X-Road-Error") == "server.clientproxy.invalid_header"


def test_the_body_tells_sooner_and_the_auditor_sees_both(hiding: Pair) -> None:
    person, mine = someone()
    message = str(uuid.uuid4())
    hiding.ask([*hidden(person=person, user="system"), ("X-Road-Id", message)])
    now = hiding.clocks[1].now().isoformat(timespec="seconds")
    body = [{"queryId": message, "hiddenReason": "Araşdırma bitib", "hiddenUntil": now}]

    told = ask(
        hiding.ports[0], "POST", f"{FIND_USAGE}/v3/disclose", headers(), json.dumps(body).encode()
    )
    audited = ask(hiding.ports[0], "POST", SUPPRESSIONS, headers(), b'{"limit": 1}')

    assert (told.status, told.json, total(hiding, **mine)) == (200, {"disclosed": 1}, 1)
    [one] = audited.json["suppressions"]
    assert (one["reason"], one["hiddenUntil"] < one["time"] or one["changedAt"] is not None) == (
        "Qərar 12/3", True,
    )  # fmt: skip
    assert person not in audited.body.decode()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'[{"queryId": "x"}]',
     b'[{"queryId": "x", "hiddenReason": "", "hiddenUntil": "2027-01-01T00:00:00Z"}]',
     b'[{"queryId": "x", "hiddenReason": "a", "hiddenUntil": "2027-01-01T00:00:00"}]'],
)  # fmt: skip
def test_a_disclosure_names_what_why_and_when(hiding: Pair, body: bytes) -> None:
    answer = ask(hiding.ports[0], "POST", f"{FIND_USAGE}/v3/disclose", headers(), body)

    assert answer.header("X-Road-Error") == "server.serverproxy.invalid_request"


def test_nobody_discloses_what_is_not_theirs(hiding: Pair) -> None:
    body: Any = [{"queryId": "none", "hiddenReason": "a", "hiddenUntil": "2026-12-01T00:00:00Z"}]
    answer = ask(
        hiding.ports[0], "POST", f"{FIND_USAGE}/v3/disclose", headers(), json.dumps(body).encode()
    )

    assert (answer.status, answer.json["code"]) == (404, "usage.unknown")


def test_hiding_reads_what_the_extension_says() -> None:
    values = {b"x-road-pdu-hidden": b"TRUE", b"x-road-pdu-hidden-reason": b"J%C3%A4litus"}

    assert read_hiding(values) == Hiding("Jälitus", None)
    assert read_hiding({b"x-road-pdu-hidden": b"false"}) is None
    assert CLIENT_KEY not in repr(values)
