"""Requests that arrive together: one query, one transaction, and to each its own outcome."""

import asyncio
from datetime import UTC, date, datetime

import asyncpg
import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Missing, PencereError
from pencere.registers.batches import Batches
from pencere.registers.commands import verify_registers
from pencere.registers.records import Operation, Record
from pencere.registers.writing import write

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 22)


def person(index: int) -> str:
    return f"3PRSN{index:02}"


def boat(owner: str, name: str, length: object = 5) -> Operation:
    data = {"owner": owner, "name": name, "length": length}
    return Operation("create", "built", valid_from=TODAY, data=data)


async def built(registers, sea, count: int) -> list[Record]:
    made = await asyncio.gather(
        *(
            write(registers, sea.boat, sea.caller(person=person(n)), [boat(person(n), f"Boat {n}")])
            for n in range(count)
        )
    )
    return [record for [record] in made]


async def test_readers_at_once_are_each_shown_their_own_and_logged_once(sea) -> None:
    async with sea.open() as registers:
        boats = await built(registers, sea, 30)

        async def ask(n: int) -> list[Record]:
            caller = sea.caller(person=person(n), exchange=f"x-{n}")
            return await registers.find(sea.boat, caller, {"owner": person(n)})

        found = await asyncio.gather(*(ask(n) for n in range(40)))
    logged = await sea.sql("select exchange, record from registers.read_log order by record, id")

    assert found == [[each] for each in boats] + [[]] * 10
    assert {(row["exchange"], row["record"]) for row in logged} == {
        (f"x-{n}", boats[n].id if n < 30 else None) for n in range(40)
    }
    assert len(logged) == 40


async def test_what_nobody_could_answer_spoils_no_other_answer(sea) -> None:
    async with sea.open() as registers:
        [one] = await built(registers, sea, 1)
        caller = sea.caller(person=person(0))
        asked = [one.id, 10**30, one.id, one.id + 1]
        answers = await asyncio.gather(
            *(registers.read(sea.boat, caller, record) for record in asked), return_exceptions=True
        )

    assert answers[0] == answers[2] == one
    assert isinstance(answers[1], asyncpg.DataError)
    assert isinstance(answers[3], Missing)


async def test_writers_at_once_share_a_transaction_and_each_has_its_outcome(sea) -> None:
    async with sea.open() as registers:
        operations = [boat(person(n), f"Boat {n}") for n in range(20)]
        operations[7] = boat(person(7), "Boat 7", length="long")
        operations[9] = boat(person(3), "Somebody else's")
        outcomes = await asyncio.gather(
            *(
                write(registers, sea.boat, sea.caller(person=person(n)), [each], f"key-{n}")
                for n, each in enumerate(operations)
            ),
            return_exceptions=True,
        )
        again = await write(
            registers, sea.boat, sea.caller(person=person(0)), [operations[0]], "key-0"
        )
    turns = await sea.sql("select distinct xmin from registers.record_version")

    codes = {n: each.code for n, each in enumerate(outcomes) if isinstance(each, PencereError)}
    assert codes == {7: "data.invalid", 9: "person.mismatch"}
    assert len(turns) == 1
    assert again == outcomes[0]
    assert verify_registers(sea.superuser) == []


async def test_who_wants_what_is_taken_is_refused_and_the_others_are_not(sea) -> None:
    async with sea.open() as registers:
        await built(registers, sea, 1)
        names = ["Boat 0", "Ahti", "Ahti", "Vellamo"]
        outcomes = await asyncio.gather(
            *(
                write(registers, sea.boat, sea.caller(person=person(n)), [boat(person(n), name)])
                for n, name in enumerate(names)
            ),
            return_exceptions=True,
        )
    kept = await sea.sql("select data->>'name' as name from registers.record order by id")

    codes = [getattr(each, "code", "done") for each in outcomes]
    assert codes == ["key.taken", "done", "key.taken", "done"]
    assert [row["name"] for row in kept] == ["Boat 0", "Ahti", "Vellamo"]
    assert verify_registers(sea.superuser) == []


