"""What a body may agree about besides services: events, and what the nodes themselves answer."""

from collections.abc import Callable
from typing import Any

import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Refused
from pencere.web.stateregister.domain import accords, agreements, reading
from pencere.web.stateregister.domain.accord_terms import checks
from pencere.web.stateregister.domain.directory import directory_content
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.models import Accord

pytestmark = pytest.mark.django_db
LAW = {"purposes": ["job-matching"], "legal_bases": ["mesgulluq-haqqinda"], "persons": 900}


def in_directory(agreement: str) -> dict[str, Any] | None:
    content = directory_content("AZ")
    return next((one for one in content["agreements"] if one["id"] == agreement), None)


@pytest.fixture
def asked_about(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> Callable[..., Accord]:
    """Draft what dma/employment wants of bpqmi/population."""

    def begin(service: str, **terms: Any) -> Accord:
        at, actor = clock.now(), officers["proposer"]
        row = accords.begin(
            wants=reading.system("dma", "employment"),
            holder=reading.system("bpqmi", "population"),
            service=service, actor=actor, at=at,
        )  # fmt: skip
        return accords.save(row.number, version=row.version, terms=LAW | terms, actor=actor, at=at)

    return begin


@pytest.fixture
def agree(officers: dict[str, Actor], clock: FixedClock) -> Callable[[Accord], Accord]:
    def steps(row: Accord) -> Accord:
        at = clock.now()
        row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
        row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
        return accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)

    return steps


def test_the_subscriber_asks_for_events_and_the_publisher_agrees(
    asked_about: Any, agree: Any, sign: Any, officers: dict[str, Actor]
) -> None:
    draft = asked_about("events", endpoints=[["POST", "/person-died"]], fields=["died"])
    row = agree(draft)

    for side in ("provider", "consumer"):
        sign(row, side)

    right = in_directory(row.agreement_id)
    assert right is not None
    assert (right["consumer"], right["service"], right["endpoints"], right["fields"]) == (
        "AZ/GOV/bpqmi/population", "AZ/GOV/dma/employment/deliverEvent",
        [["POST", "/person-died"]], ["died"],
    )  # fmt: skip
    assert not {"rate", "quota", "consent"} & right.keys()


def test_a_subscription_opens_only_what_is_published(asked_about: Any, clock: FixedClock) -> None:
    row = asked_about("events", endpoints=[["POST", "/query"]], fields=["died", "salary"])

    failing = {one.code for one in checks(row, on=clock.now().date()) if not one.holds}

    assert failing >= {"endpoints_offered", "fields_described"}
    assert "service_offered" not in failing


def test_the_publisher_stops_a_subscription_and_the_subscriber_cannot(
    asked_about: Any, agree: Any, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    row = agree(asked_about("events", fields=["died"]))
    for side in ("provider", "consumer"):
        sign(row, side)
    at, why = clock.now(), "Yoxlama aparılır"

    with pytest.raises(Refused):
        agreements.suspend(row.agreement_id, actor=officers["signatory"], reason=why, at=at)
    agreements.suspend(row.agreement_id, actor=officers["holder_signatory"], reason=why, at=at)

    assert in_directory(row.agreement_id) is None


@pytest.mark.parametrize("service", ["findUsage", "getSuppressions"])
def test_what_nodes_answer_is_agreed_about_without_fields(
    asked_about: Any, agree: Any, sign: Any, service: str, clock: FixedClock
) -> None:
    row = agree(asked_about(service))
    for side in ("consumer", "provider"):
        sign(row, side)

    right = in_directory(row.agreement_id)

    assert right is not None
    assert right["service"] == f"AZ/GOV/bpqmi/population/{service}"
    assert ["POST", "**"] in right["endpoints"]
    assert "fields" not in right


def test_of_the_same_wish_there_is_one_draft(asked_about: Any) -> None:
    numbers = {asked_about(one).number for one in ("events", "events", "person", "findUsage")}

    assert len(numbers) == 3
