"""The term is lengthened at the desk: the applicant is told once, with the grounds and the day."""

import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from pencere.countries import Country, az
from pencere.kernel.errors import Conflict
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.cases.domain import definitions, extending
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.notifications.models import Message
from pencere.web.people.models import Person

SERVICE = "driving-licence-replace"
TERM = "term: {working_days: 1, from: paid}"
LONGER = (
    "term: {working_days: 1, from: paid, extend: {working_days: 3, by: officer, reasons:"
    " [{id: archive, act: yol-herekati-haqqinda, text: {az: Arxiv sorğusu göndərilib.,"
    " en: The archive was asked., ru: Отправлен запрос в архив.}}]}}"
)


@pytest.fixture(scope="module")
def longer_country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    folder = tmp_path_factory.mktemp("country") / "az"
    shutil.copytree(Path(az.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "services" / SERVICE / "versions" / "1" / SERVICE / "service.yaml"
    text = file.read_text("utf-8")
    assert TERM in text
    file.write_text(text.replace(TERM, LONGER), "utf-8")
    return Country.load_folder(folder)


@pytest.fixture
def case(make_case: Any, longer_country: Country, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(definitions, "country", lambda: longer_country)
    made: Case = make_case()
    return made


@pytest.fixture
def officer(make_officer: Any) -> Person:
    found: Person = make_officer()
    return found


@pytest.fixture
def desk(case: Case, officer: Person, sign_in: Callable[..., Client]) -> Client:
    client = sign_in(officer, ("dyp", "officer"))
    client.post(f"/en/cases/{case.number}/take/")
    return client


def place(case: Case) -> str:
    return f"/en/cases/{case.number}/extend/"


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def form(case: Case, **changes: Any) -> dict[str, Any]:
    version = Case.objects.values_list("version", flat=True).get(pk=case.pk)
    return {"version": version, "reasons": ["archive"], "comment": "Bakı arxivi"} | changes


def test_the_new_day_is_shown_done_and_told_once(case: Case, desk: Client, officer: Person) -> None:
    before = text(desk, f"/en/cases/{case.number}/")
    page = text(desk, place(case))
    sent = form(case)
    first = desk.post(place(case), sent)
    second = desk.post(place(case), sent)
    after = text(desk, f"/en/cases/{case.number}/")

    case.refresh_from_db()
    assert place(case) in before
    assert "will be 26 November 2026 instead of 23 November 2026" in page
    assert (first.status_code, second.status_code) == (302, 302)
    assert str(case.due) == "2026-11-26"
    assert "Extended on 20 November 2026: The archive was asked." in after
    assert "Nothing was done twice" in after
    assert place(case) not in after
    (message,) = Message.objects.filter(key=f"{case.number}:extended:1")
    assert message.person_id == case.person_id
    assert message.text["en"] == (
        "The term of your application is extended to 26 November 2026."
        " Grounds: The archive was asked."
    )
    (event,) = CaseEvent.objects.filter(case=case, kind="clock_extended")
    assert (event.by, event.by_role) == (officer, "officer")
    assert event.facts == {"due": "2026-11-26", "reasons": ["archive"], "length": 3}


def test_the_applicant_reads_it_in_the_timeline(
    case: Case, desk: Client, sign_in: Callable[..., Client], settings: Any
) -> None:
    desk.post(place(case), form(case))
    settings.ROLE, settings.ROOT_URLCONF = "portal", "pencere.web.urls.portal"

    page = text(sign_in(case.person), f"/en/cases/{case.number}/")

    assert "The term was extended to 26 November 2026" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reasons": []}, "f-reasons"),
        ({"reasons": ["storm", "<b>"]}, "f-reasons"),
        ({"comment": "x" * 4001}, "f-comment"),
    ],
)
def test_without_grounds_the_form_comes_back(
    case: Case, desk: Client, changes: dict[str, Any], said: str
) -> None:
    answer = desk.post(place(case), form(case, **changes))

    assert answer.status_code == 422
    assert f'href="#{said}' in answer.content.decode()
    assert not CaseEvent.objects.filter(case=case, kind="clock_extended").exists()


@pytest.mark.parametrize("version", ["0", "99", "-1", "x", ""])
def test_who_saw_another_version_does_nothing(case: Case, desk: Client, version: str) -> None:
    answer = desk.post(place(case), form(case, version=version))

    assert answer.status_code == 302
    assert not CaseEvent.objects.filter(case=case, kind="clock_extended").exists()


def test_a_service_without_an_extension_has_no_page(
    make_case: Any, officer: Person, sign_in: Callable[..., Client]
) -> None:
    case = make_case()
    desk = sign_in(officer, ("dyp", "officer"))

    assert "/extend/" not in text(desk, f"/en/cases/{case.number}/")
    assert desk.get(place(case)).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_of_two_officers_at_once_one_lengthens_it(case: Case, make_officer: Any) -> None:
    people = [make_officer("Rəşad"), make_officer("Vüqar")]
    version, found = case.version, []
    ready = threading.Barrier(2)

    def lengthen(person: Person) -> None:
        mine = Case.objects.select_related("person").get(pk=case.pk)
        ready.wait()
        try:
            extending.extend(
                case=mine, by=Actor(str(person.pk), frozenset({Role.OFFICER})), officer=person,
                reasons=["archive"], comment="", version=version, at=case.submitted_at,
            )  # fmt: skip
            found.append("done")
        except Conflict as refusal:
            found.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=lengthen, args=[one]) for one in people]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(found) == ["case.changed", "done"]
    assert Message.objects.filter(key__contains=":extended:").count() == 1