async def test_numbers_given_at_once_have_no_hole_where_one_was_refused(sea) -> None:
    async with sea.open() as registers:
        outcomes = await asyncio.gather(
            *(
                write(
                    registers,
                    sea.licence,
                    sea.caller(person=person(n)),
                    [sea.create(person=person(n), number=None, gear="rod" if n != 2 else "bomb")],
                )
                for n in range(5)
            ),
            return_exceptions=True,
        )

    numbers = [each[0].data["number"] for each in outcomes if isinstance(each, list)]
    assert numbers == ["A-01", "A-02", "A-03", "A-04"]


async def test_amendments_of_many_records_at_once_keep_every_chain(sea) -> None:
    async with sea.open() as registers:
        boats = await built(registers, sea, 25)
        for length in (6, 7):
            boats = [
                record
                for [record] in await asyncio.gather(
                    *(
                        write(
                            registers,
                            sea.boat,
                            sea.caller(person=person(n)),
                            [
                                Operation(
                                    "amend",
                                    "longer",
                                    record=each.id,
                                    version=each.version,
                                    data={
                                        **each.data,
                                        "name": f"{n} of {length}",
                                        "length": length,
                                    },
                                )
                            ],
                        )
                        for n, each in enumerate(boats)
                    )
                )
            ]
        found = await registers.find(sea.boat, sea.caller(person=person(4)), {"name": "4 of 7"})
        old = await registers.find(sea.boat, sea.caller(person=person(4)), {"name": "4 of 6"})

    assert [each.version for each in boats] == [3] * 25
    assert (found, old) == ([boats[4]], [])
    assert verify_registers(sea.superuser) == []


async def test_who_hangs_up_takes_nobody_along(sea) -> None:
    async with sea.open() as registers:
        [one] = await built(registers, sea, 1)
        caller = sea.caller(person=person(0))
        asked = [asyncio.create_task(registers.read(sea.boat, caller, one.id)) for _ in range(5)]
        await asyncio.sleep(0)
        asked[1].cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [each for each in answers if isinstance(each, Record)] == [one] * 4
    assert isinstance(answers[1], asyncio.CancelledError)


async def test_items_with_a_claim_in_common_keep_their_order_and_are_never_together() -> None:
    batches: list[list[int]] = []

    async def serve(_: str, items) -> list[int]:
        batches.append(list(items))
        await asyncio.sleep(0)
        return list(items)

    turns: Batches[int, int] = Batches(serve)
    claims = [frozenset({"a"}), frozenset({"a", "b"}), frozenset({"b"}), frozenset({"c"})]
    answers = await asyncio.gather(
        *(turns.ask(n, "any", claimed) for n, claimed in enumerate(claims))
    )

    assert answers == [0, 1, 2, 3]
    assert batches == [[0, 3], [1], [2]]


async def test_readings_lie_in_their_month_and_no_month_is_rewritten(sea) -> None:
    async with sea.open() as registers:
        await registers.find(sea.boat, sea.caller(), {"owner": sea.meri})
        sea.clock = registers.clock = FixedClock(datetime(2031, 5, 1, tzinfo=UTC))
        await registers.find(sea.boat, sea.caller(), {"owner": sea.meri})
    async with sea.open() as registers:
        # Rows of that month lie in the one without a name already, and go on doing so.
        await registers.find(sea.boat, sea.caller(), {"owner": sea.meri})
    rows = await sea.sql(
        "select tableoid::regclass::text as month, count(*) as n from registers.read_log"
        " group by 1 order by 1"
    )

    assert [(row["month"], row["n"]) for row in rows] == [
        ("registers.read_log_2026_11", 1),
        ("registers.read_log_other", 2),
    ]
    for table in ("read_log_2026_11", "read_log_other"):
        for statement in ("delete from", "truncate"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await sea.sql(f"{statement} registers.{table}")
