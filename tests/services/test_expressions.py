"""Conditions: dates, absence, bounds."""

from datetime import date

import pytest

from pencere.kernel.errors import Invalid
from pencere.services.expressions import Absent, compiled, evaluate, holds, holds_if_known, paths
from pencere.services.model.common import Expression


def of(source: str) -> Expression:
    return Expression(source, "test")


TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("lost_on", "expected"),
    [(date(2026, 11, 19), True), (TODAY, True), (date(2026, 11, 21), False)],
)
def test_dates_compare_as_days(lost_on: date, expected: bool) -> None:
    context = {"answers": {"lost_on": lost_on}, "today": TODAY}

    assert holds(of("answers.lost_on <= today"), context) is expected


def test_a_date_of_a_register_is_text_and_compares_with_a_date() -> None:
    context = {"facts": {"licence": {"expires": "2026-11-20"}}, "today": TODAY}

    assert holds(of("facts.licence.expires == today"), context)


def test_what_a_person_typed_stays_text_even_when_it_looks_like_a_date() -> None:
    assert evaluate(of("answers.note"), {"answers": {"note": "2026-11-20"}}) == "2026-11-20"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plus_years(facts.day, 1)", date(2025, 2, 28)),
        ("plus_years(facts.day, 4)", date(2028, 2, 29)),
        ("plus_months(facts.day, -12)", date(2023, 2, 28)),
        ("plus_days(facts.day, 1)", date(2024, 3, 1)),
        ("age(facts.day, timestamp('2025-02-28T00:00:00Z'))", 0),
        ("age(facts.day, timestamp('2025-03-01T00:00:00Z'))", 1),
    ],
)
def test_the_calendar_is_counted_as_people_do(source: str, expected: object) -> None:
    assert evaluate(of(source), {"facts": {"day": "2024-02-29"}}) == expected


def test_what_is_not_there_is_an_error_and_never_a_no() -> None:
    with pytest.raises(Absent):
        holds(of("facts.medical.valid_until >= today"), {"facts": {}, "today": TODAY})


def test_a_null_is_absent() -> None:
    assert holds(of("has(facts.medical)"), {"facts": {"medical": None}}) is False


def test_a_question_that_depends_on_an_answer_not_given_is_not_asked() -> None:
    assert holds_if_known(of("answers.reason == 'lost'"), {"answers": {}}) is False


def test_a_condition_that_gives_no_yes_or_no_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        holds(of("answers.length"), {"answers": {"length": 3}})

    assert caught.value.code == "expression.not_yes_or_no"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("answers.", "expression.syntax"),
        ("secrets.key == 1", "expression.unknown_variable"),
        ("open('/etc/passwd')", "expression.unknown_function"),
        ("true" + " && true" * 200, "expression.too_long"),
        ("answers.a.all(x, x.all(y, y.all(z, z)))", "expression.too_deep"),
    ],
)
def test_an_expression_that_cannot_be_trusted_does_not_compile(source: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        compiled(source)

    assert caught.value.code == code


def test_a_list_without_end_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        evaluate(of("size(answers.rows)"), {"answers": {"rows": list(range(501))}})

    assert caught.value.code == "expression.list_too_long"


def test_an_expression_tells_what_it_reads() -> None:
    source = "has(facts.a) && facts.a.name.startsWith('facts.x') && answers.l.exists(v, v.w > 1)"

    assert list(paths(source)) == [
        ("facts", "a"),
        ("facts", "a", "name"),
        ("answers", "l"),
    ]
