"""A small invented country: nothing in the engine knows it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.services.definition import load
from pencere.services.lints import Surroundings
from pencere.services.model.definition import Definition


@pytest.fixture
def island_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "island"
    shutil.copytree(Path(__file__).parent / "island", folder)
    return folder


@pytest.fixture
def island(island_folder: Path) -> Surroundings:
    return Surroundings.of(Country.load_folder(island_folder))


@pytest.fixture
def permit(island_folder: Path) -> Definition:
    return load(island_folder / "services" / "net-permit")


@pytest.fixture
def spoilt(island_folder: Path) -> Callable[[str, str], Path]:
    """Replace words in service.yaml and return the folder of the service."""

    def spoil(old: str, new: str) -> Path:
        folder = island_folder / "services" / "net-permit"
        file = folder / "service.yaml"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")
        return folder

    return spoil
