"""A form from the schema of a register: what each field asks, shows, and makes of what is typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import QueryDict

from pencere.kernel.dates import format_date, parse_date
from pencere.kernel.errors import Invalid
from pencere.kernel.text import Text
from pencere.registers.definition import Definition
from pencere.web.texts import current_language, t

MAX_TYPED = 2000
# The marks of a field's name in a form, so that no field of a schema is taken for one of ours.
PREFIX = "field-"
# int() would also take 1_000 and digits of other scripts.
_WHOLE = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a field is asked: `kind` is text, number, date, choice, choices, truth or other."""

    name: str
    label: str
    kind: str
    options: tuple[dict[str, str], ...]
    is_required: bool
    longest: int

    @property
    def input_name(self) -> str:
        """Its name in a form."""
        return PREFIX + self.name


def shapes(definition: Definition, names: tuple[str, ...]) -> list[Shape]:
    """Return the fields of these names, in the order of the schema."""
    properties, required = definition.schema["properties"], definition.schema.get("required", [])
    assert isinstance(properties, Mapping)  # noqa: S101  # linted
    assert isinstance(required, list)  # noqa: S101  # linted
    return [
        _shape(name, about, is_required=name in required)
        for name, about in properties.items()
        if name in names
    ]


def shown(shape: Shape, value: Any) -> str:
    """Return a value as people read it; what a mask left is shown as it is."""
    if value is None:
        return "–"
    words = {one["value"]: one["label"] for one in shape.options}
    if isinstance(value, bool):
        return t("office.records.yes") if value else t("office.records.no")
    if isinstance(value, list):
        return ", ".join(words.get(str(one), str(one)) for one in value)
    if shape.kind == "date":
        try:
            return format_date(date.fromisoformat(str(value)), current_language())
        except ValueError:
            return str(value)
    return words.get(str(value), str(value))


def typed_from(shape: Shape, value: Any) -> str | list[str]:
    """Return a value as it stands in the form."""
    if shape.kind == "choices":
        return [str(one) for one in value or ()]
    if value is None:
        return ""
    if shape.kind == "date":
        year, month, day = str(value).split("-")
        return f"{day}.{month}.{year}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def sent(shape: Shape, form: QueryDict) -> str | list[str]:
    """Return what was typed into a field."""
    if shape.kind == "choices":
        return [one[:MAX_TYPED] for one in form.getlist(shape.input_name)]
    return form.get(shape.input_name, "").strip()[:MAX_TYPED]


def read(
    shape_list: list[Shape], form: QueryDict, kept: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the data, and a sentence for each field that cannot be read.

    A field that no form can ask (`other`) stays as in `kept`. An empty one is left out.
    """
    data, errors = {}, {}
    for shape in shape_list:
        if shape.kind == "other":
            if shape.name in kept:
                data[shape.name] = kept[shape.name]
            continue
        typed = sent(shape, form)
        if not typed:
            if shape.is_required:
                errors[shape.name] = t("office.records.needed", field=shape.label)
            continue
        try:
            data[shape.name] = _value(shape, typed)
        except (Invalid, ValueError):
            errors[shape.name] = refusal(shape)
    return data, errors


def refusal(shape: Shape) -> str:
    """Say that a field is not as the register demands it."""
    known = {"date", "number", "choice", "choices"}
    kind = shape.kind if shape.kind in known else "text"
    return t(f"office.records.wrong_{kind}", field=shape.label)


def _shape(name: str, about: Mapping[str, Any], *, is_required: bool) -> Shape:
    kind, options = "text", _options(about)
    items = about.get("items")
    if about.get("type") == "array":
        kind, options = "other", ()
        if isinstance(items, Mapping) and _is_of_words(items):
            kind, options = "choices", _options(items)
    elif options:
        kind = "choice" if _is_of_words(about) else "other"
    elif about.get("format") == "date":
        kind = "date"
    elif about.get("type") == "integer":
        kind = "number"
    elif about.get("type") == "boolean":
        kind = "truth"
        options = tuple(
            {"value": value, "label": t(f"office.records.{word}")}
            for value, word in (("true", "yes"), ("false", "no"))
        )
    elif about.get("type") != "string":
        kind = "other"
    label = Text.from_mapping(about["x-names"]).in_language(current_language())
    longest = about.get("maxLength")
    return Shape(name, label, kind, options, is_required,
                 longest if isinstance(longest, int) else MAX_TYPED)  # fmt: skip


def _is_of_words(about: Mapping[str, Any]) -> bool:
    """Say whether the codes to choose from are texts, as a form sends them."""
    codes = about.get("enum", ())
    return bool(codes) and all(isinstance(code, str) for code in codes)


def _options(about: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    words, language = about.get("x-values", {}), current_language()
    return tuple(
        {
            "value": str(code),
            "label": Text.from_mapping(words[code]).in_language(language)
            if code in words
            else str(code),
        }
        for code in about.get("enum", ())
    )


def _value(shape: Shape, typed: str | list[str]) -> Any:
    known = {one["value"] for one in shape.options}
    if isinstance(typed, list):
        if not set(typed) <= known:
            raise Invalid("field.choice")
        return typed
    if shape.kind == "date":
        return parse_date(typed).isoformat()
    if shape.kind == "number":
        if not _WHOLE.fullmatch(typed):
            raise Invalid("field.number")
        return int(typed)
    if known and typed not in known:
        raise Invalid("field.choice")
    return typed == "true" if shape.kind == "truth" else typed
