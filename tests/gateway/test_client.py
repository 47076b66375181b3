"""The client library against real nodes: what its stand-in promises, they keep."""

import asyncio

import pytest
from tests.gateway.conftest import CLIENT_KEY, PERSON, Pair

from pencere.client import (
    AsyncClient,
    BadRequest,
    Client,
    Denied,
    Identity,
    NotNow,
    Purpose,
    Retry,
)

SERVICE = "AZ/GOV/mia/population/person"
PURPOSE = Purpose("identify", "personal-data-law", "2026-000123", PERSON, PERSON)
ONCE = Retry(attempts=1)


def client_of(pair: Pair, key: str = CLIENT_KEY) -> Client:
    identity = Identity("AZ/GOV/idda/portal", key)
    return Client(f"http://127.0.0.1:{pair.ports[0]}", identity, retry=ONCE)


def test_an_answer_names_its_exchange_in_both_logs(pair: Pair) -> None:
    pair.start()
    with client_of(pair) as client:
        answer = client.request(
            "POST", SERVICE, "/query", purpose=PURPOSE, body={"by": {}}, message_id="m-17"
        )

    found = [
        pair.rows(
            at, f"select message_id from gateway.request where exchange = '{answer.exchange}'"
        )
        for at in (0, 1)
    ]
    assert (answer.status, answer.message_id, len(answer.request_hash)) == (200, "m-17", 88)
    assert found == [[("m-17",)], [("m-17",)]]


def test_refusals_of_nodes_are_told_apart(pair: Pair) -> None:
    pair.start()
    said = []
    with client_of(pair) as client, client_of(pair, "another") as stranger:
        for one, service, purpose in (
            (stranger, SERVICE, PURPOSE),
            (client, SERVICE, Purpose("another", "personal-data-law", "1", PERSON, PERSON)),
            (client, SERVICE, Purpose("identify", "personal-data-law")),
            (client, "AZ/GOV/mia/population/none", PURPOSE),
        ):
            with pytest.raises((Denied, BadRequest)) as refused:
                one.request("POST", service, "/query", purpose=purpose)
            said.append((type(refused.value), refused.value.code.rpartition(".")[2]))

    assert said == [
        (Denied, "ssl_authentication_failed"),
        (Denied, "access_denied"),
        (BadRequest, "missing_header"),
        (Denied, "unknown_service"),
    ]


def test_a_provider_that_is_down_is_worth_asking_later(pair: Pair) -> None:
    pair.start(0)

    with client_of(pair) as client, pytest.raises(NotNow) as refused:
        client.request("POST", SERVICE, "/query", purpose=PURPOSE)

    assert refused.value.code == "server.clientproxy.network_error"


def test_members_and_what_one_may_ask_are_read(pair: Pair) -> None:
    pair.start()
    with client_of(pair) as client:
        members = [one.identifier for one in client.members()]
        services = client.services("AZ/GOV/mia/population")

    assert "AZ/GOV/idda/portal" in members
    assert [(one.identifier, one.endpoints) for one in services] == [
        (SERVICE, (("POST", "/query"),))
    ]


def test_many_at_once_from_one_loop(pair: Pair) -> None:
    pair.start()

    async def ask() -> list[int]:
        identity = Identity("AZ/GOV/idda/portal", CLIENT_KEY)
        address = f"http://127.0.0.1:{pair.ports[0]}"
        async with AsyncClient(address, identity, retry=ONCE) as client:
            answers = await asyncio.gather(
                *(client.request("POST", SERVICE, "/query", purpose=PURPOSE) for _ in range(24))
            )
        return [one.status for one in answers]

    assert asyncio.run(ask()) == [200] * 24
    assert len(pair.upstream.calls) == 24
