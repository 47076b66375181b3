# ruff: noqa: E501 - a table reads better on long lines
"""The law at work: rows by date, a trace that names them, a replay that notices a change."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pencere.kernel.errors import Conflict, Invalid, Misconfigured, Missing
from pencere.kernel.money import Qepik
from pencere.kernel.text import Text
from pencere.rules.law import Law, Reading
from pencere.rules.parameters import Row, load_parameters
from pencere.rules.trace import Trace

ACTS = frozenset({"fee-act"})
PARAMETERS = """
parameters:
  entry:
    names: {az: Giriş, en: Entry, ru: Вход}
    unit: qepik
    rows:
      - {value: 100, from: 2024-01-01, until: 2024-12-31, act: fee-act, article: "1", source: gazette}
      - {value: {child: 50, adult: 120}, from: 2025-01-01, act: fee-act, article: "1", source: gazette, provisional: true}
  share:
    names: {az: Pay, en: Share, ru: Доля}
    unit: rate
    rows:
      - {value: "0.125", from: 2024-01-01, act: fee-act, source: gazette}
"""
RULES = """
from pencere.kernel.money import Qepik
from pencere.rules.law import rule

@rule("museum.entry")
def entry(law):
    part = None if law.on.year < 2025 else law.fact("answers.kind")
    return [law.charge("entry", part, times=law.fact("answers.visitors") or 1)]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    law = tmp_path / "museum" / "law"
    (law / "parameters").mkdir(parents=True)
    (law / "parameters" / "fees.yaml").write_text(PARAMETERS, "utf-8")
    (law / "museum.py").write_text(RULES, "utf-8")
    return law


@pytest.fixture
def law(folder: Path) -> Law:
    return Law.load(folder, ACTS)


@pytest.mark.parametrize(
    ("day", "amount"),
    [(date(2024, 1, 1), 100), (date(2024, 12, 31), 100), (date(2025, 1, 1), 120)],
)
def test_the_row_in_force_on_the_day_counts(law: Law, day: date, amount: int) -> None:
    figure = law.compute("museum.entry", {"answers": {"kind": "adult"}}, day)

    assert figure.amount == amount


def test_the_day_before_the_first_row_the_law_says_nothing(law: Law) -> None:
    with pytest.raises(Missing) as caught:
        law.compute("museum.entry", {}, date(2023, 12, 31))

    assert caught.value.code == "parameter.not_in_force"


def test_the_trace_names_the_row_the_article_and_only_the_facts_that_were_read(law: Law) -> None:
    facts = {"answers": {"kind": "child", "visitors": 3, "name": "Aydan"}}

    figure = law.compute("museum.entry", facts, date(2026, 1, 1))

    assert figure.trace.to_mapping() == {
        "rule": "museum.entry",
        "on": "2026-01-01",
        "given": {"answers.kind": "child", "answers.visitors": 3},
        "steps": [
            {
                "parameter": "entry",
                "part": "child",
                "value": "50",
                "from": "2025-01-01",
                "act": "fee-act",
                "article": "1",
                "source": "gazette",
                "provisional": True,
            }
        ],
        "amount": 150,
    }
    assert figure.is_provisional


def test_a_stored_trace_replays_to_the_same_figure(law: Law) -> None:
    figure = law.compute("museum.entry", {"answers": {"kind": "child"}}, date(2026, 1, 1))

    assert law.replay(Trace.from_mapping(figure.trace.to_mapping())) == figure


def test_a_replay_notices_that_a_row_was_changed_afterwards(law: Law) -> None:
    figure = law.compute("museum.entry", {}, date(2024, 6, 1))
    row = Row(90, date(2024, 1, 1), None, "fee-act", "1", "reform", provisional=False)

    with pytest.raises(Conflict) as caught:
        law.overlay({"entry": row}).replay(figure.trace)

    assert caught.value.facts == {"rule": "museum.entry", "was": 100, "now": 90}


def test_a_reform_rules_from_its_day_and_not_before(law: Law) -> None:
    row = Row(200, date(2027, 1, 1), None, "fee-act", "1", "reform", provisional=True)
    reformed = law.overlay({"entry": row})
    kind = {"answers": {"kind": "adult"}}

    before = reformed.compute("museum.entry", kind, date(2026, 12, 31)).amount

    assert before == 120
    with pytest.raises(Missing):
        reformed.compute("museum.entry", kind, date(2027, 1, 1))
    assert reformed.compute("museum.entry", {}, date(2027, 1, 1)).amount == 200


def test_a_share_is_rounded_half_up_to_the_gapik(law: Law) -> None:
    reading = Reading(law.parameters, {}, date(2026, 1, 1))

    line = reading.share(Text("Pay", "Share", "Доля"), Qepik(1020), "share")

    assert line.amount == 128
    assert reading.steps[0].value == Decimal("0.125")


def test_a_rate_is_no_sum(law: Law) -> None:
    reading = Reading(law.parameters, {}, date(2026, 1, 1))

    with pytest.raises(Invalid) as caught:
        reading.charge("share")

    assert caught.value.code == "parameter.not_money"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("value: 100", "value: 1.5", "parameters.entry.rows.0.value"),
        ("value: 100", "value: -1", "parameters.entry.rows.0.value"),
        ('"0.125"', "0.125", "parameters.share.rows.0.value"),
        ("until: 2024-12-31", "until: 2025-01-01", "parameters.entry.rows"),
        ("until: 2024-12-31", "until: 2023-01-01", "parameters.entry.rows.0.until"),
        ("act: fee-act", "act: free-act", "parameters.entry.rows.0.act"),
        ("unit: rate", "unit: percent", "parameters.share.unit"),
        ("source: gazette}", "note: none}", "parameters.entry.rows.0.source"),
    ],
)
def test_a_wrong_row_is_named_with_a_valid_example(
    folder: Path, old: str, new: str, key: str
) -> None:
    file = folder / "parameters" / "fees.yaml"
    file.write_text(PARAMETERS.replace(old, new, 1), "utf-8")

    with pytest.raises(Misconfigured) as caught:
        load_parameters(folder / "parameters", ACTS)

    assert (caught.value.facts["file"], caught.value.facts["key"]) == (str(file), key)
    assert caught.value.facts["example"]


def test_two_rules_of_one_name_do_not_start(folder: Path) -> None:
    (folder / "twice.py").write_text(RULES, "utf-8")

    with pytest.raises(Misconfigured) as caught:
        Law.load(folder, ACTS)

    assert caught.value.facts["value"] == "museum.entry"


def test_a_module_that_fails_does_not_start(folder: Path) -> None:
    (folder / "broken.py").write_text("1 / 0", "utf-8")

    with pytest.raises(Misconfigured) as caught:
        Law.load(folder, ACTS)

    assert "ZeroDivisionError" in str(caught.value.facts["value"])
