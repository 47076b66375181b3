"""Who uses what: agreed beside asked; the figures; and who may read which part."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.web.openregister.conftest import NOW, TODAY

from pencere.gateway.directory.builtin import RULES
from pencere.kernel.errors import Misconfigured
from pencere.web.country import country
from pencere.web.openregister.domain import audience
from pencere.web.openregister.domain.audience import Audience, may_read, open_part
from pencere.web.openregister.domain.graph import FREE, Counted, graph, verdict_of
from pencere.web.openregister.domain.records import OpenAgreement
from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.openregister.domain.statistics import statistics
from pencere.web.stateregister.domain.description import EMPTY
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.models import Agreement

FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)
RIGHT = OpenAgreement(
    "a", "x/one", "y/two", "s", FIRST, LAST, "in-force", {}, False, ((FIRST, LAST),)
)


def ended(days_ago: int) -> OpenAgreement:
    last = TODAY - timedelta(days=days_ago)
    return replace(RIGHT, last_day=last, periods=((FIRST, last),))


def counted(days_ago: int, *, answered: int = 1, first: int = 0) -> Counted:
    last = TODAY - timedelta(days=days_ago)
    return Counted(answered, 0, answered, last - timedelta(days=first), last)


@pytest.mark.parametrize(
    ("agreements", "seen", "verdict"),
    [
        ([RIGHT], counted(1), "used"),
        ([RIGHT], counted(89), "used"),
        ([RIGHT], counted(90), "quiet"),
        ([RIGHT], None, "never"),
        ([replace(RIGHT, first_day=TODAY - timedelta(days=29))], None, "new"),
        ([replace(RIGHT, first_day=TODAY - timedelta(days=30))], None, "never"),
        ([replace(RIGHT, force="ended")], counted(10), "ended"),
        ([replace(RIGHT, force="suspended")], None, "ended"),
        ([ended(5)], counted(6), "ended"),
        ([ended(5)], counted(5), "ended"),
        ([ended(5)], counted(4), "unagreed"),
        ([ended(5), RIGHT], counted(4), "used"),
        ([replace(RIGHT, periods=((TODAY, LAST),))], counted(0, first=1), "unagreed"),
        ([replace(RIGHT, periods=())], counted(0), "unagreed"),
        ([], counted(1), "unagreed"),
        ([], Counted(0, 3, 0, None, None), "refused"),
        ([RIGHT], Counted(0, 3, 0, None, None), "never"),
    ],
)  # fmt: skip
def test_the_difference_is_named(
    agreements: list[OpenAgreement], seen: Counted | None, verdict: str
) -> None:
    assert verdict_of(agreements, seen, on=TODAY) == verdict


def test_what_a_node_answers_to_everybody_is_no_alarm() -> None:
    assert {code for code, rule in RULES.items() if not rule.needs_agreement} == FREE


@pytest.mark.django_db
@pytest.mark.usefixtures("founded")
def test_traffic_without_an_agreement_stands_first_and_is_an_alarm(
    asked: Callable[..., Any],
) -> None:
    asked("idda/portal", "bpqmi/population/person", count=3)
    asked("idda/portal", "bpqmi/population/person", outcome="fault", count=2)
    asked("dma/employment", "health/health/medical-certificate")
    asked("dma/employment", "health/health/listMethods")

    found = graph(snapshot(), on=TODAY)

    first = found.edges[0]
    assert (first.verdict, first.consumer, first.service_id) == (
        "unagreed", "dma/employment", "health/health/medical-certificate"
    )  # fmt: skip
    used = next(one for one in found.edges if one.verdict == "used")
    assert used.counted == Counted(3, 2, 3, TODAY, TODAY)
    assert found.totals()["unagreed"] == 1
    assert len(found.of_system("health/health").edges) < len(found.edges)


@pytest.mark.django_db
@pytest.mark.usefixtures("founded")
@pytest.mark.parametrize(
    ("days_ago", "verdict"), [(10, "used"), (6, "used"), (4, "unagreed"), (2, "used"), (1, "used")]
)
def test_traffic_while_an_agreement_was_suspended_is_an_alarm(
    asked: Callable[..., Any], days_ago: int, verdict: str
) -> None:
    right = Agreement.objects.get(id="portal-usage-dyp")
    for kind, ago in (("suspended", 6), ("resumed", 2)):
        record("agreement", right.id, kind, person=None, at=NOW - timedelta(days=ago))
    right.save()  # as every act does: the open register is made anew by it
    asked("idda/portal", "dyp/dyp/findUsage")
    asked("idda/portal", "dyp/dyp/findUsage", day=TODAY - timedelta(days=days_ago))

    edges = graph(snapshot(), on=TODAY).edges

    edge = next(one for one in edges if one.service_id == "dyp/dyp/findUsage")
    assert edge.verdict == verdict


@pytest.mark.django_db
@pytest.mark.usefixtures("founded")
def test_counts_that_the_law_may_hide_are_the_officers(asked: Callable[..., Any]) -> None:
    hidden = Agreement.objects.exclude(suppress=None).select_related("consumer", "provider")[0]
    service = f"{hidden.provider.key}/{hidden.service_code}"
    asked(hidden.consumer.key, service, count=9)
    now = snapshot()

    def edge(**how: bool) -> Any:
        pair = (hidden.consumer.key, service)
        edges = graph(now, on=TODAY, **how).edges
        return next(one for one in edges if (one.consumer, one.service_id) == pair)

    public, office = edge(), edge(shows_hidden=True)
    assert (public.is_hidden, public.counted) == (True, None)
    assert (office.is_hidden, office.counted.answered) == (False, 9)
    assert statistics(now, on=TODAY).exchanges == {}
    assert "suppress" not in now.agreements[hidden.id].content


def test_every_part_of_a_description_has_a_reader() -> None:
    assert set(audience.table()["description"]) == set(EMPTY)


def test_a_part_that_the_table_does_not_name_is_nobody_s() -> None:
    record = {"kind": "system", "secret": 1, "location": {"address": "x"},
              "services": [{"code": "a", "description": "/internal", "new": 1}]}  # fmt: skip

    public = open_part("description", record, Audience.PUBLIC)
    officer = open_part("description", record, Audience.OFFICER)

    assert public == {"kind": "system", "services": [{"code": "a"}]}
    assert officer == {
        "kind": "system", "services": [{"code": "a", "description": "/internal"}],
        "location": {"address": "x"},
    }  # fmt: skip
    assert may_read(Audience.PUBLIC, "agreement", "nothing") is False


def test_a_wrong_word_in_the_table_is_named(tmp_path: Path) -> None:
    table = yaml.safe_load((country().folder / "open_register.yaml").read_text())
    table["agreement"]["rate"] = "everybody"
    (tmp_path / "open_register.yaml").write_text(yaml.safe_dump(table))

    with pytest.raises(Misconfigured) as refused:
        audience.read(replace(country(), folder=tmp_path))

    assert refused.value.facts["value"] == "everybody"
