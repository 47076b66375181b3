"""What the state has is not asked again, and whoever asks personal data says why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.services.definition import load
from pencere.services.lints import Surroundings, lint

Spoil = Callable[[str, str], Path]
CONCEPTS = """\
concepts:
  gear: {az: a, en: b, ru: c, personal: none}
  birth-date: {az: a, en: b, ru: c, personal: ordinary}
  health: {az: a, en: b, ru: c, personal: special}
"""
FIELDS = "fields:\n  sea/fishing-licence: {gear: gear, born: birth-date}\n"
COLOUR = "{id: colour, type: text,"
HINT = "hint: {az: Niyə, en: For the permit, ru: Зачем}"
ALTHOUGH = "although: {az: Köhnədir, en: Ours is old, ru: Устарело}"


@pytest.fixture
def around(island_folder: Path) -> Surroundings:
    (island_folder / "concepts.yaml").write_text(CONCEPTS, "utf-8")
    (island_folder / "state_register.yaml").write_text(FIELDS, "utf-8")
    return Surroundings.of(Country.load_folder(island_folder))


def found(folder: Path, around: Surroundings) -> list[tuple[str, int | None, str]]:
    return [(one.key, one.line, one.message) for one in lint(load(folder), around)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("concept: gear,", "is asked though the state has it: sea/fishing-licence.gear"),
        (f"concept: gear, {ALTHOUGH},", ""),
        ("concept: gear, from: facts.permit.gear,", ""),
        (
            f"concept: birth-date, {HINT},",
            "is asked though the state has it: sea/fishing-licence.born",
        ),
        ("concept: health,", "asks personal data and does not say why"),
        (f"concept: health, {HINT},", ""),
        ("concept: helth,", "no such concept"),
    ],
)
def test_a_question_on_what_is_known_or_personal_gives_its_reason(
    spoilt: Spoil, around: Surroundings, more: str, message: str
) -> None:
    folder = spoilt(COLOUR, f"{COLOUR} {more}")

    assert [said for _, _, said in found(folder, around)] == ([message] if message else [])


def test_the_finding_leads_to_the_line(spoilt: Spoil, around: Surroundings) -> None:
    folder = spoilt(COLOUR, f"{COLOUR} concept: helth,")

    ((key, line, _),) = found(folder, around)

    text = (folder / "service.yaml").read_text("utf-8").splitlines()
    assert key == "questions.2.concept"
    assert line is not None
    assert "helth" in text[line - 1]


def test_a_country_without_concepts_has_none(spoilt: Spoil, island: Surroundings) -> None:
    folder = spoilt(COLOUR, f"{COLOUR} concept: gear,")

    assert [key for key, _, _ in found(folder, island)] == ["questions.2.concept"]
