"""The supervisor's page of what the country's files say otherwise."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from django.test import Client
from tests.web.office.test_state_register import BASE, browsers, page_of
from tests.web.stateregister.conftest import clock, founded, officers, people

from pencere.countries.country import Country
from pencere.web.office.state_register import newer_data as pages
from pencere.web.office.state_register import tasks
from pencere.web.stateregister.models import Application

__all__ = ["browsers", "clock", "founded", "officers", "people"]
pytestmark = pytest.mark.django_db
PAGE = f"{BASE}country-data/"
PERSONS = 'az: "Şəxslər"\n    en: "Persons"'
PEOPLE = 'az: "Şəxslər"\n    en: "People <b>"'
Edit = Callable[[str, str], None]


@pytest.fixture
def edit(founded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Put other words into `exchange.yaml` of the country that the pages read."""
    folder = tmp_path / "az"
    copytree(Country.load("az").folder, folder)

    def change(old: str, new: str) -> None:
        file = folder / "exchange.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        for module in (pages, tasks):
            monkeypatch.setattr(module, "country", lambda: Country.load_folder(folder))

    return change


def test_a_supervisor_sees_both_values_and_drafts_an_application(
    browsers: dict[str, Client], edit: Edit
) -> None:
    none = page_of(browsers["supervisor"], PAGE)
    edit(PERSONS, PEOPLE)

    start = page_of(browsers["supervisor"], BASE)
    page = page_of(browsers["supervisor"], PAGE)
    answer = browsers["supervisor"].post(f"{PAGE}bpqmi/population/draft/")

    row = Application.objects.get()
    assert "Fərq yoxdur." in none
    assert "1 qeyd fərqlənir" in start
    assert PAGE in start
    assert "en: Persons" in page
    assert "en: People &lt;b&gt;" in page
    assert answer["Location"] == f"{BASE}applications/{row.number}/"
    assert "Ölkənin yeni məlumatına" in row.why
    whole = page_of(browsers["holder"], answer["Location"])
    assert "Kimlər" in whole or row.number in whole


def test_nobody_else_opens_the_page_or_drafts(browsers: dict[str, Client], edit: Edit) -> None:
    edit(PERSONS, PEOPLE)
    others = [name for name in browsers if name != "supervisor"]

    shown = {browsers[name].get(PAGE).status_code for name in others}
    drafted = {browsers[name].post(f"{PAGE}bpqmi/population/draft/").status_code for name in others}

    assert (shown, drafted, Application.objects.count()) == ({403}, {403}, 0)


def test_a_refusal_is_said_on_the_page(browsers: dict[str, Client], edit: Edit) -> None:
    edit(PERSONS, PEOPLE)

    answer = browsers["supervisor"].post(f"{PAGE}idda/portal/draft/", follow=True)

    assert "Bu sistem üzrə fərq artıq yoxdur." in answer.content.decode()


def test_a_file_that_cannot_be_read_is_no_incident(browsers: dict[str, Client], edit: Edit) -> None:
    edit("instance: AZ", "instances: AZ")

    page = page_of(browsers["supervisor"], PAGE)
    start = page_of(browsers["supervisor"], BASE)

    assert "Ölkənin faylı oxunmur" in page
    assert "exchange.yaml" in page
    assert PAGE in start
