"""A publisher, a subscriber, and a type of events of each test alone."""

import json
from typing import Any

import pytest
from tests.gateway.conftest import CLIENT_KEY, PERSON, Answer, Pair, ask

from pencere.gateway.delivery_settings import DeliverySettings
from pencere.gateway.node_file import write_node_file

FAST = DeliverySettings(first_s=0.05, longest_s=0.2, look_s=0.1, event_attempts=3, count_s=0.1)
PUBLISHER, SUBSCRIBER = "AZ/GOV/mia/population", "AZ/GOV/idda/portal"
PUBLISHER_KEY = "key-of-population"


@pytest.fixture
def name(pair: Pair) -> str:
    """A type of this test alone: the databases are shared."""
    return f"moved-{abs(hash(pair.folder)) % 10**9}"


@pytest.fixture(autouse=True)
def _settled(pair: Pair, name: str) -> None:
    node_files(pair)
    pair.changes = {
        "services": [
            {
                "id": f"{PUBLISHER}/events",
                "type": "REST",
                "endpoints": [["EVENT", f"/{name}"]],
                "demands": [],
            }
        ],
        "agreements": [subscription(name)],
    }
    pair.publish(1)


def subscription(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"s-{name}",
        "consumer": PUBLISHER,
        "service": f"{SUBSCRIBER}/deliverEvent",
        "endpoints": [["POST", f"/{name}"]],
        "purposes": ["tell-of-change"],
        "legal_bases": ["personal-data-law"],
        "fields": ["region"],
        "from": "2026-01-01",
        "until": "2027-12-31",
    } | changes


def node_files(pair: Pair, push: bool = False) -> None:
    url = f"http://127.0.0.1:{pair.upstream.port}"
    services = {f"{SUBSCRIBER}/deliverEvent": {"url": url, "bearer": "push"}} if push else {}
    write_node_file(
        pair.folder / "0.json",
        clients={SUBSCRIBER: CLIENT_KEY},
        services=services,
        operators={"idda": "key-of-the-operator"},
    )
    write_node_file(pair.folder / "1.json", clients={PUBLISHER: PUBLISHER_KEY}, services={})


def publish(
    pair: Pair, name: str, key: str, data: dict[str, Any] | None = None, person: str = PERSON
) -> Answer:
    given = [
        ("X-Road-Client", PUBLISHER),
        ("Pencere-Client-Key", PUBLISHER_KEY),
        ("Idempotency-Key", key),
        ("Pencere-Person", person),
    ]
    body = json.dumps(data or {"region": "baku", "street": "Nizami 1"}).encode()
    return ask(pair.ports[1], "POST", f"/events/{name}", given, body)


AS_SUBSCRIBER = [("X-Road-Client", SUBSCRIBER), ("Pencere-Client-Key", CLIENT_KEY)]


def read(pair: Pair, name: str, query: str = "") -> Any:
    return ask(pair.ports[0], "GET", f"/events/{PUBLISHER}/{name}{query}", AS_SUBSCRIBER).json


def acknowledge(pair: Pair, name: str, number: int) -> Any:
    path = f"/events/{PUBLISHER}/{name}/acknowledged"
    return ask(pair.ports[0], "POST", path, AS_SUBSCRIBER, b'{"number": %d}' % number).json


def numbers(pair: Pair, name: str, query: str = "") -> list[int]:
    return [one["number"] for one in read(pair, name, query)["events"]]
