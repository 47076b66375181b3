"""What was so on a day, as it was known at an instant: compared with a model of paper slips."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pencere.kernel.errors import Invalid, Missing
from pencere.registers.records import Operation
from pencere.registers.writing import write

pytestmark = pytest.mark.anyio

FIRST = date(2026, 1, 1)
GEARS = ("net", "rod", "trap")


@dataclass(frozen=True)
class Slip:
    """One thing said: on recorded_at, about [valid_from, valid_to)."""

    recorded_at: datetime
    valid_from: date
    valid_to: date | None
    gear: str
    state: str

    def speaks_of(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def newest(slips: list[Slip], day: date, known_at: datetime) -> tuple[str, str] | None:
    """Of the slips that were there and speak of the day, the one written last."""
    told = [each for each in slips if each.recorded_at <= known_at and each.speaks_of(day)]
    return (told[-1].gear, told[-1].state) if told else None


steps = st.lists(
    st.tuples(
        st.sampled_from(["amend", "amend", "correct", "correct-past", "annul"]),
        st.integers(0, 60),
        st.integers(1, 30),
        st.sampled_from(GEARS),
    ),
    max_size=6,
)


async def play(sea, registers, number: int, script) -> None:
    """Write the script into a boat's record and ask for every corner of it."""
    caller = sea.caller()
    data = {"owner": sea.meri, "name": f"boat {number}", "length": 1}
    create = Operation("create", "built", valid_from=FIRST, data=data)
    [record] = await write(registers, sea.boat, caller, [create])
    slips = [Slip(sea.clock.now(), FIRST, None, "1", "valid")]
    current_from, state = FIRST, "valid"
    for kind, offset, length, gear in script:
        sea.clock.advance(timedelta(seconds=1))
        value = 2 + GEARS.index(gear)
        valid_from = FIRST + timedelta(days=offset)
        valid_to = valid_from + timedelta(days=length) if kind == "correct-past" else None
        operation = Operation(
            "correct" if kind == "correct-past" else kind,
            "said",
            valid_from=valid_from,
            valid_to=valid_to,
            record=record.id,
            version=record.version,
            data=None if kind == "annul" else {**data, "length": value},
        )
        allowed = {
            "amend": valid_from >= current_from,
            "correct": valid_from <= current_from,
            "correct-past": valid_to is not None and valid_to <= current_from,
            "annul": True,
        }[kind]
        if not allowed:
            with pytest.raises(Invalid):
                await write(registers, sea.boat, caller, [operation])
            continue
        [record] = await write(registers, sea.boat, caller, [operation])
        if kind == "annul":
            state = "annulled"
        said = record.data["length"] if kind == "annul" else value
        slips.append(Slip(sea.clock.now(), valid_from, valid_to, str(said), state))
        if kind != "correct-past":
            current_from = valid_from
        if kind == "annul":
            break
    days = {
        day + timedelta(days=shift)
        for slip in slips
        for day in (slip.valid_from, slip.valid_to or slip.valid_from)
        for shift in (-1, 0, 1)
    }
    for known_at in [slip.recorded_at for slip in slips]:
        for day in sorted(days):
            try:
                shown = await registers.read(sea.boat, caller, record.id, as_of=(day, known_at))
                got = (str(shown.data["length"]), shown.state)
            except Missing:
                got = None
            assert got == newest(slips, day, known_at)


async def test_as_of_agrees_with_paper_slips(sea) -> None:
    scripts: list[object] = []

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(steps)
    def collect(script: object) -> None:
        scripts.append(script)

    collect()
    async with sea.open() as registers:
        for number, script in enumerate(scripts):
            await play(sea, registers, number, script)


async def test_what_was_asked_by_key_is_as_of_too(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers, on=FIRST)
        sea.clock.advance(timedelta(days=1))
        amend = Operation(
            "amend",
            "new gear",
            valid_from=date(2026, 6, 1),
            record=made.id,
            version=1,
            data={**made.data, "gear": "net"},
        )
        await write(registers, sea.licence, sea.caller(), [amend])

        async def gear(day: date | None, known_at: datetime | None = None) -> list[object]:
            found = await registers.find(
                sea.licence, sea.caller(), {"person": sea.meri}, as_of=(day, known_at)
            )
            return [record.data["gear"] for record in found]

        yesterday = sea.clock.now() - timedelta(hours=1)
        answers = [
            await gear(None),
            await gear(date(2026, 5, 31)),
            await gear(date(2026, 6, 1)),
            await gear(date(2026, 6, 1), yesterday),
            await gear(date(2025, 12, 31)),
        ]

    assert answers == [["net"], ["rod"], ["net"], ["rod"], []]
