"""Sentences: complete in three languages, or the start is refused."""

from pathlib import Path

import pytest
from django.utils import translation
from jinja2 import TemplateSyntaxError

from pencere.kernel.errors import Misconfigured
from pencere.web.jinja.environment import PageEnvironment
from pencere.web.texts import Texts, t


def load(folder: Path, content: str) -> Texts:
    (folder / "area.yaml").write_text(content, encoding="utf-8")
    return Texts.load(folder)


def test_a_sentence_is_said_in_each_language(tmp_path: Path) -> None:
    texts = load(
        tmp_path, 'a:\n  b: {az: "Salam, {name}", en: "Hello, {name}", ru: "{name}, привет"}'
    )

    said = [texts.say("a.b", language, name="Aydan") for language in ("az", "en", "ru")]

    assert said == ["Salam, Aydan", "Hello, Aydan", "Aydan, привет"]


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 день"), (2, "2 дня"), (5, "5 дней"), (21, "21 день"), (112, "112 дней")],
)
def test_russian_counts_by_cldr(tmp_path: Path, count: int, said: str) -> None:
    texts = load(
        tmp_path,
        """
d:
  az: {one: "{n} gün", other: "{n} gün"}
  en: {one: "{n} day", other: "{n} days"}
  ru: {one: "{n} день", few: "{n} дня", many: "{n} дней", other: "{n} дня"}
""",
    )

    assert texts.say("d", "ru", n=count) == said


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ('a: {az: "x", en: "y"}', "a"),
        ('a: {az: "x", en: "y", ru: ""}', "a.ru"),
        ('a: {az: "{x}", en: "{y}", ru: "{x}"}', "a"),
        ('a: {az: "{X}", en: "{X}", ru: "{X}"}', "a.az"),
        ('a: {az: {one: "{n}", other: "{n}"}, en: "{n}", ru: {one: "{n}", other: "{n}"}}', "a.ru"),
        ('a: {az: {one: "x", other: "x"}, en: "x", ru: "x"}', "a"),
        ("a: text", "a"),
    ],
)
def test_an_incomplete_sentence_refuses_the_start(tmp_path: Path, content: str, key: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        load(tmp_path, content)

    assert refusal.value.facts["key"] == key
    assert refusal.value.facts["file"] == str(tmp_path / "area.yaml")


def test_a_key_in_two_files_refuses_the_start(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text('a: {az: "x", en: "x", ru: "x"}', encoding="utf-8")

    with pytest.raises(Misconfigured) as refusal:
        Texts.load(tmp_path)

    assert refusal.value.facts["key"] == "a"


def test_broken_yaml_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refusal:
        load(tmp_path, "a: {az: what?, en")

    assert refusal.value.facts["file"] == str(tmp_path / "area.yaml")


def test_facts_that_the_sentence_does_not_have_are_refused(tmp_path: Path) -> None:
    texts = load(tmp_path, 'a: {az: "{x}", en: "{x}", ru: "{x}"}')

    with pytest.raises(Misconfigured):
        texts.say("a", "az", x=1, y=2)


def test_t_speaks_the_language_of_the_request() -> None:
    with translation.override("ru"):
        assert t("frame.sign_in") == "Войти"


@pytest.mark.parametrize(
    "source",
    ['{{ t("frame.no_such") }}', '{{ t("frame.acting_for") }}', '{{ t("frame.skip", name="x") }}'],
)
def test_a_template_with_a_wrong_sentence_does_not_compile(source: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        PageEnvironment("az").from_string(source)


def test_facts_in_a_template_are_escaped_and_markup_stays() -> None:
    page = PageEnvironment("en").from_string(
        '{{ t("frame.acting_for", name=name) }}|{{ t("frame.acting_for", name="<b>x</b>"|safe) }}'
    )

    assert page.render(name="<i>") == ("You are acting for &lt;i&gt;.|You are acting for <b>x</b>.")
