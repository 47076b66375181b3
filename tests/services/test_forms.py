# ruff: noqa: E501 - a table reads better on long lines
"""Answers: what is accepted, what is said of the rest, which way a form takes."""

from collections.abc import Mapping
from datetime import date

import pytest

from pencere.kernel.text import Text
from pencere.services import forms
from pencere.services.forms import FieldErrors, Upload
from pencere.services.model.common import Expression
from pencere.services.model.definition import Definition
from pencere.services.model.question import Choice, Must, Question, QuestionType

ASK = Text("Sual", "Question", "Вопрос")
CONTEXT: dict[str, object] = {"answers": {}, "facts": {}, "today": date(2026, 11, 20)}


def ask(kind: QuestionType, **more: object) -> Question:
    return Question(id="q", type=kind, ask=ASK, **more)  # type: ignore[arg-type]


def photo(**more: object) -> Upload:
    given = {"id": "1", "name": "a.jpg", "media_type": "image/jpeg", "size_bytes": 10}
    return Upload(**{**given, **more})  # type: ignore[arg-type]


IMAGES = {"accept": ("image/jpeg",), "max_bytes": 1024 * 1024}
CHOICES = {"choices": (Choice("lost", ASK), Choice("torn", ASK))}


@pytest.mark.parametrize(
    ("question", "raw", "value"),
    [
        (ask(QuestionType.ONE_OF, **CHOICES), {"q": "lost"}, "lost"),
        (ask(QuestionType.YES_NO), {"q": "no"}, False),
        (ask(QuestionType.TEXT), {"q": "  Gəncə\r\nküçəsi "}, "Gəncə\nküçəsi"),
        (ask(QuestionType.TEXT), {"q": ["one", "two"]}, "two"),
        (ask(QuestionType.TEXT, required=False), {}, None),
        (ask(QuestionType.DATE), {"q-day": "5", "q-month": "03", "q-year": "2026"}, date(2026, 3, 5)),
        (ask(QuestionType.NUMBER), {"q": "1 000"}, 1000),
        (ask(QuestionType.MONEY), {"q": "30,50"}, 3050),
        (ask(QuestionType.PHONE), {"q": "050 123 45 67"}, "+994501234567"),
        (ask(QuestionType.ADDRESS), {"q-line": "Bakı"}, "Bakı"),
    ],
)  # fmt: skip
def test_an_answer_becomes_a_value_and_fills_the_form_again(
    question: Question, raw: Mapping[str, str], value: object
) -> None:
    assert forms.clean(question, raw, CONTEXT) == value
    if value is not None:
        assert forms.clean(question, forms.raw_of(question, value), CONTEXT) == value


