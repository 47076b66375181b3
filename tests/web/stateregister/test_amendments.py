"""An amendment changes the text; what was done to the right meanwhile stands."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict
from pencere.web.stateregister.domain import accords, agreements
from pencere.web.stateregister.domain.accord_terms import checks
from pencere.web.stateregister.domain.directory import directory_content
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.domain.periods import gaps, periods
from pencere.web.stateregister.models import Accord, Agreement

pytestmark = pytest.mark.django_db
WHY = "Məlumatın istifadəsi yoxlanılır"


def is_in_directory(agreement: str) -> bool:
    return any(one["id"] == agreement for one in directory_content("AZ")["agreements"])


@pytest.fixture
def amended(
    to_sign: Callable[..., Accord], sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> Accord:
    """An agreement in force, and an amendment of it that the asking side has signed."""
    first = to_sign()
    sign(first, "consumer")
    sign(first, "provider")
    at = clock.now()
    row = accords.amend(first.agreement_id, actor=officers["proposer"], at=at)
    row = accords.save(row.number, version=row.version, terms={"fields": ["family"]},
                       actor=officers["proposer"], at=at)  # fmt: skip
    row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
    row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
    row = accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)
    return sign(row, "consumer")


def test_an_agreement_that_was_suspended_meanwhile_stays_suspended(
    amended: Accord, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    agreements.suspend(amended.agreement_id, actor=officers["approver"], reason=WHY,
                       at=clock.now())  # fmt: skip

    sign(amended, "provider")
    right = Agreement.objects.get(id=amended.agreement_id)
    while_suspended = (right.force, right.fields, is_in_directory(right.id))
    agreements.resume(right.id, actor=officers["approver"], reason=WHY, at=clock.now())

    assert while_suspended == ("suspended", ["family"], False)
    assert is_in_directory(right.id)


def test_a_notice_that_was_given_meanwhile_stands(
    amended: Accord, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    given = agreements.terminate(amended.agreement_id, actor=officers["holder_signatory"],
                                 reason=WHY, at=clock.now())  # fmt: skip

    sign(amended, "provider")
    right = Agreement.objects.get(id=amended.agreement_id)

    assert (given.last_day, right.last_day, right.fields) == (
        date(2026, 12, 23), date(2026, 12, 23), ["family"],
    )  # fmt: skip


def test_after_a_notice_no_longer_time_is_offered(
    to_sign: Callable[..., Accord], sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    first = to_sign()
    sign(first, "consumer")
    sign(first, "provider")
    at, actor = clock.now(), officers["proposer"]
    agreements.terminate(first.agreement_id, actor=officers["signatory"], reason=WHY, at=at)
    row = accords.amend(first.agreement_id, actor=actor, at=at)
    row = accords.save(row.number, version=row.version, terms={"until": "2027-06-30"},
                       actor=actor, at=at)  # fmt: skip

    failing = [one for one in checks(row, on=at.date()) if not one.holds and one.is_hard]

    assert [(one.code, one.detail) for one in failing] == [("notice_kept", "2026-12-23")]
    with pytest.raises(Conflict) as refused:
        accords.offer(row.number, version=row.version, actor=actor, at=at)
    assert refused.value.code == "stateregister.not_complete"


def test_an_agreement_that_has_ended_is_not_begun_anew_by_a_late_signature(
    amended: Accord, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    agreements.terminate(amended.agreement_id, actor=officers["signatory"], reason=WHY,
                         at=clock.now())  # fmt: skip
    clock.advance(timedelta(days=31))
    ended = agreements.end_what_is_over(at=clock.now())

    with pytest.raises(Conflict) as refused:
        sign(amended, "provider")
    amended.refresh_from_db()

    assert (ended, refused.value.code, amended.state) == (
        1, "stateregister.decided", "withdrawn",
    )  # fmt: skip
    assert not is_in_directory(amended.agreement_id)
    with pytest.raises(Conflict):
        accords.amend(amended.agreement_id, actor=officers["proposer"], at=clock.now())


def test_an_amendment_that_is_to_begin_later_leaves_the_old_text_until_then(
    to_sign: Callable[..., Accord], sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    first = to_sign()
    sign(first, "consumer")
    sign(first, "provider")
    at = clock.now()
    row = accords.amend(first.agreement_id, actor=officers["proposer"], at=at)
    row = accords.save(row.number, version=row.version, actor=officers["proposer"], at=at,
                       terms={"fields": ["family"], "from": "2026-12-01"})  # fmt: skip
    row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
    row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
    row = accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)
    sign(row, "consumer")
    row = sign(row, "provider")
    found = []
    with pytest.raises(Conflict):
        accords.withdraw(row.number, version=row.version, actor=officers["proposer"], at=at)

    for days in (0, 7, 1, 1):
        clock.advance(timedelta(days=days))
        begun = agreements.begin_what_is_due(at=clock.now())
        right = Agreement.objects.get(id=row.agreement_id)
        found.append((begun, right.fields, is_in_directory(right.id)))

    assert found == [
        (0, ["family", "given"], True), (0, ["family", "given"], True), (1, ["family"], True),
        (0, ["family"], True),
    ]  # fmt: skip
    assert periods()[row.agreement_id] == ((date(2026, 11, 23), date(2028, 12, 31)),)


def test_the_days_of_a_right_are_those_of_its_acts(
    amended: Accord, sign: Any, officers: dict[str, Actor], clock: FixedClock
) -> None:
    def wait(days: int) -> date:
        clock.advance(timedelta(days=days))
        return clock.now().date()

    actor, name = officers["approver"], amended.agreement_id
    suspended = wait(10)
    agreements.suspend(name, actor=actor, reason=WHY, at=clock.now())
    wait(2)
    sign(amended, "provider")
    resumed = wait(3)
    agreements.resume(name, actor=actor, reason=WHY, at=clock.now())
    wait(4)
    last = agreements.terminate(name, actor=officers["signatory"], reason=WHY,
                                at=clock.now()).last_day  # fmt: skip
    wait(40)
    agreements.end_what_is_over(at=clock.now())

    found = periods()[name]

    assert found == ((date(2026, 11, 23), suspended), (resumed, last))
    assert gaps(found) == ((suspended + timedelta(days=1), resumed - timedelta(days=1)),)
