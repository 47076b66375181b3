"""Files of records: NDJSON or CSV, read strictly, each record with the number of its line.

NDJSON: `{"valid_from": "2020-01-31", "data": {...}}` a line. CSV: a header of `valid_from` and
fields; an empty cell is an absent field, a cell of a list or an object holds JSON.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pencere.kernel.errors import Invalid, PencereError
from pencere.registers.definition import Definition
from pencere.registers.document import read_json, validate
from pencere.registers.keys import key_values
from pencere.registers.records import parse_day

FORMATS = ("ndjson", "csv")
VALID_FROM = "valid_from"
# A line longer than this is no record.
_MAX_LINE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong on a line: a code, and the place inside the record; never a value."""

    line: int
    code: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the file, fit for its register."""

    line: int
    valid_from: date
    data: dict[str, object]
    keys: Mapping[int, str]


def digest_of(path: Path) -> bytes:
    """Return SHA-256 of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def read_rows(
    path: Path, form: str, definition: Definition, today: date
) -> Iterator[Row | Problem]:
    """Read the file from the beginning: of each line its record, or what is wrong with it.

    Raises:
        Invalid: `load.format`, `load.columns` with the first column that is no field.
    """
    if form not in FORMATS:
        raise Invalid("load.format", formats=", ".join(FORMATS))
    lines = _csv(path, definition) if form == "csv" else _ndjson(path)
    for line, given in lines:
        yield given if isinstance(given, Problem) else _row(line, given, definition, today)


def _row(
    line: int, given: Mapping[str, object], definition: Definition, today: date
) -> Row | Problem:
    if set(given) != {VALID_FROM, "data"}:
        return Problem(line, "line.form", f"{{{VALID_FROM}, data}}")
    try:
        valid_from = parse_day(given[VALID_FROM], VALID_FROM)
        if valid_from is None or valid_from > today:
            return Problem(line, "valid_from.future" if valid_from else "valid_from.missing")
        data = validate(definition, given["data"])
        return Row(line, valid_from, data, key_values(definition, data))
    except PencereError as error:
        return Problem(line, error.code, _where(error))


def _where(error: PencereError) -> str:
    fields = error.facts.get("fields")
    if isinstance(fields, list):
        return ", ".join(f"{each['field']} {each['rule']}" for each in fields)
    return str(error.facts.get("field") or error.facts.get("key") or "")


def _ndjson(path: Path) -> Iterator[tuple[int, Mapping[str, object] | Problem]]:
    with path.open("rb") as file:
        line = 0
        while text := file.readline(_MAX_LINE + 1):
            line += 1
            if len(text) > _MAX_LINE:
                yield line, Problem(line, "json.too_long")
                return
            try:
                yield line, read_json(text)
            except PencereError as error:
                yield line, Problem(line, error.code)


def _csv(
    path: Path, definition: Definition
) -> Iterator[tuple[int, Mapping[str, object] | Problem]]:
    with path.open(encoding="utf-8-sig", errors="strict", newline="") as file:
        reader, line = csv.reader(file, strict=True), 0
        try:
            header = next(reader, [])
            _check_header(header, definition)
            line = reader.line_num
            for cells in reader:
                line = reader.line_num
                yield line, _of_cells(line, header, cells, definition)
        except (csv.Error, UnicodeDecodeError):
            # Where the quotes or the letters are lost, no later line can be trusted.
            yield line + 1, Problem(line + 1, "line.csv")


def _check_header(header: list[str], definition: Definition) -> None:
    wrong = [name for name in header if name not in {VALID_FROM, *definition.fields}]
    if wrong or VALID_FROM not in header or len(set(header)) != len(header):
        raise Invalid("load.columns", column=(wrong or [VALID_FROM])[0][:40])


def _of_cells(
    line: int, header: list[str], cells: list[str], definition: Definition
) -> Mapping[str, object] | Problem:
    if len(cells) != len(header):
        return Problem(line, "line.cells", str(len(cells)))
    properties = definition.schema.get("properties")
    data: dict[str, object] = {}
    valid_from = ""
    for name, cell in zip(header, cells, strict=True):
        if name == VALID_FROM:
            valid_from = cell
        elif cell:
            field = properties.get(name) if isinstance(properties, Mapping) else None
            try:
                data[name] = _value(field, cell)
            except (ValueError, RecursionError):
                return Problem(line, "line.cell", name)
    try:
        # By the same door as JSON: the same texts and numbers are refused.
        return read_json(json.dumps({VALID_FROM: valid_from, "data": data}).encode())
    except PencereError as error:
        return Problem(line, error.code)


def _value(field: object, cell: str) -> object:
    kind = field.get("type") if isinstance(field, Mapping) else None
    return json.loads(cell) if kind in _AS_JSON else cell


_AS_JSON = {"array", "object", "integer", "number", "boolean"}
