"""The term is reminded of before its end and told to the head after it, once, case by case."""

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections

from pencere.countries import Country, az
from pencere.kernel.clock import FixedClock
from pencere.kernel.identifiers import Fin
from pencere.web.cases import tasks
from pencere.web.cases.domain import definitions, reminding
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.notifications.models import Message
from pencere.web.people.domain import accounts
from pencere.web.people.models import OfficerRole, Person
from pencere.web.people.vault import Identity

TERM = "term: {working_days: 1, from: paid}"
FRIDAY, MONDAY, TUESDAY = (datetime(2026, 11, day, 8, tzinfo=UTC) for day in (20, 23, 24))


@pytest.fixture(scope="module")
def warned_country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    folder = tmp_path_factory.mktemp("country") / "az"
    shutil.copytree(Path(az.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
    service = "driving-licence-replace"
    file = folder / "services" / service / "versions" / "1" / service / "service.yaml"
    text = file.read_text("utf-8")
    assert TERM in text
    file.write_text(text.replace(TERM, "term: {working_days: 3, from: paid, warn: 1}"), "utf-8")
    return Country.load_folder(folder)


def holder(fin: str, role: str, body: str = "dyp") -> Person:
    identity = Identity(Fin(fin), "Rəşad", "Əliyev")
    person = accounts.open_account(identity, at=FRIDAY, phone="+994501000004")
    OfficerRole.objects.create(person=person, body=body, role=role)
    return person


@pytest.fixture
def head(db: None) -> Person:
    return holder("2RSA117", "unit-head")


@pytest.fixture
def officer(db: None) -> Person:
    return holder("2RSA127", "officer")


def told(case: Case) -> list[tuple[str, int]]:
    found = Message.objects.filter(key__startswith=f"{case.number}:", kind="task")
    return [(one.key.split(":")[1], one.person_id) for one in found.order_by("sent_at")]


@pytest.mark.parametrize(("day", "said"), [(FRIDAY, None), (MONDAY, None), (TUESDAY, "escalated")])
def test_the_head_is_told_the_day_after_the_last_day(
    sent: Case, head: Person, officer: Person, day: datetime, said: str | None
) -> None:
    assert sent.due == MONDAY.date()
    found = [reminding.remind(case_id=sent.pk, at=day) for _ in range(2)]

    assert found == [said, None]
    assert told(sent) == ([("escalated", head.pk)] if said else [])
    assert CaseEvent.objects.filter(case=sent, kind="escalated").count() == (1 if said else 0)


@pytest.mark.parametrize("has_it", [True, False])
def test_before_the_last_day_who_has_the_case_is_reminded_or_the_head(
    warned_country: Country, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
    head: Person, officer: Person, has_it: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(definitions, "country", lambda: warned_country)
    case: Case = request.getfixturevalue("sent")
    Case.objects.filter(pk=case.pk).update(officer=officer if has_it else None)
    days = [datetime(2026, 11, day, 8, tzinfo=UTC) for day in (23, 24, 25, 26)]

    found = [reminding.remind(case_id=case.pk, at=day) for day in days]

    assert str(case.due) == "2026-11-25"
    assert found == [None, "warned", None, "escalated"]
    assert told(case) == [("warned", (officer if has_it else head).pk), ("escalated", head.pk)]


def test_nobody_of_another_body_and_never_the_applicant_is_told(sent: Case, head: Person) -> None:
    holder("2RSA137", "unit-head", body="health")
    OfficerRole.objects.create(person=sent.person, body="dyp", role="unit-head")

    reminding.remind(case_id=sent.pk, at=TUESDAY)

    assert told(sent) == [("escalated", head.pk)]


def test_a_term_that_stands_or_is_over_reminds_nobody(sent: Case, head: Person) -> None:
    Case.objects.filter(pk=sent.pk).update(due=None)
    first = reminding.remind(case_id=sent.pk, at=TUESDAY)
    Case.objects.filter(pk=sent.pk).update(due=MONDAY.date(), closed_at=MONDAY)

    assert (first, reminding.remind(case_id=sent.pk, at=TUESDAY), told(sent)) == (None, None, [])


def test_one_broken_case_stops_no_other(
    sent: Case, head: Person, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    columns = {
        one.attname: getattr(sent, one.attname) for one in Case._meta.fields if one.name != "id"
    }
    broken = Case.objects.create(
        **columns
        | {"number": "BROKEN-1", "machine_sealed": b"x", "due": MONDAY.date() - timedelta(days=9)}
    )
    clock.advance(timedelta(days=4))

    tasks.every_hour(0)

    assert (told(broken), told(sent)) == ([], [("escalated", head.pk)])
    assert f"tick_failed case={broken.pk}" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_tell_once(sent: Case, head: Person) -> None:
    ready, found = threading.Barrier(2), []

    def job() -> None:
        try:
            ready.wait()
            found.append(reminding.remind(case_id=sent.pk, at=TUESDAY))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=job) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(found, key=str) == [None, "escalated"]
    assert told(sent) == [("escalated", head.pk)]
