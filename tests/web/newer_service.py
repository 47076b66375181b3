"""A country in which a service has a second version."""

import shutil
from pathlib import Path

import pytest

from pencere.countries import Country, az

SERVICE = "driving-licence-replace"


@pytest.fixture(scope="module")
def newer_country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    """The country with a second version of the service: another name for a state, a new term."""
    folder = tmp_path_factory.mktemp("country") / "az"
    shutil.copytree(Path(az.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
    place = folder / "services" / SERVICE
    before = place / "versions" / "1" / SERVICE
    for first in before.iterdir():  # the country's own second version is not of these tests
        shutil.copy(first, place)
    file = place / "service.yaml"
    text = file.read_text("utf-8")
    for old, new in (
        ("version: 1", "version: 2"),
        ("    review:\n", "    desk:\n"),
        ("then: review", "then: desk"),
        ("working_days: 1, from: paid", "working_days: 3, from: paid"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    return Country.load_folder(folder)
