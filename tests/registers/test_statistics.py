"""Counts that tell of nobody: small cells are hidden, and cannot be reckoned back."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.errors import Invalid
from pencere.registers.lint import load_registers
from pencere.registers.statistics import FEWEST, Table, count, suppressed
from pencere.registers.writing import write


def test_a_small_cell_takes_the_next_smallest_along() -> None:
    table = suppressed(("gear",), {("net",): 20, ("rod",): 4, ("trap",): 9})
    assert table == Table(("gear",), {("net",): 20, ("rod",): None, ("trap",): None}, 33)


def test_five_are_told_and_one_line_alone_has_no_sum() -> None:
    assert suppressed(("g",), {("net",): 5, ("rod",): 6}).total == 11
    assert suppressed(("g",), {("net",): 4}) == Table(("g",), {("net",): None}, None)
    assert suppressed(("g",), {}) == Table(("g",), {}, 0)


cells = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(1, 12), max_size=9
)


@given(cells)
def test_no_line_tells_its_small_cell_by_subtraction(counted) -> None:
    table = suppressed(("one", "two"), counted)
    assert all(number is None or number >= FEWEST for number in table.cells.values())
    for axis in (0, 1):
        for value in {cell[axis] for cell in counted}:
            line = {cell: table.cells[cell] for cell in counted if cell[axis] == value}
            hidden = [cell for cell, number in line.items() if number is None]
            if len(hidden) < len(line):
                assert not hidden or sum(counted[cell] for cell in hidden) >= FEWEST
                assert len(hidden) != 1


@pytest.mark.anyio
async def test_a_register_is_counted_by_listed_values_only(sea) -> None:
    async with sea.open() as registers:
        for n in range(11):
            gear = "net" if n < 6 else "rod" if n < 10 else "trap"
            person = f"3PRSN{n:02}"
            operation = sea.create(person=person, number=f"A-{n + 10}", gear=gear)
            await write(registers, sea.licence, sea.caller(person=person), [operation])
    definition = load_registers(sea.country)[sea.licence]
    with psycopg.connect(sea.url) as connection:
        table = count(connection, definition, ["gear"])
        for fields in ([], ["person"], ["gear", "person"], ["gear", "gear"], ["none"]):
            with pytest.raises(Invalid):
                count(connection, definition, fields)

    assert table == Table(("gear",), {("net",): 6, ("rod",): None, ("trap",): None}, 11)
