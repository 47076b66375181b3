"""What a newer version changes is told part by part, and what it does to drafts and cases."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pencere.services.definition import load
from pencere.services.difference import Comparison, Kind, compare
from pencere.services.model.definition import Definition

Edit = Callable[..., Comparison]
PAYMENT = (
    "- {id: payment, kind: payment, failed: refused, name: {az: Ödəniş, en: Payment, ru: Оплата}}"
)


@pytest.fixture
def edited(permit: Definition, tmp_path: Path) -> Edit:
    def edit(*words: tuple[str, str]) -> Comparison:
        folder = tmp_path / "newer" / "net-permit"
        shutil.copytree(permit.folder, folder)
        file = folder / "service.yaml"
        text = file.read_text("utf-8").replace("version: 2", "version: 3")
        for old, new in words:
            assert old in text
            text = text.replace(old, new, 1)
        file.write_text(text, "utf-8")
        return compare(permit, load(folder))

    return edit


def places(found: Comparison) -> list[tuple[str, str]]:
    return [(one.place, one.kind.value) for one in found.changes]


def test_a_version_that_says_the_same_changes_nothing(edited: Edit) -> None:
    found = edited(("in_force: 2026-01-01", "in_force: 2026-06-01"))

    assert found == Comparison((), (), ())


def test_a_change_is_told_with_the_name_of_the_thing_it_is_in(edited: Edit) -> None:
    found = edited(("maximum: 50, ask", "maximum: 60, ask"), ("en: Review", "en: In review"))

    assert [(one.place, one.before, one.after) for one in found.changes] == [
        ("questions.length.maximum", 50, 60),
        ("case.states.review.name.en", "Review", "In review"),
    ]
    assert [one.title.en for one in found.changes if one.title] == ["How long", "In review"]
    assert [(one.about, one.fate.value) for one in found.drafts] == [("length", "check_again")]
    assert found.cases == ()


def test_words_of_a_question_leave_its_answers_as_they_are(edited: Edit) -> None:
    found = edited(("en: How long", "en: How long is it"))

    assert places(found) == [("questions.length.ask.en", "changed")]
    assert found.drafts == ()


def test_a_question_that_comes_and_one_that_goes(edited: Edit) -> None:
    lamp = "  - {id: lamp, type: yes_no, when: answers.length > 10,"
    found = edited(
        (lamp, lamp.replace("lamp,", "light,")), ("when: answers.lamp,", "when: answers.light,")
    )

    assert places(found) == [
        ("questions.lamp", "removed"),
        ("questions.colour.when", "changed"),
        ("questions.light", "added"),
    ]
    assert [(one.about, one.fate.value) for one in found.drafts] == [
        ("lamp", "aside"),
        ("light", "asked"),
    ]


def test_another_order_is_no_other_content(edited: Edit) -> None:
    first = "  - {id: lamp, type: yes_no, when: answers.length > 10, ask: {az: Fənər, en: A lamp, ru: Фонарь}}\n"  # noqa: E501
    second = "  - {id: price, type: money, minimum: 100, maximum: 100000, required: false, ask: {az: Qiymət, en: Price, ru: Цена}}\n"  # noqa: E501
    found = edited((second, ""), (first, second + first))

    assert [(one.place, one.kind) for one in found.changes] == [("questions", Kind.MOVED)]
    assert (found.drafts, found.cases) == ((), ())


def test_cases_where_the_way_is_another_are_named(edited: Edit) -> None:
    found = edited(
        ("    waiting:\n", "    asking:\n"),
        ("to: waiting, ask_applicant", "to: asking, ask_applicant"),
        (f"        {PAYMENT}\n", ""),
    )

    assert [(one.about, one.fate.value) for one in found.cases] == [
        ("submitted", "other_checks"),
        ("waiting", "no_state"),
    ]


def test_a_template_that_says_something_else_is_a_change(
    permit: Definition, tmp_path: Path
) -> None:
    folder = tmp_path / "newer" / "net-permit"
    shutil.copytree(permit.folder, folder)
    template = folder / "permit.typ"
    template.write_text(template.read_text("utf-8") + "\n// seen\n", "utf-8")

    found = compare(permit, load(folder))

    assert places(found) == [("documents.permit.permit.typ", "changed")]
