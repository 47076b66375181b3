"""Data that only the person's consent opens; nothing of a consent is kept by the node."""

import json
from typing import Any

import pytest
from tests.gateway.conftest import CONSUMER, PROVIDER, Pair, ask, headers

SERVICE = "AZ/GOV/mia/population/person"
CONSENT = "AZ/GOV/mia/population/consent"
OWN = "AZ/GOV/azintelecom/gateway"
PERSON = "5KQ2R7A"


def records(**changes: Any) -> str:
    """Return the consent register's answer: one consent."""
    data = {
        "agreement": "a-1",
        "recipient": "AZ/GOV/idda/portal",
        "service": SERVICE,
        "purpose": "identify",
        "fields": ["given", "born"],
        "until": "2027-12-31",
    }
    return json.dumps({"records": [{"id": "17", "data": data | changes}]})


@pytest.fixture
def consenting(pair: Pair) -> Pair:
    """Return a pair whose agreement a-1 needs consent; the upstream answers both services."""
    payload = pair.payload(1)
    [first, *others] = payload["agreements"]
    node = payload["nodes"][1]
    pair.changes = {
        "consent_register": CONSENT,
        "members": [
            *payload["members"],
            {
                "id": "AZ/GOV/azintelecom",
                "name": {"az": "AzInTelecom"},
                "subsystems": [{"code": "gateway"}],
            },
        ],
        "nodes": [payload["nodes"][0], node | {"serves": [*node["serves"], OWN]}],
        "services": [
            *payload["services"],
            {"id": CONSENT, "type": "REST", "endpoints": [["POST", "/query"]], "demands": []},
        ],
        "agreements": [
            first | {"consent": True, "fields": ["family", "given", "born"]},
            *others,
            {
                "id": "a-9",
                "consumer": OWN,
                "service": CONSENT,
                "endpoints": [["POST", "/query"]],
                "purposes": ["check-consent"],
                "legal_bases": ["personal-data-law"],
                "from": "2026-01-01",
                "until": "2027-12-31",
            },
        ],
    }
    pair.publish(1)
    return pair


def fault(answer: Any) -> tuple[int, str]:
    return answer.status, (answer.header("X-Road-Error") or "").rpartition(".")[2]


def test_with_consent_only_the_fields_consented_to_are_asked_for(consenting: Pair) -> None:
    consenting.upstream.responds = {"body": records()}
    consenting.start()

    answer = consenting.ask()

    asked, served = consenting.upstream.calls
    assert answer.status == 200
    assert (asked.target, json.loads(asked.body)) == ("/consent/query", {"by": {"fin": PERSON}})
    assert asked.header("x-road-client") == OWN
    assert asked.header("pencere-purpose") == "check-consent"
    assert (served.target, served.header("pencere-fields")) == ("/person/query", "given,born")


def test_the_log_and_the_person_know_by_which_consent(consenting: Pair) -> None:
    person = "9AB2C3D"
    consenting.upstream.responds = {"body": records()}
    consenting.start()
    consenting.ask(headers(person=person, user=f"AZ{person}"))

    found = ask(
        consenting.ports[0], "POST", "/r1/AZ/GOV/mia/population/findUsage",
        headers(person=person, user=f"AZ{person}"), b"{}",
    ).json["usages"]  # fmt: skip

    assert [(one["service"], one["consent"]) for one in found][:2] == [
        (CONSENT, None),
        (SERVICE, "17"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"agreement": "a-2"},
        {"recipient": "AZ/GOV/mia/population"},
        {"service": CONSENT},
        {"purpose": "another"},
        {"until": "2026-01-01"},
        {"fields": ["address"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_consent_to_something_else_opens_nothing(
    consenting: Pair, changes: dict[str, Any]
) -> None:
    consenting.upstream.responds = {"body": records(**changes)}
    consenting.start()

    answer = consenting.ask()

    assert fault(answer) == (403, "consent_missing")
    assert [call.target for call in consenting.upstream.calls] == ["/consent/query"]
    assert PERSON not in answer.body.decode()


def test_without_any_consent_nothing_is_given(consenting: Pair) -> None:
    consenting.upstream.responds = {"body": '{"records": []}'}
    consenting.start()

    assert fault(consenting.ask()) == (403, "consent_missing")


def test_what_was_taken_back_is_gone_for_the_next_request(consenting: Pair) -> None:
    consenting.upstream.responds = {"body": records()}
    consenting.start()
    before = consenting.ask().status

    consenting.upstream.responds = {"body": '{"records": []}'}

    assert (before, fault(consenting.ask())) == (200, (403, "consent_missing"))


@pytest.mark.parametrize("said", ['{"records": [{"id": "1"}]}', "not json", "[]"])
def test_an_answer_of_another_form_is_no_consent(consenting: Pair, said: str) -> None:
    consenting.upstream.responds = {"body": said}
    consenting.start()

    assert fault(consenting.ask()) == (503, "consent_unavailable")


def test_a_register_that_fails_is_no_consent(consenting: Pair) -> None:
    consenting.upstream.responds = {"status": 500, "body": records()}
    consenting.start()

    assert fault(consenting.ask()) == (503, "consent_unavailable")


def test_a_node_without_the_right_to_ask_gives_nothing(consenting: Pair) -> None:
    consenting.publish(2, agreements=consenting.changes["agreements"][:2])
    consenting.start()

    assert fault(consenting.ask()) == (503, "consent_unavailable")
    assert consenting.upstream.calls == []


def test_another_consent_than_the_one_named_is_not_taken(consenting: Pair) -> None:
    consenting.upstream.responds = {"body": records()}
    consenting.start()
    named = [*headers(), ("X-Road-PDU-Consent-Reference", "18")]

    assert fault(consenting.ask(named)) == (403, "consent_missing")
    named = [*headers(), ("X-Road-PDU-Consent-Reference", "17")]
    assert consenting.ask(named).status == 200


def test_both_nodes_are_the_ones_of_the_directory(consenting: Pair) -> None:
    consenting.upstream.responds = {"body": records()}
    consenting.start()
    consenting.ask()

    peers = consenting.rows(
        1,
        f"select distinct node, peer from gateway.request where consumer = '{OWN}'",
    )
    assert peers == [(PROVIDER, PROVIDER)]
    assert CONSUMER != PROVIDER
