"""Nobody rewrites the past unseen, not even the database's superuser."""

from datetime import UTC, date, datetime

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.canonical import canonical_json
from pencere.registers.chain import Version, leaf_of, quick_json
from pencere.registers.commands import verify_registers
from pencere.registers.records import Operation
from pencere.registers.verify import Fault
from pencere.registers.writing import write

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=127)), values))
def test_the_quick_writer_of_json_writes_what_rfc_8785_asks_for(value) -> None:
    assert quick_json(value).encode() == canonical_json(value)


def version(**changes: object) -> Version:
    given = {
        "register": "sea/boat",
        "record": 7,
        "version": 1,
        "schema_version": 1,
        "op": "create",
        "state": "valid",
        "valid_from": date(2026, 11, 22),
        "valid_to": None,
        "recorded_at": datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
        "actor": "IS1MERA11",
        "client": "IS/GOV/harbour/portal",
        "purpose": "fishing",
        "basis": "sea-act",
        "case": "HARBOUR-1",
        "exchange": "exchange-1",
        "reason": "built",
        "salt": bytes(range(16)),
        "data": {"owner": "1MERA11", "name": "Ahti", "length": 9},
        "prev": None,
    }
    return Version(**{**given, **changes})


def test_the_worked_bytes_of_the_specification() -> None:
    made = version()
    digest = made.hash()

    assert digest == made.quick_hash(quick_json(made.data))
    assert digest.hex() == "af1e708d80a7d1cfbb8273845f76a7ed6a5dd0ea7775703acc46059c2ccfaef2"
    assert leaf_of("sea/boat", 7, 1, digest)[2] == (
        b'{"hash":"' + digest.hex().encode() + b'","record":"7","register":"sea/boat","version":1}'
    )


@pytest.mark.parametrize(
    "change",
    [
        {"record": 8},
        {"version": 2},
        {"state": "annulled"},
        {"valid_to": date(2026, 12, 1)},
        {"actor": None},
        {"reason": "bought"},
        {"salt": bytes(16)},
        {"prev": bytes(32)},
        {"data": {"owner": "1MERA11", "name": "Ahti", "length": 10}},
    ],
)
def test_every_part_counts(change) -> None:
    assert version(**change).hash() != version().hash()


@pytest.fixture
async def history(sea):
    """Meri's boat, lengthened once, corrected once for the past."""
    async with sea.open() as registers:
        data = {"owner": sea.meri, "name": "Ahti", "length": 9}
        first = Operation("create", "built", valid_from=date(2026, 1, 1), data=data)
        [boat] = await write(registers, sea.boat, sea.caller(), [first])
        longer = Operation(
            "amend",
            "longer",
            valid_from=date(2026, 6, 1),
            record=boat.id,
            version=1,
            data={**data, "length": 12},
        )
        [boat] = await write(registers, sea.boat, sea.caller(), [longer])
        past = Operation(
            "correct",
            "was longer",
            valid_from=date(2026, 2, 1),
            valid_to=date(2026, 3, 1),
            record=boat.id,
            version=2,
            data={**data, "length": 10},
        )
        [boat] = await write(registers, sea.boat, sea.caller(), [past])
    return boat


UNTRIGGERED = "set session_replication_role = replica"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tampering", "faults"),
    [
        ("update registers.record_version set reason = 'sold' where version = 1", {(1, "hash")}),
        (
            """update registers.record_version set data = jsonb_set(data, '{length}', '99')
            where version = 2""",
            {(2, "hash"), (3, "data")},
        ),
        (
            "delete from registers.record_version where version = 2",
            {(3, "gap"), (3, "link"), (3, "data")},
        ),
        ("delete from registers.record_version where version = 3", {(2, "head")}),
        ("update registers.record set data = jsonb_set(data, '{length}', '99')", {(3, "data")}),
        ("delete from registers.record_version", {(3, "missing")}),
        ("delete from ledger.pending where id = 2", {(2, "leaf")}),
        (
            """insert into registers.record
                (register, version, state, valid_from, recorded_at, head, data)
            select register, 1, state, valid_from, recorded_at, head, data from registers.record""",
            {(1, "missing")},
        ),
    ],
)
async def test_tampering_is_found(sea, history, tampering, faults) -> None:
    assert verify_registers(sea.superuser) == []

    connection = await asyncpg.connect(sea.superuser)
    await connection.execute(UNTRIGGERED)
    await connection.execute(tampering)
    await connection.close()

    found = {(fault.version, fault.what) for fault in verify_registers(sea.superuser)}
    assert found == faults
    assert all(isinstance(fault, Fault) for fault in verify_registers(sea.superuser))


@pytest.mark.anyio
@pytest.mark.parametrize("table", ["record_version", "read_log", "definition", "idempotency"])
async def test_the_service_cannot_change_what_was_written(sea, history, table) -> None:
    for url in (sea.url, sea.superuser):
        connection = await asyncpg.connect(url)
        for statement in (f"delete from registers.{table}", f"truncate registers.{table} cascade"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await connection.close()
