"""Two records found to be one subject: two people, both histories, a pointer, a way back."""

import asyncio
import itertools
import json
from datetime import date, timedelta

import asyncpg
import pytest
from jsonschema import Draft202012Validator
from tests.registers.test_http import headers, service

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.registers.commands import erase_record, verify_registers
from pencere.registers.erasing import Ground
from pencere.registers.merging import Seen, decide, proposals, propose, propose_undoing
from pencere.registers.records import Operation
from pencere.registers.verify import Fault
from pencere.registers.writing import write

pytestmark = pytest.mark.anyio

FIRST, SECOND = "IS1MERA11", "IS7OTHR77"


async def boat(sea, registers, name: str, owner: str | None = None, length: int = 9):
    owner = owner or sea.meri
    data = {"owner": owner, "name": name, "length": length}
    made = Operation("create", "built", valid_from=date(2026, 11, 1), data=data)
    [record] = await write(registers, sea.boat, sea.caller(person=owner), [made])
    return record


async def proposed(sea, registers, absorbed, survivor, **who: str):
    return await propose(
        registers, sea.boat, sea.caller(**{"actor": FIRST, **who}),
        absorbed=Seen(absorbed.id, absorbed.version), survivor=Seen(survivor.id, survivor.version),
        reason="one hull",
    )  # fmt: skip


async def decided(sea, registers, merge: int, outcome: str = "done", **who: str):
    caller = sea.caller(**{"actor": SECOND, **who})
    return await decide(registers, sea.boat, caller, merge=merge, outcome=outcome, reason="seen")


async def merged(sea, registers, absorbed, survivor) -> int:
    act = await proposed(sea, registers, absorbed, survivor)
    await decided(sea, registers, act.id)
    return act.id


async def undone(sea, registers, merge: int) -> None:
    act = await propose_undoing(
        registers, sea.boat, sea.caller(actor=FIRST), merge=merge, reason="two hulls"
    )
    await decided(sea, registers, act.id)


async def found(sea, registers, name: str, **how):
    records = await registers.find(sea.boat, sea.caller(), {"name": name}, **how)
    return [(each.id, each.state, each.merged_into, each.merged_from) for each in records]


async def outcome_of(work) -> str:
    try:
        await work
    except PencereError as error:
        return error.code
    return "done"


