"""A question from a form is put behind the others; the rest of the text stays byte for byte."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import clear_url_caches, set_urlconf

from pencere.kernel.errors import Invalid
from pencere.web.authoring.domain import snippets
from pencere.web.authoring.domain.snippets import Asked
from pencere.web.authoring.models import ServiceDraft
from pencere.web.people.domain.visit import Visit

LIST = "/en/services/drafts/"
WORDS = {"az": 'Neçə "arı"?', "en": "How many: bees?", "ru": "Сколько # пчёл"}
NONE = {"az": "", "en": "", "ru": ""}


def asked(**changes: Any) -> Asked:
    facts: dict[str, Any] = {
        "id": "bees", "kind": "number", "ask": WORDS, "hint": NONE, "is_required": True,
    }  # fmt: skip
    return Asked(**facts | changes)


@pytest.mark.parametrize(
    "text",
    [
        "service: x\nquestions:\n  - id: a\n    type: text\n\n# The case\ncase:\n  initial: b\n",
        "service: x\nquestions: []\ncase: {}\n",
        "service: x\nquestions:  # all\n  - {id: a, type: text}\n",
        "service: x\nquestions:\n  - id: a\n    ask: {az: 'case: x'}\n\n\ndocuments: {}\n",
        "service: x\ncase: {}\n",
        "service: x\n",
        "service: x",
    ],
    ids=["comment behind", "empty list", "last key", "blank lines", "none", "alone", "no line end"],
)
def test_the_question_is_the_last_and_nothing_else_changes(text: str) -> None:
    before, after = yaml.safe_load(text), yaml.safe_load(snippets.added(text, asked()))

    question = {"id": "bees", "type": "number", "ask": WORDS}
    assert after["questions"] == [*(before.get("questions") or []), question]
    assert {k: v for k, v in after.items() if k != "questions"} == {
        k: v for k, v in before.items() if k != "questions"
    }
    kept = [line for line in text.splitlines() if line.strip() and "questions" not in line]
    assert [line for line in snippets.added(text, asked()).splitlines() if line in kept] == kept


def test_choices_and_hints_are_written_whole() -> None:
    choices = snippets.choices_of("one | bir | one | один\n\ntwo|iki|two|два\n")

    text = snippets.added(
        "service: x\n", asked(kind="one_of", choices=choices, hint=WORDS, is_required=False)
    )

    [question] = yaml.safe_load(text)["questions"]
    assert question["one_of"]["two"] == {"az": "iki", "en": "two", "ru": "два"}
    assert (question["hint"], question["required"], "type" in question) == (WORDS, False, False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "a"}, "snippet.twice"),
        ({"id": "c"}, "snippet.twice"),
        ({"id": "Bees"}, "snippet.id"),
        ({"id": "bees\n  - id: other"}, "snippet.id"),
        ({"kind": "computed"}, "snippet.kind"),
        ({"ask": {**WORDS, "ru": ""}}, "snippet.words"),
        ({"ask": {**WORDS, "ru": "x" * 301}}, "snippet.words"),
        ({"hint": {**NONE, "en": "why"}}, "snippet.words"),
        ({"kind": "one_of"}, "snippet.choices"),
        ({"kind": "one_of", "choices": [("a", WORDS), ("a", WORDS)]}, "snippet.choices"),
        ({"choices": [("a", WORDS)]}, "snippet.choices"),
    ],
)
def test_what_cannot_be_a_question_is_refused(changes: dict[str, Any], code: str) -> None:
    text = "questions:\n  - id: a\n    type: text\n  - {id: c, type: text}\n"

    with pytest.raises(Invalid) as refusal:
        snippets.added(text, asked(**changes))

    assert refusal.value.code == code


@pytest.mark.parametrize("typed", ["one", "one | bir | one", "One | a | b | c", "one | | b | c"])
def test_choices_that_are_not_whole_are_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        snippets.choices_of(typed)


@pytest.fixture
def office(settings: Any) -> None:
    settings.ROOT_URLCONF = "pencere.web.urls.office"
    clear_url_caches()
    set_urlconf(None)


@pytest.mark.django_db
def test_an_author_adds_a_question_by_a_form(
    office: None, author: Visit, stranger: Visit, sign_in: Callable[..., Client]
) -> None:
    here = sign_in(author.person, ("dyp", "service-author"))
    page = here.post(LIST, {"service": "bee-garden", "body": "dyp"})["Location"]
    sent = {
        "type": "number", "id": "bees", "wishes": ["required"],
        **{f"ask-{one}": words for one, words in WORDS.items()},
    }  # fmt: skip

    form = here.get(f"{page}question/")
    wrong = here.post(f"{page}question/", {**sent, "id": "<b>"})
    done = here.post(f"{page}question/", sent)
    again = here.post(f"{page}question/", sent)

    text = ServiceDraft.objects.get().saves.filter(name="service.yaml").order_by("-id")[0].text
    assert (form.status_code, wrong.status_code, done.status_code, again.status_code) == (
        200, 422, 302, 422,
    )  # fmt: skip
    assert "&lt;b&gt;" in wrong.content.decode()
    assert done["Location"] == f"{page}files/service.yaml/"
    assert [one["id"] for one in yaml.safe_load(text)["questions"]].count("bees") == 1
    assert (
        "bees" in here.get(f"{page}").content.decode()
        or "How many" in here.get(f"{page}").content.decode()
    )
    there = sign_in(stranger.person, ("idda", "service-author"))
    assert there.get(f"{page}question/").status_code == 404
