"""What time does to a session, with the hand of the clock in the test's."""

import uuid
from datetime import timedelta

import pytest
from tests.trust.conftest import Enrolee, Founded

from pencere.kernel.errors import Conflict, Missing
from pencere.trust import devices, relying_parties, sessions
from pencere.trust.sessions import Answer, Question, Result

PARTY = uuid.UUID(int=7)


@pytest.fixture
def asked(founded: Founded, aydan: Enrolee) -> tuple[uuid.UUID, devices.Device]:
    with founded.connect() as connection:
        relying_parties.register(connection, PARTY, "Portal", "s" * 43)
        device = devices.find(connection, "PNOAZ-1ABCDE2", aydan.person.phone)
        question = Question(PARTY, "signature", b"\1" * 32, "SHA256", "az", "Ərizə")
        return sessions.ask(connection, question, device, at=founded.clock.now()), device


def result(founded: Founded, session: uuid.UUID) -> Result | None:
    with founded.connect() as connection:
        found = sessions.outcome(
            connection, session, relying_party=PARTY, kind="signature", at=founded.clock.now()
        )
    return found and found.result


def test_a_phone_that_does_not_fetch_the_request_is_absent(founded: Founded, asked) -> None:
    founded.clock.advance(timedelta(seconds=29))
    just_before = result(founded, asked[0])
    founded.clock.advance(timedelta(seconds=1))

    assert (just_before, result(founded, asked[0])) == (None, Result.PHONE_ABSENT)


def test_a_person_who_does_not_answer_is_timed_out(founded: Founded, asked) -> None:
    session, device = asked
    with founded.connect() as connection:
        sessions.mark_delivered(connection, [session], at=founded.clock.now())
    founded.clock.advance(timedelta(seconds=119))
    just_before = result(founded, session)
    founded.clock.advance(timedelta(seconds=1))

    assert (just_before, result(founded, session)) == (None, Result.TIMEOUT)
    with founded.connect() as connection:
        assert sessions.waiting(connection, device, at=founded.clock.now()) == []


def test_an_answer_after_the_time_is_too_late(founded: Founded, asked) -> None:
    session, device = asked
    founded.clock.advance(timedelta(minutes=2))

    with founded.connect() as connection, pytest.raises(Conflict, match=r"session\.expired"):
        sessions.answer(
            connection, device, session, Answer(Result.USER_CANCELLED), at=founded.clock.now()
        )
    assert result(founded, session) == Result.TIMEOUT


def test_another_relying_party_may_not_know_of_a_session(founded: Founded, asked) -> None:
    with founded.connect() as connection, pytest.raises(Missing, match=r"session\.missing"):
        sessions.outcome(
            connection,
            asked[0],
            relying_party=uuid.UUID(int=8),
            kind="signature",
            at=founded.clock.now(),
        )


def test_what_is_over_is_forgotten(founded: Founded, asked) -> None:
    founded.clock.advance(timedelta(minutes=13))
    with founded.connect() as connection:
        sessions.forget_expired(connection, at=founded.clock.now())
        left = connection.execute("select count(*) from trust.session").fetchone()

    assert left == (0,)