async def test_the_old_key_leads_to_the_survivor_and_the_answer_says_so(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        act = await proposed(sea, registers, old, new)
        before = await found(sea, registers, "Ahti")
        done = await decided(sea, registers, act.id)
        after = await found(sea, registers, "Ahti")
        itself = await found(sea, registers, "Ahti", annulled_too=True)
        read = await registers.read(sea.boat, sea.caller(), old.id)
        both = await registers.find(sea.boat, sea.caller(), {"owner": sea.meri})
    log = await sea.sql("select record from registers.read_log order by id")

    assert before == [(old.id, "valid", None, ())]
    assert (act.state, done.state) == ("proposed", "done")
    assert after == [(new.id, "valid", None, (old.id,))]
    assert itself == [(old.id, "annulled", new.id, ())]
    assert read.as_json()["merged_into"] == str(new.id)
    assert [each.as_json() for each in both] == [
        {"id": str(new.id), "version": 1, "state": "valid", "valid_from": "2026-11-01",
         "data": dict(new.data), "merged_from": [str(old.id)]}]  # fmt: skip
    assert [row["record"] for row in log] == [old.id, new.id, old.id, old.id, new.id]
    assert verify_registers(sea.superuser) == []


async def test_before_the_merge_there_were_two_and_still_are_for_who_asks_then(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        known = sea.clock.now()
        sea.clock.advance(timedelta(hours=1))
        await merged(sea, registers, old, new)
        then = await found(sea, registers, "Ahti", as_of=(None, known))
        day_before = await found(sea, registers, "Ahti", as_of=(date(2026, 11, 21), None))
        now = await found(sea, registers, "Ahti", as_of=(date(2026, 11, 22), None))
        history = await sea.sql(
            "select version, op, actor from registers.record_version where record = $1"
            " order by version", old.id)  # fmt: skip

    assert then == day_before == [(old.id, "valid", None, ())]
    assert now == [(new.id, "valid", None, (old.id,))]
    assert [tuple(row.values()) for row in history] == [
        (1, "create", "IS1MERA11"), (2, "merge", SECOND)]  # fmt: skip


async def test_a_merge_is_undone_by_another_act_of_two_people(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        merge = await merged(sea, registers, old, new)
        while_merged = sea.clock.now() + timedelta(seconds=1)
        sea.clock.advance(timedelta(hours=1))
        act = await propose_undoing(
            registers, sea.boat, sea.caller(actor=FIRST), merge=merge, reason="two hulls"
        )
        alone = await outcome_of(decided(sea, registers, act.id, actor=FIRST))
        await decided(sea, registers, act.id)
        now = await found(sea, registers, "Ahti")
        back = await registers.read(sea.boat, sea.caller(), old.id)
        then = await found(sea, registers, "Ahti", as_of=(date(2026, 11, 22), while_merged))
        again = await outcome_of(undone(sea, registers, merge))
        of_undoing = await outcome_of(undone(sea, registers, act.id))
        amended = Operation("amend", "painted", record=old.id, version=3, data=dict(back.data))
        await write(registers, sea.boat, sea.caller(), [amended])

    assert alone == "merge.same_person"
    assert now == [(old.id, "valid", None, ())]
    assert (back.version, back.valid_from, dict(back.data)) == (3, old.valid_from, dict(old.data))
    assert then == [(new.id, "valid", None, (old.id,))]
    assert (again, of_undoing) == ("merge.not_done", "merge.not_done")
    assert verify_registers(sea.superuser) == []


async def test_who_proposed_cannot_confirm_and_may_withdraw(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        act = await proposed(sea, registers, old, new)
        alone = await outcome_of(decided(sea, registers, act.id, actor=FIRST))
        waits = [each.id for each in await proposals(registers, sea.boat, sea.caller())]
        await decided(sea, registers, act.id, "refused", actor=FIRST)
        late = await outcome_of(decided(sea, registers, act.id))
        left = await proposals(registers, sea.boat, sea.caller())
        still = await found(sea, registers, "Ahti")
        again = await proposed(sea, registers, old, new)

    assert (alone, waits, late, left) == ("merge.same_person", [act.id], "merge.decided", [])
    assert still == [(old.id, "valid", None, ())]
    assert again.state == "proposed"


async def test_two_clerks_at_once_make_one_proposal_and_one_merge(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        codes = await asyncio.gather(
            outcome_of(proposed(sea, registers, old, new)),
            outcome_of(proposed(sea, registers, new, old, actor=SECOND)),
            outcome_of(proposed(sea, registers, old, new, actor="IS8THRD88")),
        )
        [act] = await proposals(registers, sea.boat, sea.caller())
        ends = await asyncio.gather(
            *(outcome_of(decided(sea, registers, act.id, actor=f"IS{n}CLRK{n}")) for n in range(5))
        )
    versions = await sea.sql("select count(*) as n from registers.record_version where op='merge'")

    assert sorted(codes) == ["done", "merge.proposed", "merge.proposed"]
    assert sorted(ends) == ["done"] + ["merge.decided"] * 4
    assert versions[0]["n"] == 1
    assert verify_registers(sea.superuser) == []


async def test_what_was_merged_is_no_survivor_and_no_circle_closes(sea) -> None:
    async with sea.open() as registers:
        a, b, c = [await boat(sea, registers, name) for name in ("A", "B", "C")]
        both_ways = await proposed(sea, registers, b, c)
        first = await merged(sea, registers, a, b)
        facts = []
        for absorbed, survivor in ((c, a), (b, a), (a, c), (a, a)):
            try:
                await proposed(sea, registers, absorbed, survivor)
            except (Conflict, Invalid) as error:
                facts.append((error.code, error.facts.get("survivor")))
        # B keeps its version when A comes in, so what was proposed of it before stands.
        await decided(sea, registers, both_ways.id)
        through = await found(sea, registers, "A")
        second = both_ways.id
        closed = await outcome_of(proposed(sea, registers, c, a))
        await undone(sea, registers, second)
        back = await found(sea, registers, "A")
        await undone(sea, registers, first)
        apart = [await found(sea, registers, name) for name in ("A", "B", "C")]

    assert facts == [
        ("merge.into_merged", str(b.id)), ("merge.into_merged", str(b.id)),
        ("merge.merged", str(b.id)), ("merge.self", None)]  # fmt: skip
    assert through == [(c.id, "valid", None, (a.id,))]
    assert closed == "merge.into_merged"
    assert back == [(b.id, "valid", None, (a.id,))]
    assert apart == [[(each.id, "valid", None, ())] for each in (a, b, c)]
    assert verify_registers(sea.superuser) == []


async def test_the_way_leads_through_who_was_merged_later_also_as_of(sea) -> None:
    async with sea.open() as registers:
        a, b, c = [await boat(sea, registers, name) for name in ("A", "B", "C")]
        await merged(sea, registers, a, b)
        between = sea.clock.now() + timedelta(minutes=1)
        sea.clock.advance(timedelta(minutes=2))
        await merged(sea, registers, b, c)
        day = date(2026, 11, 22)
        ends = [await found(sea, registers, "A", as_of=(day, at)) for at in (between, None)]

    assert ends == [[(b.id, "valid", None, (a.id,))], [(c.id, "valid", None, (a.id,))]]


async def test_what_changed_since_it_was_looked_at_is_not_merged(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        act = await proposed(sea, registers, old, new)
        data = {**new.data, "length": 10}
        amend = Operation("amend", "measured", record=new.id, version=1, data=data)
        await write(registers, sea.boat, sea.caller(), [amend])
        stale = await outcome_of(decided(sea, registers, act.id))
        blind = await outcome_of(proposed(sea, registers, old, new))
        ended = Operation("annul", "sunk", record=new.id, version=2)
        await write(registers, sea.boat, sea.caller(), [ended])
        gone = await outcome_of(decided(sea, registers, act.id))
        alive = await found(sea, registers, "Ahti")

    assert (stale, blind, gone) == ("version.stale", "version.stale", "record.annulled")
    assert alive == [(old.id, "valid", None, ())]


async def test_a_merged_record_is_written_by_nobody_and_its_values_are_nobody_elses(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        await merged(sea, registers, old, new)
        amend = Operation("amend", "x", record=old.id, version=2, data=dict(old.data))
        written = await outcome_of(write(registers, sea.boat, sea.caller(), [amend]))
        taken = await outcome_of(boat(sea, registers, "Ahti"))

    assert (written, taken) == ("record.annulled", "key.taken")


async def test_others_are_told_of_a_merge_and_of_its_undoing(sea) -> None:
    async with sea.open() as registers:
        old = await boat(sea, registers, "Ahti", sea.juhan)
        new = await boat(sea, registers, "Ahti II")
        await undone(sea, registers, await merged(sea, registers, old, new))
    told = await sea.sql("select type, person, data::text from registers.event_outbox order by id")

    assert [(row["type"], row["person"], json.loads(row["data"])) for row in told] == [
        ("boats-are-one", sea.juhan, {"name": "Ahti", "merged_into": str(new.id)}),
        ("boats-are-two", sea.juhan, {"name": "Ahti"}),
    ]


async def test_the_number_of_the_absorbed_person_finds_the_survivor(sea) -> None:
    async with sea.open() as registers:
        old = await boat(sea, registers, "Ahti", sea.juhan)
        new = await boat(sea, registers, "Ahti II")
        await merged(sea, registers, old, new)
        [record] = await registers.find(
            sea.boat, sea.caller(person=sea.juhan), {"owner": sea.juhan}
        )
        with pytest.raises(Refused) as other:
            await registers.find(sea.boat, sea.caller(person=sea.juhan), {"owner": sea.meri})
        by_name = await registers.find(sea.boat, sea.caller(person=sea.juhan), {"name": "Ahti"})

    assert (record.id, record.merged_from) == (new.id, (old.id,))
    assert (other.value.code, by_name) == ("person.mismatch", [])


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ({"client": "IS/GOV/tower/portal"}, "merge.not_allowed"),
        ({"purpose": "rescue"}, "merge.not_allowed"),
        ({"actor": None}, "header.missing"),
        ({"person": "7STRA77"}, "record.unknown"),
    ],
)
async def test_only_who_may_merge_does(sea, who, code) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        act = await proposed(sea, registers, old, new)
        with pytest.raises((Refused, Invalid, Missing)) as first:
            await proposed(sea, registers, old, new, **who)
        with pytest.raises((Refused, Invalid, Missing)) as second:
            await decided(sea, registers, act.id, **who)

    assert (first.value.code, second.value.code) == (code, code)


async def test_acts_of_another_register_are_unknown(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        act = await proposed(sea, registers, old, new)
        licence = await sea.granted(registers)
        across = await outcome_of(proposed(sea, registers, licence, new))
        unknown = await outcome_of(decided(sea, registers, act.id + 1))
        closed = await outcome_of(
            decide(registers, sea.licence, sea.caller(actor=SECOND), merge=act.id, outcome="done",
                   reason="x"))  # fmt: skip

    assert (across, unknown, closed) == ("record.unknown", "merge.unknown", "merge.not_allowed")


async def test_the_pointer_is_in_the_chain_and_acts_are_only_added(sea) -> None:
    async with sea.open() as registers:
        a, b, c = [await boat(sea, registers, name) for name in ("A", "B", "C")]
        await merged(sea, registers, a, b)
    refused = []
    for table in ("merge", "merge_decision", "candidate_decision"):
        for statement in (f"update registers.{table} set reason = 'x'",
                          f"delete from registers.{table}"):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as error:
                await sea.sql(statement)
            refused.append(error.value.sqlstate)
    await sea.sql("update registers.record set merged_into = $1 where id = $2", c.id, a.id)
    led_astray = verify_registers(sea.superuser)
    await sea.sql("alter table registers.record_version disable trigger user")
    await sea.sql("update registers.record_version set merged_into = $1 where record = $2"
                  " and version = 2", c.id, a.id)  # fmt: skip

    assert refused == ["42501"] * 6
    assert led_astray == [Fault(a.id, 2, "survivor")]
    assert verify_registers(sea.superuser) == [Fault(a.id, 2, "hash")]


async def test_an_absorbed_record_can_be_erased_and_is_then_not_undone(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
        merge = await merged(sea, registers, old, new)
        ground = Ground("pencere/load", "sea-act", "court")
        erase_record(sea.owner, sea.boat, old.id, ground, clock=sea.clock)
        nothing = await found(sea, registers, "Ahti")
        back = await outcome_of(undone(sea, registers, merge))

    assert (nothing, back) == ([], "record.unknown")
    assert verify_registers(sea.superuser) == []


BASE = "/v1/sea/boat"


async def test_merging_over_http(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
    body = {"absorbed": {"id": str(old.id), "version": 1},
            "survivor": {"id": str(new.id), "version": 1}, "reason": "one hull"}  # fmt: skip
    second = headers(sea, X_Road_UserId=SECOND)
    async with service(sea) as http:
        made = await http.post(f"{BASE}/merges", json=body, headers=headers(sea))
        twice = await http.post(f"{BASE}/merges", json=body, headers=headers(sea))
        path = f"{BASE}/merges/{made.json()['merge']}"
        listed = await http.get(f"{BASE}/merges", headers=second)
        mine = await http.post(f"{path}/confirm", json={"reason": "x"}, headers=headers(sea))
        done = await http.post(f"{path}/confirm", json={"reason": "seen"}, headers=second)
        undo = await http.post(f"{path}/undo", json={"reason": "two hulls"}, headers=second)
        back = f"{BASE}/merges/{undo.json()['merge']}/confirm"
        undone_ = await http.post(back, json={"reason": "yes"}, headers=headers(sea))

    act = {"merge": made.json()["merge"], "undoes": None, **body, "state": "proposed"}
    assert (made.status_code, made.json()) == (201, act)
    assert (twice.status_code, twice.json()["detail"]) == (409, {"merge": act["merge"]})
    assert listed.json() == {"merges": [act]}
    assert (mine.status_code, mine.json()["type"]) == (403, "merge.same_person")
    assert (done.status_code, done.json()) == (200, {**act, "state": "done"})
    assert (undone_.status_code, undone_.json()["undoes"]) == (200, act["merge"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"absorbed": "7"}, "operation.invalid"),
        ({"absorbed": {"id": "1; drop", "version": 1}}, "operation.invalid"),
        ({"survivor": {"id": "1", "version": True}}, "operation.invalid"),
        ({"survivor": {"id": "1", "version": 2**40}}, "operation.invalid"),
        ({"survivor": {"id": "1", "version": 1, "x": 1}}, "operation.invalid"),
        ({"reason": " "}, "operation.invalid"),
        ({"reason": "x" * 1001}, "operation.invalid"),
        ({"force": True}, "operation.superfluous"),
        ({"survivor": {"id": "999999999999999999", "version": 1}}, "record.unknown"),
    ],
)
async def test_hostile_proposals_are_refused(sea, change, code) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahti II")
    body = {"absorbed": {"id": str(old.id), "version": 1},
            "survivor": {"id": str(new.id), "version": 1}, "reason": "x", **change}  # fmt: skip
    async with service(sea) as http:
        answer = await http.post(f"{BASE}/merges", json=body, headers=headers(sea))
        odd = await http.post(f"{BASE}/merges/x/confirm", json={"reason": "x"},
                              headers=headers(sea))  # fmt: skip

    assert (answer.json()["type"], odd.json()["type"]) == (code, "merge.unknown")


async def test_the_description_says_these_calls_and_the_answers_are_as_it_says(sea) -> None:
    async with sea.open() as registers:
        old, new = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahtu")
    body = {"absorbed": {"id": str(old.id), "version": 1},
            "survivor": {"id": str(new.id), "version": 1}, "reason": "one hull"}  # fmt: skip
    async with service(sea) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
        pairs = await http.get(f"{BASE}/candidates", headers=headers(sea))
        made = await http.post(f"{BASE}/merges", json=body, headers=headers(sea))
        listed = await http.get(f"{BASE}/merges", headers=headers(sea))
        act = f"{BASE}/merges/{made.json()['merge']}"
        done = await http.post(f"{act}/confirm", json={"reason": "seen"},
                               headers=headers(sea, X_Road_UserId=SECOND))  # fmt: skip
        shown = await http.get(f"{BASE}/records/{old.id}", headers=headers(sea))

    for path, verb, answer in (
        ("/candidates", "get", pairs), ("/merges", "post", made), ("/merges", "get", listed),
        ("/merges/{number}/confirm", "post", done), ("/records/{id}", "get", shown),
    ):  # fmt: skip
        described = paths[f"{BASE}{path}"][verb]["responses"][str(answer.status_code)]
        schema = described["content"]["application/json"]["schema"]
        Draft202012Validator(schema).validate(answer.json())
    assert sorted(path for path in paths if "merges" in path or "candidates" in path) == [
        f"{BASE}/candidates", f"{BASE}/merges", f"{BASE}/merges/{{number}}/confirm",
        f"{BASE}/merges/{{number}}/refuse", f"{BASE}/merges/{{number}}/undo"]  # fmt: skip
    assert "merged_into" in shown.json()


async def test_acts_along_one_way_at_once_leave_it_as_the_versions_say(sea) -> None:
    async with sea.open() as registers:
        boats = [await boat(sea, registers, name) for name in ("A", "B", "C", "D", "E")]
        joined = [
            await proposed(sea, registers, one, other) for one, other in itertools.pairwise(boats)
        ]
        # Whichever comes first, a record in the middle is refused or passes its own on.
        codes = await asyncio.gather(
            *(outcome_of(decided(sea, registers, act.id)) for act in joined)
        )
        merges = [act.id for act, code in zip(joined, codes, strict=True) if code == "done"]
        undoings = [
            await propose_undoing(registers, sea.boat, sea.caller(), merge=each, reason="two")
            for each in merges
        ]
        middle = verify_registers(sea.superuser)
        ends = await asyncio.gather(
            *(outcome_of(decided(sea, registers, act.id)) for act in undoings)
        )
        apart = [await found(sea, registers, name) for name in ("A", "B", "C", "D", "E")]

    assert set(codes) <= {"done", "merge.into_merged"}
    assert "done" in codes
    assert middle == []
    assert ends == ["done"] * len(merges)
    assert apart == [[(each.id, "valid", None, ())] for each in boats]
    assert verify_registers(sea.superuser) == []
