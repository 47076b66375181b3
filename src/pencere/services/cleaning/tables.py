"""Tables: rows of cells. A whole table is written as CSV, a row as the fields of its columns."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date

from pencere.kernel.text import Text
from pencere.services.cleaning import numbers, plain
from pencere.services.cleaning.common import Cleaner, FieldError, FieldErrors, Raw, typed, wrong
from pencere.services.cleaning.judging import judged
from pencere.services.model.question import MOST_ROWS, Question, QuestionType
from pencere.services.words import say, say_each

CELLS: Mapping[QuestionType, Cleaner] = {
    QuestionType.ONE_OF: plain.one_of,
    QuestionType.YES_NO: plain.yes_no,
    QuestionType.TEXT: plain.text,
    QuestionType.EMAIL: plain.email,
    QuestionType.DATE: plain.day,
    QuestionType.NUMBER: plain.number,
    QuestionType.DECIMAL: plain.decimal,
    QuestionType.MONEY: plain.money,
    QuestionType.PHONE: numbers.phone,
    QuestionType.IBAN: numbers.iban,
    QuestionType.COMPANY: numbers.company,
    QuestionType.PERSON: numbers.person,
    QuestionType.PLATE: numbers.plate,
}
LONGEST_CSV = 200_000
# More faults than these are one fault: the wrong file.
MOST_FAULTS = 20
_DATE = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})")

Row = dict[str, object]


def clean_row(question: Question, raw: Raw, context: Mapping[str, object]) -> Row:
    """Return one row; cells left empty are not in it.

    Raises:
        FieldErrors: what is wrong in every cell; fields are those of the columns.
    """
    row: Row = {}
    errors: list[FieldError] = []
    for column in question.columns:
        around = {**context, "row": row}
        try:
            value = judged(column, CELLS[column.type](column, raw, around), around)
        except FieldErrors as refusal:
            errors += refusal.errors
            continue
        if value is not None:
            row[column.id] = value
    if errors:
        raise FieldErrors(errors)
    return row


def table(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    """Return the rows of a table that is written as CSV; faults name their row and column."""
    written = typed(raw, question.id)
    if not written:
        return None
    if len(written) > LONGEST_CSV:
        raise wrong(question, "table.too_long", limit=str(LONGEST_CSV))
    rows: list[Row] = []
    faults: list[FieldError] = []
    for number, cells in enumerate(_lines(question, written), start=1):
        if number > (question.maximum or MOST_ROWS):
            break
        try:
            rows.append(clean_row(question, _fields(question, cells), context))
        except FieldErrors as refusal:
            faults += [_at(question, number, fault) for fault in refusal.errors]
    if faults:
        raise FieldErrors(faults[:MOST_FAULTS])
    return checked_rows(question, rows, count=len(_lines(question, written)))


def checked_rows(question: Question, rows: Sequence[Row], *, count: int) -> list[Row] | None:
    """Return the rows when there are neither too few nor too many, None when there are none.

    Raises:
        FieldErrors: "table.too_few", "table.too_many".
    """
    most = question.maximum or MOST_ROWS
    if count > most:
        raise wrong(question, "table.too_many", limit=str(most))
    if rows and count < (question.minimum or 0):
        raise wrong(question, "table.too_few", limit=str(question.minimum))
    return list(rows) or None


def row_fields(question: Question, row: Mapping[str, object]) -> dict[str, str]:
    """Return what the fields of the columns hold for a row, to fill its form again."""
    found: dict[str, str] = {}
    for column in question.columns:
        value = row.get(column.id)
        if value is not None:
            found |= _fields_of(column, cell_written(column, value))
    return found


def cell_written(column: Question, value: object) -> str:
    """Return a cell as it is typed into CSV."""
    match value:
        case date():
            return f"{value:%d.%m.%Y}"
        case bool():
            return "yes" if value else "no"
        case int() if column.type is QuestionType.MONEY:
            return f"{value // 100}.{value % 100:02d}"
        case int() if column.type is QuestionType.DECIMAL:
            return plain.decimal_written(column, value)
        case _:
            return str(value)


def as_csv(question: Question, rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as CSV with semicolons, without a heading: what `table` reads back."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    for row in rows:
        writer.writerow(
            "" if (value := row.get(column.id)) is None else cell_written(column, value)
            for column in question.columns
        )
    return out.getvalue()


def _lines(question: Question, written: str) -> list[list[str]]:
    """Return the cells of each line; a line of headings and empty lines are left out."""
    first = written.splitlines()[0]
    sign = next((sign for sign in "\t;" if sign in first), ",")
    try:
        lines = list(csv.reader(io.StringIO(written), delimiter=sign))
    except csv.Error as error:
        raise wrong(question, "table.unreadable") from error
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if lines and _is_heading(question, lines[0]):
        lines = lines[1:]
    wide = len(question.columns)
    if any(len(line) > wide for line in lines):
        raise wrong(question, "table.wide", limit=str(wide))
    return lines


def _is_heading(question: Question, cells: Sequence[str]) -> bool:
    names = [
        {column.id.lower(), *(words.lower() for words in column.ask.as_mapping().values())}
        for column in question.columns
    ]
    return len(cells) == len(names) and all(
        cell.strip().lower() in known for cell, known in zip(cells, names, strict=True)
    )


def _fields(question: Question, cells: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, cell in zip(question.columns, cells, strict=False):
        found |= _fields_of(column, cell.strip())
    return found


def _fields_of(column: Question, cell: str) -> dict[str, str]:
    if column.type is QuestionType.DATE:
        match = _DATE.fullmatch(cell)
        parts = match.groups() if match else ((cell[:4], "x", "x") if cell else ("", "", ""))
        return dict(zip(column.fields(), parts, strict=True))
    if column.type is QuestionType.YES_NO:
        for value in ("yes", "no"):
            if cell.lower() in {words.lower() for words in say(value).as_mapping().values()}:
                return {column.id: value}
    for choice in column.choices:
        if cell.lower() in {words.lower() for words in choice.label.as_mapping().values()}:
            return {column.id: choice.value}
    return {column.id: cell}


def _at(question: Question, number: int, fault: FieldError) -> FieldError:
    column = next(one for one in question.columns if fault.field in one.fields())
    here = Text(str(number), str(number), str(number))
    words = say_each("table.at", {"row": here, "column": column.ask, "problem": fault.say})
    return FieldError(question.id, fault.code, words)
