"""What a sign-in leaves behind is deleted when its time is over."""

from datetime import timedelta

import pytest

from pencere.kernel.clock import FixedClock
from pencere.web.identity.tasks import HOUR, SESSION_KEPT, forget
from pencere.web.people.domain import held_forms, limits, sessions
from pencere.web.people.models import Attempt, HeldForm, Person, Session, SignIn

pytestmark = pytest.mark.django_db

LIMIT = limits.Limit("test of forgetting", most=3, window=timedelta(minutes=1))


def leave_one_of_each(person: Person, clock: FixedClock) -> None:
    sessions.begin(person=person, assurance="high", device="Firefox", at=clock.now())
    limits.count(LIMIT, "5KQ2R7A", at=clock.now())
    for model, instant in ((HeldForm, {"held_at": clock.now(), "person": person}),
                           (SignIn, {"begun_at": clock.now(), "next_address": "/"})):  # fmt: skip
        digest = bytes([model.objects.count()]) * 32
        model.objects.create(token_digest=digest, sealed=b"x", **instant)


def left() -> list[int]:
    return [model.objects.count() for model in (SignIn, HeldForm, Attempt, Session)]


@pytest.mark.parametrize(
    ("after", "stays"),
    [
        (HOUR, [1, 1, 1, 1]),
        (held_forms.KEPT + timedelta(minutes=1), [0, 0, 0, 1]),
        (SESSION_KEPT, [0, 0, 0, 1]),
        (SESSION_KEPT + timedelta(seconds=1), [0, 0, 0, 0]),
    ],
)
def test_each_thing_goes_when_its_time_is_over(
    person: Person, clock: FixedClock, after: timedelta, stays: list[int]
) -> None:
    clock.advance(-timedelta(seconds=int(clock.now().timestamp()) % 60))
    leave_one_of_each(person, clock)

    clock.advance(after)
    forget(timestamp=0)

    assert left() == stays
