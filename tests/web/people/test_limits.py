"""Limits count who tried without keeping who it was."""

from datetime import timedelta

import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Refused
from pencere.web.people.domain.limits import Limit, count, forget
from pencere.web.people.models import Attempt

pytestmark = pytest.mark.django_db

LIMIT = Limit("test of", most=3, window=timedelta(minutes=10))


def tries(clock: FixedClock, who: str, times: int) -> list[str]:
    outcomes = []
    for _ in range(times):
        try:
            count(LIMIT, who, at=clock.now())
            outcomes.append("counted")
        except Refused as refusal:
            outcomes.append(refusal.code)
    return outcomes


def test_the_last_allowed_attempt_passes_and_the_next_does_not(clock: FixedClock) -> None:
    assert tries(clock, "5KQ2R7A", 4) == ["counted"] * 3 + ["limit.reached"]


def test_another_person_is_not_held_up(clock: FixedClock) -> None:
    tries(clock, "5KQ2R7A", 4)

    assert tries(clock, "4LEYL82", 1) == ["counted"]


def test_in_the_next_window_one_may_try_again(clock: FixedClock) -> None:
    tries(clock, "5KQ2R7A", 4)

    clock.advance(timedelta(minutes=10))

    assert tries(clock, "5KQ2R7A", 1) == ["counted"]


def test_the_refusal_says_how_many_minutes_to_wait(clock: FixedClock) -> None:
    tries(clock, "x", 3)

    with pytest.raises(Refused) as refusal:
        count(LIMIT, "x", at=clock.now())

    minutes = refusal.value.facts["n"]
    assert isinstance(minutes, int)
    assert 1 <= minutes <= 10


def test_counters_hold_digests_and_are_forgotten(clock: FixedClock) -> None:
    tries(clock, "5KQ2R7A", 1)

    seen = bytes(Attempt.objects.get().key_digest)
    clock.advance(timedelta(days=1))

    assert (b"5KQ2R7A" in seen, len(seen)) == (False, 32)
    assert forget(before=clock.now()) == 1
