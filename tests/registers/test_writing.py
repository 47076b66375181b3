"""Changes: what is allowed, what is kept, what two writers do to each other."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import asyncpg
import pytest

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.registers.records import Operation, Record
from pencere.registers.writing import give_number, write

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 22)


def change(op: str, record: Record, data: object = None, **others: object) -> Operation:
    given = {"valid_from": None, "reason": "because", **others}
    return Operation(op, record=record.id, version=record.version, data=data, **given)


async def failing(work) -> tuple[str, dict[str, object]]:
    with pytest.raises(PencereError) as caught:
        await work
    return caught.value.code, caught.value.facts


async def test_a_record_is_made_and_found_by_its_person(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        found = await registers.find(sea.licence, sea.caller(), {"person": sea.meri})

    data = {"person": sea.meri, "number": "A-50", "gear": "rod"}
    assert found == [made] == [Record(made.id, 1, "valid", TODAY, data)]


async def test_a_missing_number_is_given_by_the_register(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers, number=None)
        juhan = sea.caller(person=sea.juhan)
        other = sea.create(person=sea.juhan, number=None)
        [next_one] = await write(registers, sea.licence, juhan, [other])

    assert (made.data["number"], next_one.data["number"]) == ("A-01", "A-02")


async def test_a_number_is_given_once_for_each_key_until_none_is_left(sea) -> None:
    async with sea.open() as registers:

        async def ask(key: str) -> str:
            return await give_number(registers, sea.licence, sea.caller(), key)

        given = [await ask(key) for key in ("first-key", "first-key", "second-key")]
        await sea.sql("update registers.number_series set next = 198")
        last = await ask("key-last")
        code = await failing(ask("key-after"))
        none = await failing(give_number(registers, sea.boat, sea.caller(), "key-boat"))

    assert given == ["A-01", "A-01", "A-02"]
    assert last == "B-99"
    assert code == ("numbering.exhausted", {})
    assert none == ("numbering.none", {"register": sea.boat})


async def test_amending_keeps_what_the_writer_cannot_see(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        rescue, secret = sea.caller("rescue"), {"person": sea.meri, "secret": "cannot swim"}
        await write(registers, sea.licence, rescue, [change("amend", made, secret)])
        seen = await registers.read(sea.licence, sea.caller(), made.id)
        new = {"person": sea.meri, "number": "A-50", "gear": "net"}
        [after] = await write(registers, sea.licence, sea.caller(), [change("amend", seen, new)])
        rescuers = await registers.read(sea.licence, rescue, made.id)
        over = await failing(
            write(registers, sea.licence, sea.caller(), [change("amend", after, secret)])
        )

    assert after.data == new
    assert rescuers.data == secret
    assert over == ("field.not_allowed", {"field": "secret"})


async def test_a_stale_version_changes_nothing(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        new = {**made.data, "gear": "net"}
        await write(registers, sea.licence, sea.caller(), [change("amend", made, new)])
        stale = await failing(
            write(registers, sea.licence, sea.caller(), [change("amend", made, made.data)])
        )
        now = await registers.read(sea.licence, sea.caller(), made.id)

    assert stale == ("version.stale", {"current": 2})
    assert (now.version, now.data) == (2, new)


async def test_of_two_amendments_at_once_one_is_done(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)

        async def amend(gear: str) -> object:
            operation = change("amend", made, {**made.data, "gear": gear})
            return await write(registers, sea.licence, sea.caller(), [operation])

        outcomes = await asyncio.gather(
            *(amend(gear) for gear in ("net", "trap", "net", "trap")), return_exceptions=True
        )
        rows = await sea.sql("select version from registers.record_version order by version")

    done = [each for each in outcomes if isinstance(each, list)]
    assert len(done) == 1
    assert [each.code for each in outcomes if isinstance(each, Conflict)] == ["version.stale"] * 3
    assert [row["version"] for row in rows] == [1, 2]


async def test_of_two_licences_for_one_person_at_once_one_is_made(sea) -> None:
    async with sea.open() as registers:
        outcomes = await asyncio.gather(
            *(sea.granted(registers, number=f"A-{n}") for n in range(60, 66)),
            return_exceptions=True,
        )
        records = await sea.sql("select count(*) as n from registers.record")
        leaves = await sea.sql("select count(*) as n from ledger.pending")

    refused = [each.facts for each in outcomes if isinstance(each, Conflict)]
    assert refused == [{"register": sea.licence, "key": "person"}] * 5
    assert (records[0]["n"], leaves[0]["n"]) == (1, 1)


async def test_writers_that_lock_each_other_both_finish_or_are_told(sea) -> None:
    async with sea.open() as registers:
        boats = []
        for name in ("Ahti", "Vellamo"):
            made = Operation(
                "create",
                "built",
                valid_from=TODAY,
                data={"owner": sea.meri, "name": name, "length": 9},
            )
            boats += await write(registers, sea.boat, sea.caller(), [made])

        async def lengthen(order: list[Record]) -> object:
            longer = [change("amend", boat, {**boat.data, "length": 10}) for boat in order]
            return await write(registers, sea.boat, sea.caller(), longer)

        outcomes = await asyncio.gather(
            lengthen(boats), lengthen(boats[::-1]), return_exceptions=True
        )

    kinds = sorted(type(each).__name__ for each in outcomes)
    assert kinds == ["Conflict", "list"]


async def test_a_replacement_annuls_and_creates_in_one_transaction(sea) -> None:
    async with sea.open() as registers:
        old = await sea.granted(registers)
        operations = [change("annul", old), sea.create(number="A-51")]
        annulled, new = await write(registers, sea.licence, sea.caller(), operations, "effect-1")
        again = await write(registers, sea.licence, sea.caller(), operations, "effect-1")
        found = await registers.find(sea.licence, sea.caller(), {"person": sea.meri})
        every = await registers.find(
            sea.licence, sea.caller(), {"person": sea.meri}, annulled_too=True
        )

    assert again == [annulled, new]
    assert (annulled.state, annulled.version) == ("annulled", 2)
    assert found == [new]
    assert every == [annulled, new]


async def test_a_replacement_that_cannot_be_finished_leaves_the_old_licence(sea) -> None:
    async with sea.open() as registers:
        old = await sea.granted(registers)
        operations = [change("annul", old), sea.create(number="A-51", gear="dynamite")]
        code = await failing(write(registers, sea.licence, sea.caller(), operations, "effect-1"))
        found = await registers.find(sea.licence, sea.caller(), {"person": sea.meri})
        mended = [change("annul", old), sea.create(number="A-51")]
        done = await write(registers, sea.licence, sea.caller(), mended, "effect-1")

    fields = [{"field": "$.gear", "rule": "enum"}]
    assert code == ("data.invalid", {"register": sea.licence, "fields": fields})
    assert found == [old]
    assert [record.state for record in done] == ["annulled", "valid"]


async def test_a_key_for_another_request_is_refused(sea) -> None:
    async with sea.open() as registers:
        await write(registers, sea.licence, sea.caller(), [sea.create()], "effect-1")
        other = write(registers, sea.licence, sea.caller(), [sea.create(gear="net")], "effect-1")
        code = await failing(other)

    assert code == ("idempotency.reused", {})


async def test_the_same_effect_many_times_at_once_is_done_once(sea) -> None:
    async with sea.open() as registers:
        outcomes = await asyncio.gather(
            *(
                write(registers, sea.licence, sea.caller(), [sea.create()], "effect-1")
                for _ in range(6)
            )
        )
        records = await sea.sql("select id from registers.record")

    assert outcomes == [outcomes[0]] * 6
    assert [row["id"] for row in records] == [outcomes[0][0].id]


async def test_an_annulled_record_stays_annulled_and_its_number_taken(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        [gone] = await write(registers, sea.licence, sea.caller(), [change("annul", made)])
        twice = await failing(write(registers, sea.licence, sea.caller(), [change("annul", gone)]))
        amended = change("amend", gone, {**gone.data, "gear": "net"})
        revived = await failing(write(registers, sea.licence, sea.caller(), [amended]))
        taken = await failing(sea.granted(registers))
        another = await sea.granted(registers, number="A-52")

    assert twice == revived == ("record.annulled", {})
    assert taken == ("key.taken", {"register": sea.licence, "key": "number"})
    assert another.version == 1


async def test_a_number_that_was_changed_is_still_taken_and_may_come_back(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        wrong = change("correct", made, {**made.data, "number": "A-60"})
        [second] = await write(registers, sea.licence, sea.caller(), [wrong])
        old = await registers.find(sea.licence, sea.caller(), {"number": "A-50"})
        juhan = sea.caller(person=sea.juhan)
        taken = await failing(write(registers, sea.licence, juhan, [sea.create(person=sea.juhan)]))
        back = change("correct", second, made.data)
        [third] = await write(registers, sea.licence, sea.caller(), [back])
        found = await registers.find(sea.licence, sea.caller(), {"number": "a 50"})

    assert old == []
    assert taken == ("key.taken", {"register": sea.licence, "key": "number"})
    assert found == [third]


@pytest.mark.parametrize(
    ("op", "others", "code"),
    [
        ("amend", {"valid_from": TODAY + timedelta(1)}, "valid_from.future"),
        ("amend", {"valid_from": TODAY - timedelta(1)}, "valid_from.before_current"),
        ("correct", {"valid_to": TODAY}, "valid_to.after_current"),
        ("annul", {"valid_from": TODAY + timedelta(1)}, "valid_from.future"),
    ],
)
async def test_days_that_make_no_sense_are_refused(sea, op, others, code) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        operation = change(op, made, None if op == "annul" else made.data, **others)
        refused = await failing(write(registers, sea.licence, sea.caller(), [operation]))

    assert refused == (code, {})


async def test_what_is_somebody_elses_is_as_if_not_there(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        juhan = sea.caller(person=sea.juhan)
        amended = change("amend", made, {**made.data, "gear": "net"})
        by_id = await failing(registers.read(sea.licence, juhan, made.id))
        changed = await failing(write(registers, sea.licence, juhan, [amended]))
        by_number = await registers.find(sea.licence, juhan, {"number": "A-50"})
        by_person = await failing(registers.find(sea.licence, juhan, {"person": sea.meri}))
        for_other = await failing(write(registers, sea.licence, juhan, [sea.create(number="A-9")]))

    nothing = ("record.unknown", {"register": sea.licence})
    assert by_id == changed == nothing
    assert by_number == []
    assert by_person == for_other == ("person.mismatch", {"register": sea.licence})


async def test_who_may_not_write_does_not(sea) -> None:
    async with sea.open() as registers:
        for caller in (sea.caller(client="IS/GOV/harbour/other"), sea.caller("census")):
            refused = await failing(write(registers, sea.licence, caller, [sea.create()]))
            assert refused == ("write.not_allowed", {"register": sea.licence})
        nobody = await failing(
            write(registers, sea.licence, sea.caller(person=None), [sea.create()])
        )

    assert nobody == ("header.missing", {"header": "pencere-person"})


async def test_the_person_of_a_record_cannot_be_exchanged(sea) -> None:
    async with sea.open() as registers:
        made = await sea.granted(registers)
        stolen = change("amend", made, {**made.data, "person": sea.juhan})
        refused = await failing(write(registers, sea.licence, sea.caller(), [stolen]))

    assert refused == ("subject.changed", {})


async def test_a_register_about_no_person_needs_none(sea) -> None:
    buoy = Operation("create", "laid", valid_from=TODAY, data={"id": "B7", "place": "reef"})
    rescue = replace(sea.caller("rescue"), person=None)
    async with sea.open() as registers:
        [made] = await write(registers, sea.buoy, rescue, [buoy])
        found = await registers.find(sea.buoy, rescue, {"id": "b-7"})

    assert found == [made]


async def test_unknown_things_are_named(sea) -> None:
    async with sea.open() as registers:
        absent = replace(await sea.granted(registers), id=10**12)
        codes = [
            await failing(write(registers, sea.licence, sea.caller(), [change("annul", absent)])),
            await failing(registers.find("sea/whale", sea.caller(), {"id": "1"})),
            await failing(registers.find(sea.licence, sea.caller(), {"colour": "1"})),
            await failing(registers.find(sea.licence, sea.caller(), {})),
            await failing(registers.find(sea.licence, sea.caller("census"), {"number": "A"})),
        ]

    assert codes == [
        ("record.unknown", {"register": sea.licence}),
        ("register.unknown", {"register": "sea/whale"}),
        ("key.unknown", {"register": sea.licence, "key": "colour"}),
        ("key.one", {"keys": 0}),
        ("purpose.not_disclosed", {"register": sea.licence}),
    ]


def test_every_reason_has_its_class() -> None:
    assert {Conflict.status, Invalid.status, Missing.status, Refused.status} == {409, 400, 404, 403}


async def test_a_server_that_dies_between_the_two_steps_leaves_the_old_licence(sea) -> None:
    async with sea.open() as registers:
        old = await sea.granted(registers)
        await give_number(registers, sea.licence, sea.caller(), "warm-up")
        blocker = await asyncpg.connect(sea.superuser)
        turn = blocker.transaction()
        await turn.start()
        # The number is taken after the old licence was annulled: there the replacement waits.
        await blocker.execute("select from registers.number_series for update")
        operations = [change("annul", old), sea.create(number=None)]
        effect = asyncio.create_task(
            write(registers, sea.licence, sea.caller(), operations, "effect-1")
        )
        while not await blocker.fetch("select from pg_locks where not granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await blocker.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
        code = await failing(effect)
        await turn.rollback()
        await blocker.close()
        between = await registers.find(sea.licence, sea.caller(), {"person": sea.meri})
        done = await write(registers, sea.licence, sea.caller(), operations, "effect-1")
        after = await registers.find(sea.licence, sea.caller(), {"person": sea.meri})

    assert code[0] == "database.unavailable"
    assert between == [old]
    assert after == done[1:]
