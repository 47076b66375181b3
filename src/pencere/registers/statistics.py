"""How many records there are by one or two fields, without telling of anybody.

A cell below FEWEST is suppressed, and with it another of its line, or the sum would tell it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.registers.definition import Definition
from pencere.registers.load import Connection

FEWEST = 5
# Above this a table tells of persons whatever its cells say.
MOST_CELLS = 5_000


@dataclass(frozen=True)
class Table:
    """Counts by the values of `by`; None is suppressed. `total` is None when it would tell."""

    by: tuple[str, ...]
    cells: Mapping[tuple[str, ...], int | None]
    total: int | None


def count(connection: Connection, definition: Definition, by: Sequence[str]) -> Table:
    """Count the records in force by one or two fields with listed values (`enum`).

    Raises:
        Invalid: `statistics.fields`, not one or two fields, or one whose values are not listed:
            a name or a number would be a person in every cell.
    """
    values = [_listed(definition, field) for field in by]
    if not 1 <= len(by) <= 2 or len(set(by)) != len(by) or not all(values):
        raise Invalid("statistics.fields", register=definition.code)
    rows = connection.execute(
        "select r.data->>%s, r.data->>%s, count(*) from registers.record r"
        " join registers.register g on g.id = r.register"
        " where g.code = %s and r.state = 'valid' group by 1, 2",
        (by[0], by[-1], definition.code),
    ).fetchall()
    counted = {tuple(str(one or "") for one in row[: len(by)]): int(str(row[2])) for row in rows}
    if len(counted) > MOST_CELLS:
        raise Invalid("statistics.fields", register=definition.code)
    return suppressed(tuple(by), counted)


def suppressed(by: tuple[str, ...], counted: Mapping[tuple[str, ...], int]) -> Table:
    """Hide what is small, and of every line with one hidden cell the next smallest.

    Hiding one may leave another line with a single hidden cell, so it is done until none is.
    """
    hidden = {cell for cell, number in counted.items() if 0 < number < FEWEST}
    lines = [
        [cell for cell in counted if cell[axis] == value]
        for axis in (range(len(by)) if len(by) > 1 else ())
        for value in {cell[axis] for cell in counted}
    ]
    lines.append(list(counted))
    again = True
    while again:
        again = False
        for line in lines:
            # One hidden cell is the sum less the others; two that are small together are, too.
            gone = [cell for cell in line if cell in hidden]
            if not gone or (len(gone) > 1 and sum(counted[cell] for cell in gone) >= FEWEST):
                continue
            rest = [cell for cell in line if cell not in hidden and counted[cell]]
            if rest:
                hidden.add(min(rest, key=lambda cell: (counted[cell], cell)))
                again = True
    total = sum(counted.values())
    told = len(hidden) != 1 and (not hidden or sum(counted[cell] for cell in hidden) >= FEWEST)
    return Table(
        by,
        {cell: None if cell in hidden else counted[cell] for cell in sorted(counted)},
        total if told else None,
    )


def _listed(definition: Definition, field: str) -> bool:
    properties = definition.schema.get("properties")
    rule = properties.get(field) if isinstance(properties, Mapping) else None
    return isinstance(rule, Mapping) and isinstance(rule.get("enum"), list)
