"""What held when, who said so and why: all versions of a record, each logged as shown."""

from datetime import date

import pytest
from tests.registers.test_http import BASE, headers, new, service

from pencere.kernel.errors import Missing
from pencere.registers.past import versions
from pencere.registers.records import Operation
from pencere.registers.writing import write

pytestmark = pytest.mark.anyio


async def test_every_version_is_told_newest_first_with_its_ground(sea) -> None:
    async with service(sea) as http:
        made = (await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))).json()
        path = f"{BASE}/records/{made['id']}"
        body = {"op": "correct", "reason": "misread", "data": {**made["data"], "gear": "net"}}
        await http.put(path, json=body, headers=headers(sea, If_Match='"1"'))
        told = await http.get(f"{path}/versions", headers=headers(sea))
        others = await http.get(f"{path}/versions", headers=headers(sea, Pencere_Person=sea.juhan))
        none = await http.get(f"{BASE}/records/999/versions", headers=headers(sea))
        odd = await http.get(f"{BASE}/records/x/versions", headers=headers(sea))
        stranger = await http.get(
            f"{path}/versions", headers=headers(sea, X_Road_Client="IS/GOV/harbour/other")
        )
        blind = await http.get(f"{path}/versions", headers=headers(sea, Pencere_Purpose="gossip"))

    first, second = [
        {
            "version": number, "op": op, "state": "valid", "valid_from": "2026-11-22",
            "valid_to": None, "recorded_at": at, "reason": reason,
            "actor": "IS1MERA11", "case": "HARBOUR-1", "data": {**made["data"], "gear": gear},
        }
        # Of two versions of one instant the later is a microsecond later.
        for number, op, at, reason, gear in (
            (1, "create", "2026-11-22T09:00:00Z", "applied", "rod"),
            (2, "correct", "2026-11-22T09:00:00.000001Z", "misread", "net"),
        )
    ]  # fmt: skip
    assert told.json() == {"versions": [second, first]}
    assert [(one.status_code, one.json()["type"]) for one in (others, none, odd, blind)] == [
        (404, "record.unknown"), (404, "record.unknown"), (404, "record.unknown"),
        (403, "purpose.not_disclosed"),
    ]  # fmt: skip
    # Who does not write learns what held, and not which clerk said so.
    assert [
        (one["data"]["gear"], one["reason"], one["actor"], one["case"])
        for one in stranger.json()["versions"]
    ] == [("net", None, None, None), ("rod", None, None, None)]


async def test_each_version_shown_is_in_the_log_and_so_is_a_question_for_nothing(sea) -> None:
    async with sea.open() as registers:
        record = await sea.granted(registers)
        ended = Operation(
            "annul", "lost", valid_from=date(2026, 11, 22), record=record.id, version=1
        )
        await write(registers, sea.licence, sea.caller(), [ended])
        await versions(registers, sea.licence, sea.caller(exchange="history"), record.id)
        with pytest.raises(Missing):
            await versions(
                registers, sea.licence, sea.caller(exchange="history", person=sea.juhan), record.id
            )

    rows = await sea.sql(
        "select record, version, actor from registers.read_log where exchange = 'history'"
        " order by id"
    )
    assert sorted(((row["record"] or 0), row["version"] or 0, row["actor"]) for row in rows) == [
        (0, 0, "IS1MERA11"), (record.id, 1, "IS1MERA11"), (record.id, 2, "IS1MERA11"),
    ]  # fmt: skip
