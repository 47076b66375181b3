"""Erasure by law: the data goes everywhere, the proof and the log of disclosures stay."""

import json
from datetime import UTC, date, datetime

import asyncpg
import psycopg
import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Missing
from pencere.registers.commands import (
    erase_record,
    export_register,
    keep_retention,
    verify_registers,
)
from pencere.registers.erasing import Ground
from pencere.registers.export import Wanted
from pencere.registers.records import Operation, Record
from pencere.registers.verify import Fault
from pencere.registers.writing import write

pytestmark = pytest.mark.anyio

GROUND = Ground("pencere/load", "sea-act", "court decision 7", "COURT-7")


async def lived(sea, registers) -> Record:
    """A licence with two versions, shown once, and an event of it that waits."""
    made = await sea.granted(registers)
    new = Operation("amend", "gear", record=made.id, version=1, data={**made.data, "gear": "net"})
    [after] = await write(registers, sea.licence, sea.caller(), [new], "once-1")
    await registers.read(sea.licence, sea.caller(), made.id)
    return after


def erased(sea, record: int, ground: Ground = GROUND, code: str | None = None) -> int:
    return erase_record(sea.owner, code or sea.licence, record, ground, clock=sea.clock)


async def test_the_data_goes_and_everything_still_verifies(sea, tmp_path) -> None:
    async with sea.open() as registers:
        record = await lived(sea, registers)
        versions = erased(sea, record.id)
        found = await registers.find(
            sea.licence, sea.caller(), {"person": sea.meri}, annulled_too=True
        )
        outcomes = []
        for as_of in ((None, None), (date(2026, 11, 22), sea.clock.now())):
            with pytest.raises(Missing) as gone:
                await registers.read(sea.licence, sea.caller(), record.id, as_of=as_of)
            outcomes.append(gone.value.code)
        again = Operation("amend", "gear", record=record.id, version=1,
            data={**record.data, "gear": "net"})  # fmt: skip
        for key in ("once-1", "once-2"):
            with pytest.raises(Missing) as gone:
                await write(registers, sea.licence, sea.caller(), [again], key)
            outcomes.append(gone.value.code)
        other = await sea.granted(registers, number="A-60")
    manifest = export_register(sea.url, sea.country, sea.licence,
        Wanted("fishing", "sea-act", "x", annulled_too=True), tmp_path / "out",
        clock=sea.clock)  # fmt: skip
    left = await sea.sql(
        "select (to_jsonb(v) - 'actor')::text as text from registers.record_version v"
        " where record = $1"
        " union all select to_jsonb(r)::text from registers.record r where id = $1"
        " union all select to_jsonb(k)::text from registers.record_key k where record = $1",
        record.id,
    )
    shown = await sea.sql(
        "select client, purpose from registers.read_log where record = $1", record.id
    )
    [act] = await sea.sql("select * from registers.erasure")
    [leaf] = await sea.sql("select entry from ledger.pending where kind = 'register-erasure'")

    assert (versions, found, outcomes) == (2, [], ["record.unknown"] * 4)
    assert other.version == 1
    assert manifest["records"] == 1
    assert not any(word in row["text"] for row in left for word in (sea.meri, "A-50", "net"))
    assert [tuple(row.values()) for row in shown] == [("IS/GOV/harbour/portal", "fishing")]
    assert (act["record"], act["versions"], act["basis"], act["case_number"]) == (
        record.id, 2, "sea-act", "COURT-7")  # fmt: skip
    assert json.loads(leaf["entry"])["record"] == str(record.id)
    assert verify_registers(sea.superuser) == []


async def test_what_is_erased_cannot_be_rewritten_and_verify_sees_it(sea) -> None:
    async with sea.open() as registers:
        record = await lived(sea, registers)
    erased(sea, record.id)
    back = "update registers.record_version set data = '{}', salt = sha256('x'), content = null"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await sea.sql(back)
    await sea.sql("alter table registers.record_version disable trigger user")
    await sea.sql("update registers.record_version set content = sha256('x') where version = 2")

    assert verify_registers(sea.superuser) == [Fault(record.id, 2, "hash")]


async def test_the_service_cannot_erase(sea) -> None:
    async with sea.open() as registers:
        record = await lived(sea, registers)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        erase_record(sea.url, sea.licence, record.id, GROUND, clock=sea.clock)
    for statement in (
        "update registers.record_version set data = null, salt = null, content = hash",
        "delete from registers.erasure",
    ):
        connection = await asyncpg.connect(sea.url)
        await connection.execute("set registers.erasing = '1'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        await connection.close()

    assert verify_registers(sea.superuser) == []


async def test_a_record_is_erased_once_and_only_in_its_register(sea) -> None:
    async with sea.open() as registers:
        record = await lived(sea, registers)
    codes = []
    for code in (sea.boat, sea.licence, sea.licence):
        try:
            erased(sea, record.id, code=code)
            codes.append("done")
        except Missing as error:
            codes.append(error.code)

    assert codes == ["record.unknown", "done", "record.unknown"]


async def test_a_record_that_was_tampered_with_is_evidence_and_stays(sea) -> None:
    async with sea.open() as registers:
        record = await lived(sea, registers)
    await sea.sql("alter table registers.record_version disable trigger user")
    await sea.sql("update registers.record_version set reason = 'nothing' where version = 1")
    await sea.sql("alter table registers.record_version enable trigger user")
    with pytest.raises(Conflict) as refused:
        erased(sea, record.id)
    [row] = await sea.sql("select count(data) as n from registers.record_version")

    assert (refused.value.code, row["n"]) == ("record.tampered", 2)


@pytest.mark.parametrize(
    ("today", "provisional", "over"),
    [
        (date(2036, 11, 22), False, {}),
        (date(2036, 11, 23), False, {"sea/fishing-licence": 1}),
        (date(2036, 11, 23), True, {}),
    ],
)
async def test_what_is_past_its_term_goes(sea, today, provisional, over) -> None:
    async with sea.open() as registers:
        record = await lived(sea, registers)
        gone = Operation("annul", "lost", record=record.id, version=2)
        await write(registers, sea.licence, sea.caller(), [gone])
        await sea.granted(registers, number="A-61")
    file = sea.country.folder / "registers" / "sea" / "fishing-licence.yaml"
    if provisional:
        text = file.read_text(encoding="utf-8").replace("{years: 10}",
            "{years: 10, provisional: true}")  # fmt: skip
        file.write_text(text, encoding="utf-8")
    clock = FixedClock(datetime(today.year, today.month, today.day, 9, tzinfo=UTC))
    counted = keep_retention(sea.owner, sea.country, clock=clock, erase_them=False)
    done = keep_retention(sea.owner, sea.country, clock=clock, erase_them=True)
    again = keep_retention(sea.owner, sea.country, clock=clock, erase_them=True)

    assert (counted, done, again) == (over, over, {})
    assert verify_registers(sea.superuser) == []
