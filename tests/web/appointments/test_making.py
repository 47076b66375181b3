"""Slots of the days ahead: hours, holidays, clocks that move, twice the same."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from pencere.kernel.clock import BAKU
from pencere.web.appointments.domain import making
from pencere.web.appointments.domain.slots import times
from pencere.web.appointments.models import Slot

FRIDAY = datetime(2026, 11, 6, 14, 5, tzinfo=UTC)  # 18:05 in Baku: Friday is over


def test_slots_are_made_once_and_not_on_holidays(db: None) -> None:
    making.make(at=FRIDAY)
    count = Slot.objects.count()
    making.make(at=FRIDAY)

    days = sorted({slot.starts_at.astimezone(BAKU).date() for slot in Slot.objects.all()})
    # The 8th and 9th of November are Victory Day and Flag Day; the days off move on.
    assert Slot.objects.count() == count
    assert days[0] == date(2026, 11, 11)
    assert all(day.weekday() < 5 for day in days)
    assert days[-1] <= date(2026, 11, 27)
    assert not Slot.objects.filter(starts_at__lte=FRIDAY).exists()


def test_a_slot_stands_in_the_clock_of_the_country(db: None) -> None:
    making.make(at=FRIDAY)

    first = Slot.objects.filter(place="baku-licences").order_by("starts_at")[0]

    assert first.starts_at == datetime(2026, 11, 11, 5, 0, tzinfo=UTC)  # 09:00 in Baku
    assert first.ends_at - first.starts_at == timedelta(minutes=20)


@pytest.mark.parametrize(
    ("day", "count"),
    [(date(2026, 3, 28), 4), (date(2026, 3, 29), 2), (date(2026, 10, 25), 6)],
    ids=["ordinary", "an hour is missing", "an hour stands twice"],
)
def test_where_clocks_move_no_slot_is_shorter_or_twice(day: date, count: int) -> None:
    found = list(
        times(
            days=iter([day]),
            hours=((time(1), time(3)),),
            length=timedelta(minutes=30),
            is_working=lambda _: True,
            zone=ZoneInfo("Europe/Berlin"),
        )
    )

    lengths = {end.astimezone(UTC) - start.astimezone(UTC) for start, end in found}
    assert (len({start.astimezone(UTC) for start, _ in found}), lengths) == (
        count, {timedelta(minutes=30)},
    )  # fmt: skip
