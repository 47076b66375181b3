"""One answer: from what a person typed to a value, to words, to JSON, and back."""

from collections.abc import Mapping, Sequence
from datetime import date

from pencere.kernel.dates import format_date
from pencere.kernel.errors import Invalid
from pencere.kernel.money import format_amount
from pencere.services.cleaning import files, location, numbers, plain, tables
from pencere.services.cleaning.common import (
    MAX_TEXT,
    Cleaner,
    FieldError,
    FieldErrors,
    Raw,
    Upload,
)
from pencere.services.cleaning.judging import judged
from pencere.services.cleaning.location import degrees_written, offered
from pencere.services.model.question import LOOKED_UP, Question, QuestionType
from pencere.services.words import say

__all__ = [
    "MAX_TEXT",
    "FieldError",
    "FieldErrors",
    "Raw",
    "Upload",
    "clean",
    "from_stored",
    "offered",
    "raw_of",
    "rows_shown",
    "shown",
    "to_stored",
]

_CLEANERS: Mapping[QuestionType, Cleaner] = {
    **tables.CELLS,
    QuestionType.MANY_OF: plain.many_of,
    QuestionType.DECLARATION: plain.declaration,
    QuestionType.VEHICLE: numbers.plate,
    QuestionType.PHOTO: files.file,
    QuestionType.FILE: files.file,
    QuestionType.FILES: files.files,
    QuestionType.ADDRESS: location.address,
    QuestionType.POINT: location.point,
    QuestionType.TABLE: tables.table,
}

# Python types of stored answers; a text where nothing else is said.
_KINDS: Mapping[QuestionType, type] = {
    QuestionType.YES_NO: bool,
    QuestionType.DECLARATION: bool,
    QuestionType.NUMBER: int,
    QuestionType.DECIMAL: int,
    QuestionType.MONEY: int,
    QuestionType.PHOTO: Mapping,
    QuestionType.FILE: Mapping,
    QuestionType.FILES: list,
    QuestionType.MANY_OF: list,
    QuestionType.POINT: Mapping,
    QuestionType.TABLE: list,
}


