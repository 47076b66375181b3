"""Parameters of the law: dated rows, each with its act, article and source.

A file is `countries/<country>/law/parameters/*.yaml`. Sums are integer qəpik; rates are quoted
decimals, since a YAML number with a point would be a binary fraction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from pencere.countries.datafile import Node
from pencere.kernel.errors import Missing
from pencere.kernel.text import Text

Value = int | Decimal
UNITS = ("qepik", "rate", "number")


@dataclass(frozen=True, slots=True)
class Row:
    """What a parameter was from a day until a day, both included; `until` None: still."""

    value: Value | Mapping[str, Value]
    start: date
    until: date | None
    act: str
    article: str
    source: str
    provisional: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A figure the law sets, through time."""

    key: str
    names: Text
    unit: str
    rows: tuple[Row, ...]

    def on(self, day: date) -> Row:
        """Return the row in force on a day.

        Raises:
            Missing: `parameter.not_in_force`: the law says nothing for that day.
        """
        for row in self.rows:
            if row.start <= day and (row.until is None or day <= row.until):
                return row
        raise Missing("parameter.not_in_force", parameter=self.key, day=day.isoformat())


def load_parameters(folder: Path, acts: frozenset[str]) -> Mapping[str, Parameter]:
    """Read every file of `folder`.

    Raises:
        Misconfigured: a value, date or act is wrong; rows overlap; a key stands in two files.
    """
    found: dict[str, Parameter] = {}
    for path in sorted(folder.glob("*.yaml")):
        for key, node in Node.of_file(path).children("parameters").items():
            if key in found:
                raise node.wrong("names", "one parameter of this key in all files")
            found[key] = _parameter(key, node, acts)
    return MappingProxyType(found)


def _parameter(key: str, node: Node, acts: frozenset[str]) -> Parameter:
    unit = node.string("unit", "qepik")
    if unit not in UNITS:
        raise node.wrong("unit", "qepik")
    given = node.values.get("rows")
    if not isinstance(given, list) or not given:
        raise node.wrong("rows", "a list of {value, from, act, article, source}")
    rows = [
        _row(Node(node.file, f"{node.at('rows')}.{index}", values), unit, acts)
        for index, values in enumerate(given)
    ]
    rows.sort(key=lambda row: row.start)
    for earlier, later in pairwise(rows):
        if earlier.until is None or earlier.until >= later.start:
            raise node.wrong("rows", f"until the day before {later.start.isoformat()}")
    return Parameter(key, node.text("names"), unit, tuple(rows))


def _row(node: Node, unit: str, acts: frozenset[str]) -> Row:
    act = node.string("act", min(acts, default="an act of acts.yaml"))
    if act not in acts:
        raise node.wrong("act", min(acts, default="an act of acts.yaml"))
    start = _day(node, "from")
    until = _day(node, "until") if node.has("until") else None
    if until is not None and until < start:
        raise node.wrong("until", start.isoformat())
    given = node.values.get("value")
    value: Value | Mapping[str, Value]
    if isinstance(given, Mapping):
        value = MappingProxyType(
            {str(name): _value(node, "value", item, unit) for name, item in given.items()}
        )
    else:
        value = _value(node, "value", given, unit)
    return Row(
        value=value,
        start=start,
        until=until,
        act=act,
        article=node.string_or("article", ""),
        source=node.string("source", "gazette number"),
        provisional=node.values.get("provisional") is True,
    )


def _value(node: Node, key: str, given: object, unit: str) -> Value:
    if unit in {"qepik", "number"}:
        if not isinstance(given, int) or isinstance(given, bool) or given < 0:
            raise node.wrong(key, 3000)
        return given
    if not isinstance(given, str):
        raise node.wrong(key, "'0.14' in quotes")
    try:
        rate = Decimal(given)
    except InvalidOperation as error:
        raise node.wrong(key, "'0.14' in quotes") from error
    if not rate.is_finite() or rate < 0:
        raise node.wrong(key, "'0.14' in quotes")
    return rate


def _day(node: Node, key: str) -> date:
    value = node.values.get(key)
    if not isinstance(value, date):
        raise node.wrong(key, "2026-01-01")
    return value
