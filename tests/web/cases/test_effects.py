"""Effects: done once however often they are run; one that fails is seen and tried again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from pencere.kernel.errors import Conflict, Missing
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting
from pencere.web.cases.domain.effects import run, write
from pencere.web.cases.models import Case, Effect
from pencere.web.cases.tasks import FORGOTTEN, every_minute
from pencere.web.notifications.models import Message
from pencere.web.people.models import Person


@pytest.fixture
def granted(sent: Case, registers: Any, make_person: Callable[..., Person]) -> Case:
    officer = make_person("2RSAD76")
    return acting.act(
        case=sent, action="grant", by=Actor(str(officer.pk), frozenset({Role.OFFICER})),
        officer=officer, version=sent.version, gateway=registers, at=settings.CLOCK.now(),
    )  # fmt: skip


@pytest.fixture
def mending(sent: Case, registers: Any, make_person: Callable[..., Person]) -> Case:
    officer = make_person("2RSAD76")
    return acting.act(
        case=sent, action="mend", by=Actor(str(officer.pk), frozenset({Role.OFFICER})),
        officer=officer, version=sent.version, comment="Üz görünmür.", gateway=registers,
        at=settings.CLOCK.now(),
    )  # fmt: skip


def do(effect: Effect, registers: Any) -> str:
    return str(run.run(effect_id=effect.pk, gateway=registers, at=settings.CLOCK.now()))


def jobs_of(effect: Effect) -> list[str]:
    found = ProcrastinateJob.objects.filter(args={"effect_id": effect.pk})
    return list(found.values_list("status", flat=True))


def fail_job(effect: Effect) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "update procrastinate_jobs set status = 'failed' where (args->>'effect_id')::int = %s",
            [effect.pk],
        )


def test_a_worker_killed_after_the_register_wrote_writes_nothing_twice(
    granted: Case, registers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = Effect.objects.get(case=granted, name="licence")

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit  # no acknowledgement, no note: as SIGKILL leaves it

    with monkeypatch.context() as dying:
        dying.setattr(run, "_finish", killed)
        with pytest.raises(SystemExit):
            do(effect, registers)
    effect.refresh_from_db()
    left = effect.status

    again = do(effect, registers)

    assert (left, again, len(registers.done)) == ("pending", "done", 1)
    assert list(registers.done) == [write.idempotency_key(effect.key)]


def test_an_effect_waits_for_those_before_it_and_they_wake_it(
    granted: Case, registers: Any
) -> None:
    first = Effect.objects.get(case=granted, name="licence")
    later = next(one for one in granted.effects.all() if first.key in one.waits_for)

    before = (do(later, registers), jobs_of(later))
    do(first, registers)

    assert before == ("pending", [])
    assert jobs_of(later) == ["todo"]


def test_a_message_is_told_once(mending: Case, registers: Any) -> None:
    effect = Effect.objects.get(case=mending, name="told")
    do(effect, registers)
    Effect.objects.filter(pk=effect.pk).update(status="pending")  # the note was lost

    do(effect, registers)

    assert Message.objects.filter(subject=mending.number).count() == 1


def test_an_effect_that_fails_is_seen_and_can_be_tried_again(
    granted: Case, registers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = Effect.objects.get(case=granted, name="licence")

    def refused(**_: Any) -> Any:
        raise Conflict("record.version")

    with monkeypatch.context() as broken:
        broken.setattr(registers, "transact", refused)
        with pytest.raises(Conflict):
            do(effect, registers)
    fail_job(effect)
    effect.refresh_from_db()
    seen = [(one.status, one.problem) for one in run.failed_of(granted)]

    run.retry(effect_id=effect.pk)

    jobs = jobs_of(effect)
    assert seen == [("failed", "record.version")]
    assert (jobs, do(effect, registers), len(registers.done)) == (["todo"], "done", 1)


def test_a_fault_of_our_own_is_seen_too(
    granted: Case, registers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = Effect.objects.get(case=granted, name="licence")

    def broken(**_: Any) -> Any:
        raise KeyError("number")

    monkeypatch.setattr(registers, "transact", broken)
    with pytest.raises(KeyError):
        do(effect, registers)

    effect.refresh_from_db()
    assert (effect.status, effect.problem, effect.attempts) == ("failed", "effect.internal", 1)


@pytest.mark.parametrize("status", ["pending", "waiting", "done"])
def test_only_what_failed_is_tried_again(granted: Case, status: str) -> None:
    effect = Effect.objects.get(case=granted, name="licence")
    Effect.objects.filter(pk=effect.pk).update(status=status)

    with pytest.raises(Conflict) as refusal:
        run.retry(effect_id=effect.pk)

    assert refusal.value.code == "effect.not-failed"


def test_an_effect_nobody_planned_is_not_tried(db: None) -> None:
    with pytest.raises(Missing):
        run.retry(effect_id=1)


def test_an_effect_whose_job_was_lost_gets_another(granted: Case, clock: Any) -> None:
    effect = Effect.objects.get(case=granted, name="licence")
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")
    Effect.objects.filter(pk=effect.pk).update(planned_at=clock.now() - 2 * FORGOTTEN)

    every_minute(0)

    assert jobs_of(effect) == ["todo"]
