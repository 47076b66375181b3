"""A clock that went back, jumped, drifts, or is vouched for by nobody gives no time."""

from datetime import datetime, timedelta

import pytest
from tests.trust.conftest import NOW, Founded

from pencere.kernel.clock import Clock, FixedClock
from pencere.kernel.errors import Unavailable
from pencere.trust import timestamps
from pencere.trust.profile import load_authority
from pencere.trust.steady_clock import (
    DatabaseClock,
    KernelClock,
    SteadyClock,
    kernel_state,
    since_boot,
)
from pencere.trust.timestamps import TimeStampUnit


class Machine:
    """A machine whose clock can be set apart from its counter."""

    def __init__(self) -> None:
        self.clock, self.counted = FixedClock(NOW), 100.0

    def run(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.counted += seconds

    def steady(self, *references: object) -> SteadyClock:
        return SteadyClock(self.clock, None, counter=lambda: self.counted, references=references)


def refusal(clock: SteadyClock) -> str | None:
    try:
        clock.now()
    except Unavailable as error:
        return error.code
    return None


def test_a_clock_set_forward_stops_until_it_is_set_right() -> None:
    machine = Machine()
    clock = machine.steady()
    clock.now()
    machine.clock.advance(timedelta(hours=1))
    jumped = refusal(clock)
    machine.run(30)
    still = refusal(clock)
    machine.clock.advance(-timedelta(hours=1))

    assert (jumped, still, refusal(clock), clock.now()) == (
        "clock.jumped",
        "clock.jumped",
        None,
        NOW + timedelta(seconds=30),
    )


def test_a_clock_set_back_a_little_is_seen_by_the_counter() -> None:
    machine = Machine()
    clock = machine.steady()
    clock.now()
    machine.run(10)
    clock.now()
    machine.clock.advance(-timedelta(seconds=0.9))

    assert refusal(clock) == "clock.jumped"


def test_slewing_is_followed() -> None:
    machine = Machine()
    clock = machine.steady()
    for _ in range(600):
        machine.run(10)
        machine.clock.advance(timedelta(milliseconds=5))  # 500 ppm
        clock.now()

    assert clock.now() == NOW + timedelta(seconds=6003)


class Witness:
    name = "witness"

    def __init__(self) -> None:
        self.said: str | None = None
        self.is_there = True

    def problem(self, clock: Clock) -> str | None:
        del clock
        if not self.is_there:
            raise Unavailable("clock.reference")
        return self.said


def test_a_clock_that_drifts_stops_and_goes_again() -> None:
    machine, witness = Machine(), Witness()
    clock, seen = machine.steady(witness), []
    for said in (None, "+0.700 s", None):
        witness.said = said
        clock.check()
        seen.append(refusal(clock))

    assert seen == [None, "clock.drifts", None]


def test_a_clock_that_nobody_vouches_for_stops() -> None:
    machine, witness = Machine(), Witness()
    clock = machine.steady(witness)
    clock.check()
    witness.is_there = False
    seen = []
    for seconds in (590, 20):
        machine.run(seconds)
        clock.check()
        seen.append(refusal(clock))
    witness.is_there = True
    clock.check()

    assert (seen, refusal(clock)) == ([None, "clock.unchecked"], None)


@pytest.mark.parametrize(
    ("offset", "expected"), [(0.4, None), (0.6, "+0.600 s"), (-0.6, "-0.600 s")]
)
def test_the_database_is_a_witness(offset: float, expected: str | None) -> None:
    clock = FixedClock(NOW)
    database = DatabaseClock(lambda: NOW + timedelta(seconds=offset))

    assert database.problem(clock) == expected


def test_a_slow_answer_of_the_database_proves_nothing() -> None:
    clock = FixedClock(NOW)

    def ask() -> datetime:
        clock.advance(timedelta(seconds=2))
        return NOW

    assert DatabaseClock(ask).problem(clock) is None


def test_the_kernel_says_what_it_knows() -> None:
    clock, state = FixedClock(NOW), kernel_state()
    assert state is not None
    is_synchronised, error_s = state

    lenient, strict = KernelClock().problem(clock), KernelClock(must_be_synchronised=True)
    if is_synchronised and error_s <= 0.5:
        assert (lenient, strict.problem(clock)) == (None, None)
    elif not is_synchronised:
        assert (lenient, strict.problem(clock)) == (None, "not synchronised")
    assert since_boot() > 0


def test_time_stamps_stop_and_go_with_the_clock(founded: Founded) -> None:
    machine = Machine()
    unit = TimeStampUnit(
        founded.centre.keystore.signer("tsa"), load_authority().tsa_policy, machine.steady()
    )
    asked = timestamps.request(bytes(32), nonce=5)
    sizes = [len(unit.respond(asked))]
    machine.clock.advance(-timedelta(minutes=5))
    sizes.append(len(unit.respond(asked)))
    machine.clock.advance(timedelta(minutes=5))
    sizes.append(len(unit.respond(asked)))

    assert [size > 500 for size in sizes] == [True, False, True]
