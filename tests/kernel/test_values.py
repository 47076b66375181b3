import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.clock import FixedClock, SystemClock, local_date
from pencere.kernel.dates import format_date, format_date_short, format_instant, parse_date
from pencere.kernel.errors import Conflict, Invalid, Misconfigured, PencereError
from pencere.kernel.money import format_amount, parse_amount
from pencere.kernel.text import Text
from pencere.kernel.working_days import WorkingCalendar


def outcome_of(parse, typed):
    try:
        return parse(typed)
    except Invalid as refusal:
        return refusal.code


def code_of(act, *given_values):
    with pytest.raises(PencereError) as refusal:
        act(*given_values)
    return refusal.value.code


def test_an_error_keeps_its_code_and_facts_across_processes():
    error = pickle.loads(pickle.dumps(Conflict("record.changed", version=3)))

    assert (type(error), error.code, error.facts) == (Conflict, "record.changed", {"version": 3})
    assert str(error) == "record.changed version=3"


def test_a_wrong_setting_names_file_key_value_and_a_valid_example():
    error = Misconfigured(file="a.yaml", key="port", value="x", example=8000)

    assert str(error) == "a.yaml: port is 'x'; a valid value is 8000"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_system_clock_is_aware_and_in_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_a_fixed_clock_moves_only_when_moved():
    clock = FixedClock(datetime(2026, 3, 5, 12, tzinfo=timezone(timedelta(hours=4))))
    before = clock.now()
    clock.advance(timedelta(minutes=1))

    assert (before, clock.now()) == (
        datetime(2026, 3, 5, 8, tzinfo=UTC),
        datetime(2026, 3, 5, 8, 1, tzinfo=UTC),
    )


def test_an_instant_without_a_time_zone_is_not_taken():
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(datetime(2026, 3, 5, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 3, 5, 19, 59, 59, tzinfo=UTC), date(2026, 3, 5)),
        (datetime(2026, 3, 5, 20, 0, 0, tzinfo=UTC), date(2026, 3, 6)),
    ],
)
def test_the_day_changes_at_midnight_in_baku(instant, day):
    assert local_date(instant) == day


def test_a_date_is_written_as_each_language_writes_it():
    day = date(2026, 3, 5)

    assert [format_date(day, language) for language in ("az", "en", "ru")] == [
        *["5 mart 2026", "5 March 2026", "5 марта 2026"]
    ]
    assert format_date_short(day) == "05.03.2026"


def test_an_instant_is_shown_in_baku_time():
    instant = datetime(2026, 3, 5, 20, 5, tzinfo=UTC)

    assert format_instant(instant, "az") == "6 mart 2026, 00:05"


def test_a_date_in_an_unknown_language_is_refused():
    assert code_of(format_date, date(2026, 3, 5), "de") == "text.unknown_language"


@pytest.mark.parametrize("typed", ["05.03.2026", "5.3.2026", " 2026-03-05 "])
def test_a_date_is_read_in_figures(typed):
    assert parse_date(typed) == date(2026, 3, 5)


@pytest.mark.parametrize(
    "typed", ["", "31.02.2026", "2026-3-5", "05/03/2026", "05.03.26", "\u06605.03.2026"]
)
def test_a_day_that_does_not_exist_is_refused(typed):
    assert code_of(parse_date, typed) == "date.invalid"


@given(day=st.dates(min_value=date(1000, 1, 1)))
def test_every_date_reads_back_from_both_forms(day):
    assert (parse_date(format_date_short(day)), parse_date(day.isoformat())) == (day, day)


@given(typed=st.text(max_size=12))
def test_any_text_is_a_date_or_refused(typed):
    outcome = outcome_of(parse_date, typed)

    assert outcome == "date.invalid" or isinstance(outcome, date)


@pytest.mark.parametrize(
    ("typed", "qepik"),
    [
        ("30", 3000),
        ("30.00", 3000),
        ("30,5", 3050),
        ("0.07", 7),
        ("1 234,50", 123450),
        ("1.234,50", 123450),
        ("1,234.50", 123450),
        ("1234567", 123456700),
        ("1\u00a0234\u00a0567", 123456700),
    ],
)
def test_an_amount_is_read_as_people_write_it(typed, qepik):
    assert parse_amount(typed) == qepik


