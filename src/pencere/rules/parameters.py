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

from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.rules.place import Place
from pencere.rules.yamlfile import load_yaml

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
        for key, node in Place(load_yaml(path), path, "").named("parameters"):
            if key in found:
                raise node.wrong("names", example="one parameter of this key in all files")
            found[key] = _parameter(key, node, acts)
    return MappingProxyType(found)


def _parameter(key: str, node: Place, acts: frozenset[str]) -> Parameter:
    unit = node.text("unit")
    if unit not in UNITS:
        raise node.wrong("unit", example="qepik")
    rows = [_row(row, unit, acts) for row in node.nodes("rows")]
    if not rows:
        raise node.wrong("rows", example="a list of {value, from, act, article, source}")
    rows.sort(key=lambda row: row.start)
    for earlier, later in pairwise(rows):
        if earlier.until is None or earlier.until >= later.start:
            raise node.wrong("rows", example=f"until the day before {later.start.isoformat()}")
    return Parameter(key, node.words("names"), unit, tuple(rows))


def _row(node: Place, unit: str, acts: frozenset[str]) -> Row:
    act = node.text("act")
    if act not in acts:
        raise node.wrong("act", example=min(acts, default="an act of acts.yaml"))
    start = node.day("from")
    until = node.day("until") if node.has("until") else None
    if until is not None and until < start:
        raise node.wrong("until", example=start.isoformat())
    given = node.content.get("value")
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
        article=node.maybe_text("article") or "",
        source=node.text("source"),
        provisional=node.flag("provisional"),
    )


def _value(node: Place, key: str, given: object, unit: str) -> Value:
    if unit in {"qepik", "number"}:
        if not isinstance(given, int) or isinstance(given, bool) or given < 0:
            raise node.wrong(key, example=3000)
        return given
    if not isinstance(given, str):
        raise node.wrong(key, example="'0.14' in quotes")
    try:
        rate = Decimal(given)
    except InvalidOperation as error:
        raise node.wrong(key, example="'0.14' in quotes") from error
    if not rate.is_finite() or rate < 0:
        raise node.wrong(key, example="'0.14' in quotes")
    return rate
