"""What a condition was laid against is kept with what it decided."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pencere.kernel.text import Text
from pencere.kernel.working_days import WorkingCalendar
from pencere.services import machine
from pencere.services.explaining import grounds_of
from pencere.services.model.casework import Check, CheckKind
from pencere.services.model.common import Expression
from pencere.services.model.definition import Definition

RECORD = {"gear": "net", "until": "2027-01-01", "secret": "x", "_id": "7", "_version": 3,
          "_state": "valid", "_valid_from": "2020-01-01"}  # fmt: skip


def condition(source: str) -> Check:
    words = Text("a", "a", "a")
    return Check("short", CheckKind.CONDITION, words, Expression(source, "that"), "refused")


def context(**changes: Any) -> dict[str, object]:
    return {
        "applicant": {"fin": "A"}, "facts": {"permit": RECORD}, "answers": {"length": 50},
        "today": date(2026, 11, 23), **changes,
    }  # fmt: skip


def test_a_case_that_ends_by_itself_keeps_what_the_rule_was_laid_against(
    permit: Definition,
) -> None:
    opened = machine.new_case(
        permit, number="N-1", applicant="A", at=datetime(2026, 11, 2, 6, tzinfo=UTC),
        context=context(), calendar=WorkingCalendar(frozenset()),
    )  # fmt: skip

    checked = next(event for event in opened.events if event.kind == "checked")

    assert checked.facts == {"check": "short", "outcome": "failed"}
    assert checked.grounds == {"facts": {}, "answers": {"length": 50}}


@pytest.mark.parametrize(
    ("source", "changes", "grounds"),
    [
        (
            "has(facts.permit) && facts.permit.until > today",
            {},
            {
                "today": date(2026, 11, 23),
                "answers": {},
                "facts": {
                    "permit": {
                        "register": "sea/fishing-permit",
                        "records": [
                            {"id": "7", "version": 3, "since": "2020-01-01",
                             "fields": {"until": "2027-01-01"}},
                        ],
                    },
                },
            },
        ),
        (
            "has(facts.permit)",
            {"facts": {}},
            {"answers": {}, "facts": {"permit": {"register": "sea/fishing-permit", "records": []}}},
        ),
        ("true", {}, {"answers": {}, "facts": {}}),
        ("answers.lamp == true", {}, {"answers": {}, "facts": {}}),
    ],
    ids=["a record", "no record", "nothing read", "no answer"],
)  # fmt: skip
def test_only_what_the_rule_reads_is_kept(
    permit: Definition, source: str, changes: dict[str, Any], grounds: dict[str, Any]
) -> None:
    register = next(fact.register for fact in permit.facts if fact.id == "permit")
    for one in grounds["facts"].values():
        one["register"] = register

    assert grounds_of(permit, condition(source), context(**changes)) == grounds
