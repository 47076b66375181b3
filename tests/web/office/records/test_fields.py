"""A form from a schema: each kind of field, what may be typed into it and what may not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import translation

from pencere.registers.definition import Definition
from pencere.web.country import country
from pencere.web.office.records.fields import Shape, read, shapes, shown, typed_from
from pencere.web.office.records.scope import _definitions

NAMES = {"az": "Sahə", "en": "Field", "ru": "Поле"}
KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string", "maxLength": 9},
    "number": {"type": "integer"},
    "date": {"type": "string", "format": "date"},
    "choice": {"enum": ["a", "b"], "x-values": {"a": NAMES, "b": NAMES}},
    "choices": {"type": "array", "items": {"enum": ["A", "B"]}},
    "truth": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object"},
    "decimal": {"type": "number"},
    "numbered": {"enum": [1, 2], "x-values": {1: NAMES, 2: NAMES}},
}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def definition() -> Definition:
    vehicle = _definitions(country().folder)["dyp/vehicle"]
    properties = {name: {**about, "x-names": NAMES} for name, about in KINDS.items()}
    return replace(vehicle, schema={"properties": properties, "required": ["text"]})


def asked(definition: Definition) -> list[Shape]:
    return shapes(definition, tuple(KINDS))


def form(**typed: str | list[str]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in {"text": "t", **typed}.items():
        query.setlist(f"field-{name}", value if isinstance(value, list) else [value])
    return query


def test_what_no_form_can_ask_is_known_as_such_and_stays(definition: Definition) -> None:
    kinds = {shape.name: shape.kind for shape in asked(definition)}
    kept = {"list": ["x"], "object": {"a": 1}, "decimal": 1.5, "numbered": 2, "number": 7}

    assert kinds == {name: name for name in list(KINDS)[:6]} | dict.fromkeys(
        ("list", "object", "decimal", "numbered"), "other"
    )
    # An emptied field is gone; what could not be asked is not.
    assert read(asked(definition), form(), kept) == (
        {"text": "t", "list": ["x"], "object": {"a": 1}, "decimal": 1.5, "numbered": 2}, {},
    )  # fmt: skip


def test_what_is_typed_becomes_what_the_schema_says(definition: Definition) -> None:
    typed = form(number="-12", date="5.3.2026", choice="b", choices=["A", "B"], truth="false")

    assert read(asked(definition), typed, {}) == (
        {"text": "t", "number": -12, "date": "2026-03-05", "choice": "b", "choices": ["A", "B"],
         "truth": False}, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "typed"),
    [("number", "1_000"), ("number", "٣"), ("number", "1e3"), ("number", "9" * 16),
     ("date", "31.02.2026"), ("choice", "c"), ("choices", ["A", "<script>"]), ("truth", "maybe"),
     ("text", "  ")],
)  # fmt: skip
def test_what_cannot_be_is_refused_for_its_field_alone(
    definition: Definition, name: str, typed: str | list[str]
) -> None:
    data, errors = read(asked(definition), form(**{name: typed}), {})

    assert (name in data, list(errors)) == (False, [name])


def test_a_form_shows_again_what_it_was_given(definition: Definition) -> None:
    data = {"text": "t", "number": 3, "date": "2026-03-05", "choice": "a", "choices": ["B"],
            "truth": True}  # fmt: skip
    back = form(**{one.name: typed_from(one, data.get(one.name)) for one in asked(definition)
                   if one.kind != "other"})  # fmt: skip

    assert read(asked(definition), back, {}) == (data, {})


def test_values_are_shown_in_the_words_of_the_schema(definition: Definition) -> None:
    by_name = {one.name: one for one in asked(definition)}
    values = {"choice": "a", "truth": True, "choices": ["A", "B"], "date": "••••", "text": None}

    assert [shown(by_name[name], value) for name, value in values.items()] == [
        "Field", "yes", "A, B", "••••", "–",
    ]  # fmt: skip