@pytest.mark.parametrize(
    "typed",
    ["", "-1", "1.234", "1,234", "1.2.3", "1,23,4", "30.005", "1e3", "1 23", "٣٠", "9" * 40],
)
def test_an_unclear_amount_is_refused(typed):
    assert code_of(parse_amount, typed) == "amount.invalid"


def test_an_amount_is_written_as_each_language_writes_it():
    written = [format_amount(123450, language) for language in ("az", "en", "ru")]

    assert written == ["1.234,50 AZN", "1,234.50 AZN", "1\u00a0234,50 AZN"]
    assert [format_amount(3000, "az"), format_amount(-7, "az")] == ["30,00 AZN", "-0,07 AZN"]


@given(qepik=st.integers(0, 10**14), language=st.sampled_from(["az", "en", "ru"]))
def test_every_written_amount_reads_back(qepik, language):
    assert parse_amount(format_amount(qepik, language).removesuffix(" AZN")) == qepik


@given(typed=st.text(alphabet="0123456789., \u00a0-+e", max_size=12))
def test_any_figures_are_an_amount_or_refused(typed):
    outcome = outcome_of(parse_amount, typed)

    assert outcome == "amount.invalid" or (
        parse_amount(format_amount(outcome, "en").removesuffix(" AZN")) == outcome
    )


def test_a_text_has_all_three_languages():
    text = Text.from_mapping({"az": "Bəli", "en": "Yes", "ru": "Да"})

    assert [text.in_language(language) for language in ("az", "en", "ru")] == ["Bəli", "Yes", "Да"]
    assert Text.from_mapping(text.as_mapping()) == text


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"az": "Bəli", "en": "Yes"}, "text.incomplete"),
        ({"az": "Bəli", "en": "Yes", "ru": " "}, "text.incomplete"),
        ({"az": "Bəli", "en": "Yes", "ru": 1}, "text.incomplete"),
        ({"az": "Bəli", "en": "Yes", "ru": "Да", "de": "Ja"}, "text.unknown_language"),
    ],
)
def test_an_incomplete_text_is_refused(mapping, code):
    assert code_of(Text.from_mapping, mapping) == code


# 2026: Novruz 20-24 March (Fri-Tue); the 27th, a Friday, swapped with Saturday the 28th.
CALENDAR = WorkingCalendar(
    holidays=frozenset(date(2026, 3, day) for day in (20, 21, 22, 23, 24, 27)),
    working_weekends=frozenset({date(2026, 3, 28)}),
)


@pytest.mark.parametrize(
    ("day", "n", "due"),
    [
        (date(2026, 3, 18), 1, date(2026, 3, 19)),
        (date(2026, 3, 19), 1, date(2026, 3, 25)),
        (date(2026, 3, 19), 3, date(2026, 3, 28)),
        (date(2026, 3, 19), 4, date(2026, 3, 30)),
        (date(2026, 3, 21), 0, date(2026, 3, 21)),
    ],
)
def test_a_term_is_counted_from_the_day_after_and_skips_holidays(day, n, due):
    assert CALENDAR.add(day, n) == due


def test_a_term_that_ends_on_a_day_off_ends_on_the_next_working_day():
    assert CALENDAR.on_or_after(date(2026, 3, 20)) == date(2026, 3, 25)
    assert CALENDAR.on_or_after(date(2026, 3, 25)) == date(2026, 3, 25)


def test_an_overdue_term_counts_backwards():
    assert CALENDAR.count(date(2026, 3, 30), date(2026, 3, 19)) == -4


@given(start=st.dates(date(2026, 1, 1), date(2026, 12, 31)), n=st.integers(0, 300))
def test_counting_undoes_adding(start, n):
    assert CALENDAR.count(start, CALENDAR.add(start, n)) == n


@given(
    start=st.dates(date(2026, 1, 1), date(2026, 6, 30)),
    length=st.integers(0, 200),
)
def test_counting_is_looking_at_every_day(start, length):
    days = [start + timedelta(days=n) for n in range(1, length + 1)]
    assert CALENDAR.count(start, start + timedelta(days=length)) == sum(
        CALENDAR.is_working(day) for day in days
    )


def test_a_working_weekend_that_is_a_weekday_is_refused():
    assert code_of(WorkingCalendar, frozenset(), frozenset({date(2026, 3, 27)})) == (
        "calendar.working_weekend"
    )


def test_a_negative_term_is_refused():
    assert code_of(CALENDAR.add, date(2026, 3, 18), -1) == "term.out_of_range"
