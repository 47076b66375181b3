"""Newer data of the country: an act by law where nobody has acted, told where somebody has."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from pencere.countries.country import Country
from pencere.kernel.clock import FixedClock
from pencere.web.stateregister.domain import founding, loading
from pencere.web.stateregister.domain.periods import periods
from pencere.web.stateregister.models import Act, Agreement, Description

pytestmark = pytest.mark.django_db
Reload = Callable[[Callable[[dict[str, Any]], object]], Country]


@pytest.fixture
def newer(founded: None, clock: FixedClock, tmp_path: Path) -> Reload:
    """Change the country's file and bring the register to it, as a newer release does."""
    folder = tmp_path / "az"
    copytree(Country.load("az").folder, folder)

    def bring(change: Callable[[dict[str, Any]], object]) -> Country:
        file = folder / "exchange.yaml"
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        change(data)
        file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        country = Country.load_folder(folder)
        loading.load_country(country)
        founding.found(country, at=clock.now())
        return country

    return bring


def kinds(about: str, subject: str) -> list[str]:
    acts = Act.objects.filter(about=about, subject=subject).order_by("id")
    return list(acts.values_list("kind", flat=True))


def test_the_same_data_again_is_no_act(newer: Reload) -> None:
    before = Act.objects.count(), Description.objects.count()

    newer(lambda data: None)

    assert (Act.objects.count(), Description.objects.count()) == before


def test_what_newer_data_changes_is_an_act_by_law(newer: Reload) -> None:
    def change(data: dict[str, Any]) -> None:
        data["agreements"]["portal-usage-dyp"]["purposes"] = ["audit-suppression"]
        data["services"]["bpqmi/population/person"]["en"] = "People"

    newer(change)

    assert kinds("agreement", "portal-usage-dyp") == ["founded", "by-law"]
    assert kinds("agreement", "portal-usage-population") == ["founded"]
    assert kinds("system", "bpqmi/population") == ["founded", "by-law"]
    newest = Description.objects.filter(system__code="population").order_by("-number")[0]
    assert (newest.number, newest.why) == (2, "by-law")
    assert "People" in [one["names"]["en"] for one in newest.content["services"]]


def test_what_newer_data_no_longer_names_ends_by_law_and_may_begin_again(newer: Reload) -> None:
    kept: dict[str, Any] = {}

    newer(lambda data: kept.update(data["agreements"].pop("portal-usage-dyp")))
    ended = (kinds("agreement", "portal-usage-dyp"), periods()["portal-usage-dyp"])
    newer(lambda data: data["agreements"].update({"portal-usage-dyp": kept}))

    assert ended[0] == ["founded", "ended"]
    assert len(ended[1]) == 1
    assert kinds("agreement", "portal-usage-dyp") == ["founded", "ended", "by-law"]
    assert Agreement.objects.get(id="portal-usage-dyp").is_active