def clean(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    """Return the answer, None when an optional question was left empty.

    `raw` holds the fields of `question.fields()` as the browser sent them; others are ignored.
    `context` holds the answers given before, which rules of the question may compare with, and
    the country's `places`, which addresses, points and plates are checked against.

    Raises:
        FieldErrors: what is wrong and where.
    """
    return judged(question, _CLEANERS[question.type](question, raw, context), context)


def raw_of(  # noqa: PLR0911, a table of types reads better than a variable
    question: Question, value: object
) -> dict[str, str | list[str]]:
    """Return what the fields held when this answer was given, to fill the form again."""
    if value is None or not question.fields():
        return {}
    first, *rest = question.fields()
    match question.type, value:
        case QuestionType.DATE, date():
            parts = (value.day, value.month, value.year)
            return dict(zip(question.fields(), map(str, parts), strict=True))
        case QuestionType.MANY_OF, list():
            return {first: [str(one) for one in value]}
        case QuestionType.TABLE, list():
            return {first: tables.as_csv(question, value)}
        case QuestionType.FILES, list():
            return {first: [str(one.get("id", "")) for one in value]}
        case QuestionType.POINT, Mapping():
            ends = (value.get("latitude"), value.get("longitude"))
            degrees = [degrees_written(end) if isinstance(end, int) else "" for end in ends]
            return dict(zip(question.fields(), degrees, strict=True))
        case QuestionType.ADDRESS, Mapping():
            return {
                first: "other",
                rest[0]: str(value.get("region", "")),
                rest[1]: str(value.get("line", "")),
            }
        case QuestionType.ADDRESS, _:
            return {first: "other", rest[-1]: str(value)}
        case _, Mapping():
            return {first: str(value.get("number") or value.get("id") or "")}
        case _:
            return {first: tables.cell_written(question, value)}


def shown(question: Question, value: object, language: str) -> str:
    """Return the answer as the person reads it."""
    kind = question.shown_as if question.type is QuestionType.COMPUTED else question.type
    match value:
        case None:
            words = ""
        case bool():
            agreed = "declaration.agreed" if kind is QuestionType.DECLARATION else "yes"
            words = say(agreed if value else "no").in_language(language)
        case date():
            words = format_date(value, language)
        case int() if kind is QuestionType.MONEY:
            words = format_amount(value, language)
        case int():
            words = _number_shown(question, value, kind, language)
        case Mapping():
            words = _mapping_shown(question, value)
        case list() if kind is QuestionType.TABLE:
            words = "; ".join(", ".join(row) for row in rows_shown(question, value, language))
        case list():
            words = ", ".join(_item_shown(question, one, language) for one in value)
        case _:
            words = _item_shown(question, value, language)
    return words


def rows_shown(question: Question, value: object, language: str) -> list[list[str]]:
    """Return the cells of a table as the person reads them, a list for each row."""
    rows = value if isinstance(value, list) else []
    return [
        [shown(column, row.get(column.id), language) for column in question.columns]
        for row in rows
        if isinstance(row, Mapping)
    ]


def to_stored(value: object) -> object:
    """Return the answer as JSON."""
    match value:
        case date():
            return value.isoformat()
        case list():
            return [to_stored(one) for one in value]
        case Mapping():
            return {key: to_stored(one) for key, one in value.items()}
        case _:
            return value


def from_stored(question: Question, stored: object) -> object:
    """Return the answer of a stored one.

    Raises:
        Invalid: `answer.changed`: it no longer fits the question, as when a version changed it.
    """
    if stored is None:
        return None
    if not _fits(question, stored):
        raise Invalid("answer.changed", question=question.id)
    kind = question.shown_as if question.type is QuestionType.COMPUTED else question.type
    if kind is QuestionType.DATE and isinstance(stored, str):
        try:
            return date.fromisoformat(stored)
        except ValueError as error:
            raise Invalid("answer.changed", question=question.id) from error
    if kind is QuestionType.TABLE and isinstance(stored, list):
        return [_row(question, row) for row in stored]
    return stored


def _row(question: Question, row: object) -> dict[str, object]:
    known = {column.id: column for column in question.columns}
    if not isinstance(row, Mapping) or not row.keys() <= known.keys():
        raise Invalid("answer.changed", question=question.id)
    return {name: from_stored(known[name], cell) for name, cell in row.items()}


def _fits(question: Question, stored: object) -> bool:
    kind = question.shown_as if question.type is QuestionType.COMPUTED else question.type
    expected: type = _KINDS.get(kind, str)
    if kind is QuestionType.ADDRESS and question.regions:
        expected = Mapping
    if kind in LOOKED_UP and question.look_up is not None:
        expected = Mapping
    if not isinstance(stored, expected) or (expected is not bool and isinstance(stored, bool)):
        return False
    match kind:
        case QuestionType.ONE_OF:
            return any(choice.value == stored for choice in question.choices)
        case QuestionType.MANY_OF:
            values = {choice.value for choice in question.choices}
            return isinstance(stored, list) and all(
                isinstance(one, str) and one in values for one in stored
            )
        case QuestionType.FILES:
            return isinstance(stored, list) and all(isinstance(one, Mapping) for one in stored)
        case _:
            return True


def _number_shown(question: Question, value: int, kind: QuestionType, language: str) -> str:
    words = plain.decimal_written(question, value) if kind is QuestionType.DECIMAL else str(value)
    if language != "en":
        words = words.replace(".", ",")
    return f"{words} {question.unit.in_language(language)}" if question.unit else words


def _mapping_shown(question: Question, value: Mapping[str, object]) -> str:
    if question.type is QuestionType.POINT:
        ends: Sequence[object] = (value.get("latitude"), value.get("longitude"))
        return ", ".join(degrees_written(end) for end in ends if isinstance(end, int))
    if question.type is QuestionType.ADDRESS:
        return ", ".join(str(value[key]) for key in ("region_name", "line") if key in value)
    if question.look_up is not None:
        found = value.get("found")
        fields = found if isinstance(found, Mapping) else {}
        seen = [value.get("number"), *(fields.get(name) for name in question.look_up.show)]
        return " · ".join(str(one) for one in seen if one not in {None, ""})
    return str(value.get("name", ""))


def _item_shown(question: Question, value: object, language: str) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", ""))
    labels = {choice.value: choice.label.in_language(language) for choice in question.choices}
    return labels.get(str(value), str(value))
