"""A case whose time of keeping is over is forgotten wholly; that it was stays provable."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import InternalError, ProgrammingError, connection, transaction

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Missing
from pencere.services.case import Actor
from pencere.services.keeping import forget_on
from pencere.services.model.common import Role
from pencere.web.cases import tasks
from pencere.web.cases.domain import acting, definitions, files, forgetting, messages
from pencere.web.cases.models import (
    Attachment,
    Case,
    CaseEvent,
    CaseMessage,
    Draft,
    Effect,
    ForgottenCase,
    Supplement,
)
from pencere.web.people.models import Person

PICTURE = b"a picture"


@pytest.fixture
def refused(sent: Case, make_person: Callable[..., Person], registers: Any) -> Case:
    """A case that was refused, with a file, messages and effects that are done."""
    officer = make_person("2RSAD76")
    messages.write(
        case=sent, author=sent.person, from_body=False, text="Salam", at=settings.CLOCK.now(),
        form="00000000-0000-4000-8000-00000000000a",
    )  # fmt: skip
    case = acting.act(
        case=sent, action="refuse", by=Actor(str(officer.pk), frozenset({Role.OFFICER})),
        officer=officer, version=sent.version, reasons=["unfit"], comment="Söz", gateway=registers,
        at=settings.CLOCK.now(),
    )  # fmt: skip
    Effect.objects.filter(case=case).update(status="done")
    return case


def years_later(clock: FixedClock, years: int) -> None:
    clock.advance(timedelta(days=366 * years))


def left_of(case: Case) -> dict[str, int]:
    tables = (Case, CaseEvent, CaseMessage, Supplement, Effect, Attachment, Draft)
    return {table.__name__: table.objects.count() for table in tables}


def test_the_day_follows_from_the_outcome_and_the_law_of_the_service(refused: Case) -> None:
    refused.refresh_from_db()

    assert (refused.outcome, str(refused.forget_on)) == ("refused", "2031-11-21")


@pytest.mark.parametrize(
    ("outcome", "closed", "day"),
    [
        ("granted", date(2026, 11, 20), "2036-11-21"),
        ("lapsed", date(2024, 2, 29), "2025-03-01"),
        ("withdrawn", date(2026, 12, 31), "2028-01-01"),
        ("unheard-of", date(2026, 1, 1), "None"),
    ],
)
def test_a_year_ends_on_the_day_after(outcome: str, closed: date, day: str) -> None:
    definition = definitions.version_of("driving-licence-replace", 1)

    assert str(forget_on(definition, outcome, closed)) == day


def test_everything_of_the_case_goes_and_the_trace_is_about_nobody(
    refused: Case, clock: FixedClock
) -> None:
    digest = bytes(Attachment.objects.get().sha256)
    leaf = bytes(refused.leaf_hash)
    years_later(clock, 5)

    tasks.every_night(0)
    tasks.every_night(0)

    assert set(left_of(refused).values()) == {0}
    trace = ForgottenCase.objects.get()
    assert (trace.number, trace.outcome, trace.kept_for) == (refused.number, "refused", "P5Y")
    assert bytes(trace.leaf_hash) == leaf
    with pytest.raises(Missing):
        files.content_of(digest)
    with connection.cursor() as cursor:
        cursor.execute(
            "select convert_from(entry, 'UTF8') from ledger.pending where kind = 'forgotten'"
        )
        [(entry,)] = cursor.fetchall()
    assert refused.number in entry
    assert refused.person.fin not in entry


def test_a_case_is_kept_until_its_day_and_while_something_is_to_be_done(
    refused: Case, clock: FixedClock
) -> None:
    tasks.every_night(0)
    early = Case.objects.count()
    Effect.objects.filter(case=refused, name="money").update(status="waiting")
    years_later(clock, 6)

    tasks.every_night(0)

    assert (early, Case.objects.count(), ForgottenCase.objects.count()) == (1, 1, 0)


def test_a_file_that_another_application_holds_stays(refused: Case, clock: FixedClock) -> None:
    other = Draft.objects.create(
        number="X-1", person=refused.person, service="s", definition_version=1,
        created_at=clock.now(), saved_at=clock.now(), expires_at=clock.now(),
    )  # fmt: skip
    kept = Attachment.objects.get()
    Attachment.objects.create(
        draft=other, question="photo", name="b.jpg", media_type="image/jpeg", size_bytes=1,
        sha256=kept.sha256, added_at=clock.now(),
    )  # fmt: skip
    years_later(clock, 5)

    forgetting.forget(case_id=refused.pk, at=clock.now())

    assert files.content_of(bytes(kept.sha256)) == PICTURE


def test_killed_after_the_files_it_is_finished_by_the_next_run(
    refused: Case, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    years_later(clock, 5)
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "add_leaf", lambda *_: 1 / 0)
        tasks.every_night(0)
    between = (Case.objects.count(), ForgottenCase.objects.count())

    tasks.every_night(0)

    assert (between, Case.objects.count(), ForgottenCase.objects.count()) == ((1, 0), 0, 1)


def test_the_database_forgets_nothing_whose_day_has_not_come_or_without_a_trace(
    refused: Case, clock: FixedClock
) -> None:
    for day in ("2026-11-20", "2099-01-01"):  # too early; without a trace
        with (
            pytest.raises((InternalError, ProgrammingError)) as refusal,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("select cases_forget(%s, %s)", [refused.pk, day])
        assert isinstance(refusal.value.__cause__, psycopg.errors.InsufficientPrivilege)

    assert Case.objects.count() == 1


def test_the_daily_user_deletes_no_event_whatever_it_says_of_itself(
    refused: Case, postgres: Any
) -> None:
    name = str(connection.settings_dict["NAME"])
    with psycopg.connect(postgres.superuser_url(name)) as daily:
        daily.execute("set role web_app")
        daily.execute("set pencere.forgetting = 'on'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            daily.execute("delete from cases_caseevent")


def test_a_case_that_was_closed_before_days_were_kept_gets_one(refused: Case) -> None:
    Case.objects.filter(pk=refused.pk).update(forget_on=None)

    tasks.every_night(0)

    refused.refresh_from_db()
    assert str(refused.forget_on) == "2031-11-21"
