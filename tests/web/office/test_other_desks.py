"""A case goes to another desk and comes back: an opinion, another body, an officer's pause."""

import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from pencere.countries import Country, az
from pencere.kernel.clock import FixedClock
from pencere.web.cases.domain import definitions, housekeeping
from pencere.web.cases.models import Case, CaseEvent, Effect
from pencere.web.people.models import Person

SERVICE = "driving-licence-replace"
Desk = Callable[[str, str], tuple[Person, Client]]


@pytest.fixture(scope="module")
def other_country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    folder = tmp_path_factory.mktemp("country") / "az"
    shutil.copytree(Path(az.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "services" / SERVICE / "versions" / "1" / SERVICE / "service.yaml"
    text = file.read_text("utf-8")
    for name, mark in (("actions", "        mend:\n"), ("states", "    mending:\n")):
        assert text.count(mark) == 1
        more = (Path(__file__).parent / f"other_desks_{name}.yaml").read_text("utf-8")
        text = text.replace(mark, more + mark)
    file.write_text(text, "utf-8")
    return Country.load_folder(folder)


@pytest.fixture
def case(make_case: Any, other_country: Country, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(definitions, "country", lambda: other_country)
    made: Case = make_case()
    return made


@pytest.fixture
def desk(make_officer: Any, sign_in: Callable[..., Client]) -> Desk:
    def at(body: str, role: str) -> tuple[Person, Client]:
        someone = make_officer()
        return someone, sign_in(someone, (body, role))

    return at


def act(client: Client, case: Case, action: str, **more: Any) -> int:
    case.refresh_from_db()
    sent = {"action": action, "version": case.version, "comment": "Yoxlanıldı", **more}
    status = client.post(f"/en/cases/{case.number}/decide/", sent).status_code
    case.refresh_from_db()
    return status


def take(client: Client, case: Case) -> int:
    return client.post(f"/en/cases/{case.number}/take/").status_code


def stands(case: Case) -> tuple[str, str, Any, bool]:
    case.refresh_from_db()
    return case.state, case.body, case.officer_id, case.is_paused


def test_an_opinion_is_asked_of_another_body_and_the_case_comes_back_to_its_officer(
    case: Case, desk: Desk, node: Any
) -> None:
    node.says("dyp/disqualification", decision="X", **{"from": "2026-01-01", "until": "2027-01-01"})
    (officer, at_desk), (expert, at_health) = desk("dyp", "officer"), desk("health", "expert")
    take(at_desk, case)
    early = at_health.get(f"/en/cases/{case.number}/").status_code

    act(at_desk, case, "ask")
    asked = stands(case)
    listed = at_health.get("/en/?show=waiting").content.decode()
    taken = take(at_health, case)
    page = at_health.get(f"/en/cases/{case.number}/").content.decode()
    given = act(at_health, case, "give")

    assert (early, taken, given) == (404, 302, 302)
    assert asked == ("opinion", "health", None, True)
    assert case.number in listed
    assert "Give an opinion" in page
    assert stands(case) == ("review", "dyp", officer.pk, False)
    assert node.asked_by(expert) == []  # what only the service's body may ask stays unasked
    last = CaseEvent.objects.filter(case=case, kind="acted").last()
    assert last is not None
    assert (last.by, last.by_role) == (expert, "expert")
    assert at_health.get(f"/en/cases/{case.number}/").status_code == 404


def test_an_expert_decides_nothing_and_takes_only_what_asks_for_one(case: Case, desk: Desk) -> None:
    (_, at_desk), (_, at_health) = desk("dyp", "officer"), desk("health", "expert")
    _, of_the_body = desk("dyp", "expert")

    early = take(of_the_body, case)
    take(at_desk, case)
    act(at_desk, case, "ask")
    take(at_health, case)
    act(at_health, case, "grant")

    assert (early, stands(case)[0]) == (403, "opinion")


def test_an_opinion_that_does_not_come_lets_the_case_go_on_with_its_officer(
    case: Case, desk: Desk, clock: FixedClock
) -> None:
    officer, at_desk = desk("dyp", "officer")
    take(at_desk, case)
    act(at_desk, case, "ask")
    clock.advance(timedelta(days=30))

    happened = [housekeeping.tick(case_id=case.pk, at=clock.now()) for _ in range(2)]

    assert happened == [True, False]
    assert stands(case) == ("review", "dyp", officer.pk, False)


def test_a_case_that_is_another_body_s_is_transferred_and_decided_there(
    case: Case, desk: Desk, applicant: Person, sign_in: Callable[..., Client]
) -> None:
    (_, at_desk), (other, elsewhere) = desk("dyp", "officer"), desk("idda", "officer")
    take(at_desk, case)

    without_ground = act(at_desk, case, "transfer")
    act(at_desk, case, "transfer", reasons=["abroad"])
    moved = stands(case)
    still = act(at_desk, case, "grant")
    take(elsewhere, case)
    mine = stands(case)
    act(elsewhere, case, "grant")

    assert (without_ground, still) == (422, 403)
    assert moved == ("elsewhere", "idda", None, False)
    assert mine == ("elsewhere", "idda", other.pk, False)
    assert (case.state, case.outcome) == ("granted", "granted")
    assert Effect.objects.filter(case=case, state="granted").exists()


def test_who_left_the_office_does_not_get_the_case_back(case: Case, desk: Desk) -> None:
    (officer, at_desk), (_, elsewhere) = desk("dyp", "officer"), desk("idda", "officer")
    take(at_desk, case)
    act(at_desk, case, "transfer", reasons=["abroad"])
    officer.offices.all().delete()
    take(elsewhere, case)

    act(elsewhere, case, "back")

    assert stands(case) == ("review", "dyp", None, False)


def test_an_officer_pauses_the_term_on_a_ground_of_the_law_and_goes_on(
    case: Case, desk: Desk
) -> None:
    officer, at_desk = desk("dyp", "officer")
    take(at_desk, case)

    refused = act(at_desk, case, "pause")
    act(at_desk, case, "pause", reasons=["court"])
    paused = stands(case)
    act(at_desk, case, "go_on")

    page = re.sub(r"\s+", " ", at_desk.get(f"/en/cases/{case.number}/").content.decode())
    assert refused == 422
    assert paused == ("paused", "dyp", officer.pk, True)
    assert stands(case) == ("review", "dyp", officer.pk, False)
    assert "Yoxlanıldı" in page