@pytest.mark.parametrize(
    ("question", "raw", "field", "code"),
    [
        (ask(QuestionType.ONE_OF, **CHOICES), {}, "q", "answer.required"),
        (ask(QuestionType.ONE_OF, **CHOICES), {"q": "sold"}, "q", "answer.choose_one"),
        (ask(QuestionType.YES_NO), {"q": "maybe"}, "q", "answer.choose_one"),
        (ask(QuestionType.TEXT, maximum=3), {"q": "abcd"}, "q", "answer.too_long"),
        (ask(QuestionType.TEXT, minimum=3), {"q": "ab"}, "q", "answer.too_short"),
        (ask(QuestionType.TEXT), {"q": "a\u202eb"}, "q", "answer.control_characters"),
        (ask(QuestionType.DATE), {}, "q-day", "answer.required"),
        (ask(QuestionType.DATE), {"q-day": "5"}, "q-month", "date.incomplete"),
        (ask(QuestionType.DATE), {"q-day": "30", "q-month": "2", "q-year": "2026"}, "q-day", "date.invalid"),
        (ask(QuestionType.DATE), {"q-day": "5", "q-month": "3", "q-year": "26"}, "q-day", "date.invalid"),
        (ask(QuestionType.NUMBER), {"q": "1.5"}, "q", "number.invalid"),
        (ask(QuestionType.NUMBER), {"q": "٣"}, "q", "number.invalid"),
        (ask(QuestionType.NUMBER, minimum=2), {"q": "1"}, "q", "number.too_small"),
        (ask(QuestionType.NUMBER, maximum=2), {"q": "3"}, "q", "number.too_large"),
        (ask(QuestionType.MONEY), {"q": "free"}, "q", "amount.invalid"),
        (ask(QuestionType.MONEY, minimum=100), {"q": "0.99"}, "q", "amount.too_small"),
        (ask(QuestionType.MONEY, maximum=100), {"q": "1.01"}, "q", "amount.too_large"),
        (ask(QuestionType.PHONE), {"q": "12"}, "q", "phone.invalid"),
        (ask(QuestionType.PHOTO, **IMAGES), {}, "q", "file.required"),
        (ask(QuestionType.PHOTO, **IMAGES), {"q": "/etc/passwd"}, "q", "file.required"),
        (ask(QuestionType.PHOTO, **IMAGES), {"q": photo(size_bytes=0)}, "q", "file.empty"),
        (ask(QuestionType.PHOTO, **IMAGES), {"q": photo(media_type="text/html")}, "q", "file.wrong_type"),
        (ask(QuestionType.PHOTO, **IMAGES), {"q": photo(size_bytes=1024 * 1024 + 1)}, "q", "file.too_large"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_taken_says_where_and_why(
    question: Question, raw: Mapping[str, str], field: str, code: str
) -> None:
    with pytest.raises(FieldErrors) as caught:
        forms.clean(question, raw, CONTEXT)

    assert [(e.field, e.code) for e in caught.value.errors] == [(field, code)]
    assert caught.value.errors[0].say.az


def test_a_rule_of_the_question_says_its_own_words() -> None:
    say = Text("Sonra ola bilməz.", "Not later.", "Позже нельзя.")
    question = ask(QuestionType.DATE, must=(Must(Expression("answers.q <= today", "k"), say),))

    with pytest.raises(FieldErrors) as caught:
        forms.clean(question, {"q-day": "21", "q-month": "11", "q-year": "2026"}, CONTEXT)

    assert [(e.field, e.say) for e in caught.value.errors] == [("q-day", say)]


def test_only_an_address_that_was_offered_can_be_chosen_by_its_number() -> None:
    context = {**CONTEXT, "facts": {"homes": ["Bakı", "Gəncə"]}}
    question = ask(QuestionType.ADDRESS, offer=Expression("facts.homes", "k"))

    assert forms.offered(question, context) == ("Bakı", "Gəncə")
    assert forms.clean(question, {"q": "1"}, context) == "Gəncə"
    assert forms.clean(question, {"q": "other", "q-line": "Şəki"}, context) == "Şəki"
    with pytest.raises(FieldErrors):
        forms.clean(question, {"q": "2"}, context)


def test_the_way_is_worked_out_from_the_answers_each_time(permit: Definition) -> None:
    def way(answers: dict[str, object]) -> list[str]:
        return [question.id for question in forms.route(permit, answers, CONTEXT)]

    assert way({}) == ["length", "price"]
    assert way({"length": 11}) == ["length", "lamp", "price"]
    assert way({"length": 11, "lamp": True}) == ["length", "lamp", "colour", "price"]
    # The lamp is off the way, so nothing that depends on it is on it.
    assert way({"length": 10, "lamp": True}) == ["length", "price"]


def test_answers_off_the_way_are_kept_and_not_submitted(permit: Definition) -> None:
    answers: dict[str, object] = {"length": 10, "lamp": True, "colour": "red", "price": None}

    assert forms.on_route(permit, answers, CONTEXT) == {"length": 10}
    assert forms.aside(permit, answers, CONTEXT) == {"lamp": True, "colour": "red"}
    assert forms.next_question(permit, answers, CONTEXT) is None


def test_a_stored_draft_follows_to_a_version_with_other_questions(permit: Definition) -> None:
    stored = {"length": 12, "lamp": "yes", "removed": 1}

    restored = forms.from_stored(permit, stored)

    assert (restored.answers, restored.check_again) == ({"length": 12}, ("lamp",))
