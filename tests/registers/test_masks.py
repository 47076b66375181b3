"""Masks: what a purpose sees of a value is the same by every way out."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.registers.lint import check, load_registers
from pencere.registers.masks import masked, shape
from pencere.registers.openapi import describe_one
from pencere.registers.records import Operation
from pencere.registers.writing import write

TODAY = date(2026, 11, 22)
CENSUS = "  census: [person, number, ends, secret, gear]\n"
MASKS = """masks:
  census: {person: last-2, number: first-1, ends: year, secret: initials, gear: hidden}
events:
  licence-given: {when: [create], fields: [number, secret], masks: {secret: initials}}
"""


@pytest.fixture
def masks(sea):
    file = sea.country.folder / "registers" / "sea" / "fishing-licence.yaml"
    text = file.read_text(encoding="utf-8").replace("  rescue: [", CENSUS + "  rescue: [", 1)
    file.write_text(text + MASKS, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("pattern", "value", "seen"),
    [
        ("last-4", "AB 123456", "•••••3456"),
        ("last-4", "3456", "••••"),
        ("last-4", 123456, "••3456"),
        ("first-2", "Quliyeva", "Qu••••••"),
        ("year", "1990-02-28", "1990"),
        ("year", "28.02.1990", "•"),
        ("initials", "Aydan  Quliyeva", "A. Q."),
        ("initials", " ", "•"),
        ("hidden", "anything", "•"),
        ("last-4", ["a", "list"], "•"),
        ("last-4", True, "•"),
        ("last-40", "123456", "•"),
    ],
)
def test_what_a_mask_leaves(pattern, value, seen) -> None:
    assert masked(pattern, value) == seen


@given(
    st.sampled_from(["last-2", "first-3", "year", "initials", "hidden"]),
    st.text(max_size=12) | st.dates().map(str) | st.integers() | st.booleans(),
)
def test_whatever_a_mask_leaves_has_the_shape_that_is_described(pattern, value) -> None:
    assert re.search(str(shape(pattern)["pattern"]), masked(pattern, value))


def test_the_description_shows_a_purpose_what_it_sees(sea, masks) -> None:
    with_writers = load_registers(sea.country)[sea.licence]
    clear = with_writers.schema["properties"]["person"]["pattern"]
    read = describe_one(with_writers)["paths"]["/records/{id}"]["get"]["responses"]["200"]
    data = read["content"]["application/json"]["schema"]["properties"]["data"]
    shapes = {one["title"]: one["properties"] for one in data["anyOf"]}
    census = {"census": with_writers.disclosure["census"]}
    of_readers = replace(with_writers, writers=(), disclosure=census)

    assert {
        field: rule["x-mask"] for field, rule in shapes["census"].items() if field != "ends"
    } == {"person": "last-2", "number": "first-1", "secret": "initials", "gear": "hidden"}
    assert "enum" not in shapes["census"]["gear"]
    assert shapes["fishing"]["person"]["pattern"] == clear
    assert sorted(shapes["rescue"]) == ["person", "secret"]
    assert clear in json.dumps(describe_one(with_writers))
    assert clear not in json.dumps(describe_one(of_readers))


SEEN = {"person": "•••••11", "number": "A•••", "ends": "2027", "secret": "C. S.", "gear": "•"}


@pytest.mark.anyio
async def test_every_way_out_is_masked(sea, masks) -> None:
    async with sea.open() as registers:
        rescue = sea.caller("rescue")
        made = await sea.granted(registers, ends="2027-01-31")
        told = Operation(
            "amend",
            "told",
            record=made.id,
            version=1,
            data={"person": sea.meri, "secret": "cannot swim"},
        )
        await write(registers, sea.licence, rescue, [told])
        census = sea.caller("census")
        read = await registers.read(sea.licence, census, made.id)
        found = await registers.find(sea.licence, census, {"number": "A-50"})
        now = (TODAY, datetime(2026, 11, 22, 10, tzinfo=UTC))
        then = await registers.read(sea.licence, census, made.id, as_of=now)
        narrow = sea.caller("census", fields=frozenset({"number"}))
        narrowed = await registers.read(sea.licence, narrow, made.id)
        open_ = await registers.read(sea.licence, sea.caller(), made.id)
    seen = {**SEEN, "secret": "c. s."}

    assert read.data == found[0].data == then.data == seen
    assert narrowed.data == {"number": "A•••"}
    assert open_.data["number"] == "A-50"


@pytest.mark.anyio
async def test_an_event_is_masked_too(sea, masks) -> None:
    text = masks.read_text(encoding="utf-8").replace("rescue: [person, secret]",
        "rescue: [person, number, gear, secret]")  # fmt: skip
    masks.write_text(text, encoding="utf-8")
    async with sea.open() as registers:
        operation = sea.create(secret="Cannot Swim")
        await write(registers, sea.licence, sea.caller("rescue"), [operation])
    [row] = await sea.sql("select data::text from registers.event_outbox")

    assert row["data"] == '{"number": "A-50", "secret": "C. S."}'


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("number: first-1", "number: first-99", "masks.census.number"),
        ("census: {person", "rescue: {person", "masks.rescue"),
        ("gear: hidden", "length: hidden", "masks.census.length"),
    ],
)
def test_a_mask_that_makes_no_sense_is_told(sea, masks, before, after, key) -> None:
    masks.write_text(masks.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")

    assert key in [finding.key for finding in check(sea.country)[1]]
