"""Writes that are events: kept with the write, as the definition declares them."""

from pathlib import Path

import httpx
import pytest
from tests.registers.conftest import Sea
from tests.registers.node_port import Posted, open_port

from pencere.kernel.errors import Conflict, Misconfigured
from pencere.registers.event_port import EventPort
from pencere.registers.lint import load_registers
from pencere.registers.outbox import Outbox
from pencere.registers.records import Operation
from pencere.registers.writing import write

EVENTS = """events:
  licence-given: {when: [create], fields: [gear]}
  licence-ended: {when: [amend], becomes: ends, fields: [ends]}
  licence-annulled: {when: [annul], fields: [number]}
"""
KEPT = "select system, type, key, person, data::text from registers.event_outbox order by id"


@pytest.fixture(autouse=True)
def licence(sea: Sea) -> Path:
    file: Path = sea.country.folder / "registers" / "sea" / "fishing-licence.yaml"
    file.write_text(file.read_text(encoding="utf-8").rstrip() + "\n" + EVENTS, encoding="utf-8")
    return file


@pytest.mark.anyio
async def test_a_write_keeps_its_event_in_the_same_transaction(sea: Sea) -> None:
    async with sea.open() as registers:
        record = await sea.granted(registers)
        with pytest.raises(Conflict):
            await sea.granted(registers)
        ended = Operation("amend", "ends", record=record.id, version=1, data={
            **record.data, "ends": "2027-01-01"})  # fmt: skip
        [after] = await write(registers, sea.licence, sea.caller(), [ended])
        same = Operation("amend", "gear", record=record.id, version=2, data={
            **after.data, "gear": "net"})  # fmt: skip
        await write(registers, sea.licence, sea.caller(), [same])
        away = Operation("annul", "lost", record=record.id, version=3)
        await write(registers, sea.licence, sea.caller(), [away])
    kept = [(row["type"], row["person"], row["data"]) for row in await sea.sql(KEPT)]
    assert kept == [
        ("licence-given", sea.meri, '{"gear": "rod"}'),
        ("licence-ended", sea.meri, '{"ends": "2027-01-01"}'),
        ("licence-annulled", sea.meri, '{"number": "A-50"}'),
    ]


@pytest.mark.anyio
async def test_an_event_says_who_of_which_system_and_by_which_key(sea: Sea) -> None:
    with open_port() as port:
        async with sea.open() as registers, httpx.AsyncClient(base_url=port.url) as node:
            record = await sea.granted(registers)
            [row] = await sea.sql(KEPT)
            outbox = Outbox(registers, EventPort(port.url, "IS/GOV", {row["system"]: "key"}))
            settled = await outbox.hand_over(node, row["system"])

    key = f"{sea.licence}/{record.id}/1/licence-given"
    assert port.posted == [Posted("harbour/sea", "licence-given", key, sea.meri, {"gear": "rod"})]
    assert (settled, await sea.sql(KEPT)) == (1, [])


DIED = "when: [amend], becomes: ends"


@pytest.mark.parametrize(
    ("said", "op", "purpose", "before", "after", "content"),
    [
        ("when: [create]", "create", "fishing", {}, {"gear": "rod"}, {}),
        ("when: [create]", "amend", "fishing", {}, {"gear": "rod"}, None),
        ("when: [create], fields: [gear, ends]", "create", "x", {}, {"gear": "a"}, {"gear": "a"}),
        ("when: [create], purposes: [rescue]", "create", "rescue", {}, {}, {}),
        ("when: [create], purposes: [rescue]", "create", "fishing", {}, {}, None),
        (DIED, "amend", "fishing", {}, {"ends": "2027-01-01"}, {}),
        (DIED, "amend", "fishing", {"ends": "2027-01-01"}, {"ends": "2027-01-01"}, None),
        (DIED, "amend", "fishing", {"ends": "2027-01-01"}, {"ends": "2027-01-02"}, {}),
        (DIED, "amend", "fishing", {"ends": "2027-01-01"}, {}, None),
        ("when: [correct], loses: ends", "correct", "x", {"ends": "2027-01-01"}, {}, {}),
        ("when: [correct], loses: ends", "correct", "x", {}, {}, None),
        ("when: [correct], loses: ends", "correct", "x", {"ends": "a"}, {"ends": "b"}, None),
    ],
)  # fmt: skip
def test_which_writes_are_events(
    sea: Sea, licence: Path, said: str, op: str, purpose: str,
    before: dict[str, object], after: dict[str, object], content: dict[str, object] | None,
) -> None:  # fmt: skip
    text = licence.read_text(encoding="utf-8")
    declared = f"{text.partition('events:')[0]}events:\n  told: {{{said}}}\n"
    licence.write_text(declared, encoding="utf-8")

    [rule] = load_registers(sea.country)[sea.licence].events

    assert rule.content(op, purpose, before, after) == content


@pytest.mark.parametrize(
    "wrong",
    [
        "when: [sold]",
        "when: []",
        "fields: [gear]",
        "when: [create], fields: [colour]",
        "when: [create], becomes: colour",
        "when: [create], loses: colour",
        "when: [create], purpose: [fishing]",
        "when: [create], purposes: [census]",
    ],
)
def test_an_event_that_cannot_be_is_refused(sea: Sea, licence: Path, wrong: str) -> None:
    text = licence.read_text(encoding="utf-8").replace("when: [create], fields: [gear]", wrong)
    licence.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured):
        load_registers(sea.country)
