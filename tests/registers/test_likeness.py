"""Records that look alike: measured by the definition, kept for a clerk, decided by nobody else."""
# ruff: noqa: RUF001 - letters that look alike are the subject here

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registers.test_http import headers, service

from pencere.kernel.errors import Misconfigured, PencereError
from pencere.registers import candidates
from pencere.registers.candidates import Candidate, Search
from pencere.registers.commands import check, find_candidates
from pencere.registers.definition import read_definition
from pencere.registers.likeness import COMPARE, Comparison, Likeness
from pencere.registers.merging import Seen, decide, propose
from pencere.registers.records import Operation
from pencere.registers.writing import write

LIKENESS = Likeness(
    ("same-sound",),
    (Comparison("family", "name", 3), Comparison("given", "name", 2), Comparison("born", "day", 3),
     Comparison("mother", "exact", 2)),
    950, 800,
)  # fmt: skip
ALI = {"family": "Əliyev", "given": "Vüqar", "born": "1990-04-07", "mother": "5MTHR55"}


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        ({}, 1000),
        ({"family": "Алиев", "given": "Вугар"}, 918),
        ({"family": "ALIYEV", "given": "VUQAR"}, 949),
        ({"given": "Vüqar Əli"}, 942),
        ({"born": "1990-07-04"}, 970),
        ({"born": "1991-04-07"}, 850),
        ({"born": "1991-04-08"}, 700),
        ({"born": "someday"}, 700),
        ({"mother": "6MTHR66"}, 800),
        ({"mother": None}, 1000),
        ({"family": "Quliyeva", "given": "Lalə", "born": "1961-01-30", "mother": "x"}, 258),
    ],
)
def test_how_alike_two_people_are(change, measure) -> None:
    other = {**ALI, **change}
    assert LIKENESS.of(ALI, other) == LIKENESS.of(other, ALI)
    assert LIKENESS.of(ALI, other) == measure


def test_only_what_both_have_is_weighed_and_nothing_in_common_is_no_likeness() -> None:
    assert LIKENESS.of({"family": "Əliyev"}, {"given": "Əliyev"}) == 0
    assert LIKENESS.of({"family": "Əliyev", "born": "1990-04-07"}, {"family": "Əliyev"}) == 1000
    # Neither has a Latin reading: they must not be alike for that.
    assert LIKENESS.of({"family": "李"}, {"family": "王"}) == 0
    assert [LIKENESS.grade(each) for each in (799, 800, 949, 950)] == [None, "look", "look", "same"]


names = st.one_of(st.text(max_size=12), st.sampled_from(["Əliyev", "Алиев", "İsmayıl", "ISMAYIL"]))
days = st.one_of(st.dates().map(date.isoformat), st.text(max_size=10))
people = st.fixed_dictionaries(
    {}, optional={"family": names, "given": names, "born": days, "mother": names}
)


@given(people, people)
def test_likeness_is_the_same_from_both_sides_and_within_its_bounds(one, other) -> None:
    assert LIKENESS.of(one, other) == LIKENESS.of(other, one)
    assert 0 <= LIKENESS.of(one, other) <= 1000


@given(people)
def test_a_record_is_like_itself(one) -> None:
    assert LIKENESS.of(one, dict(one)) == (1000 if one else 0)


@given(st.dates())
def test_a_day_with_its_month_exchanged_is_nearly_the_day(day) -> None:
    if day.day <= 12 and day.day != day.month:
        exchanged = day.replace(month=day.day, day=day.month)
        assert COMPARE["day"](day.isoformat(), exchanged.isoformat()) == 900


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("same: 950", "same: 1001", "likeness.same"),
        ("same: 950", "same: true", "likeness.same"),
        ("look: 700", "look: 960", "likeness.look"),
        ("how: name", "how: sound", "likeness.compare.name.how"),
        ("weight: 3", "weight: 0", "likeness.compare.name.weight"),
        ("look: 700", "look: 700\n  merge: 990", "likeness.merge"),
    ],
)
def test_a_likeness_of_wrong_form_is_refused(sea_folder, old, new, key) -> None:
    file = _spoilt(sea_folder, old, new)
    with pytest.raises(Misconfigured) as wrong:
        read_definition(file)

    assert wrong.value.facts["key"] == key


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("keys: [look]", "keys: [name]", "likeness.keys"),
        ("keys: [look]", "keys: []", "likeness.keys"),
        ("name: {how: name, weight: 3}", "mast: {how: name, weight: 3}", "likeness.compare.mast"),
        ("name: {how: name, weight: 3}", "name: {how: day, weight: 3}", "likeness.compare.name"),
        ("name: {how: name, weight: 3}", "length: {how: name, weight: 3}",
         "likeness.compare.length"),
        ("merging: [fishing]\n", "", "likeness"),
        ("merging: [fishing]\n", "merging: [census]\n", "merging"),
    ],
)  # fmt: skip
def test_a_likeness_without_sense_is_found(island, old, new, key) -> None:
    _spoilt(island.folder, old, new)

    assert [finding.key for finding in check(island)] == [key]


@pytest.fixture
def sea_folder(island) -> Path:
    return island.folder


def _spoilt(folder: Path, old: str, new: str) -> Path:
    file = folder / "registers" / "sea" / "boat.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file


async def boat(sea, registers, name: str, owner: str | None = None, length: int = 9):
    owner = owner or sea.meri
    data = {"owner": owner, "name": name, "length": length}
    made = Operation("create", "built", valid_from=date(2026, 11, 1), data=data)
    [record] = await write(registers, sea.boat, sea.caller(person=owner), [made])
    return record


async def amended(sea, registers, record, **data: object):
    change = Operation("amend", "mended", record=record.id, version=record.version,
                       data={**record.data, **data})  # fmt: skip
    caller = sea.caller(person=record.data["owner"])
    [after] = await write(registers, sea.boat, caller, [change])
    return after


async def waiting(sea, registers) -> list[Candidate]:
    return list(await candidates.waiting(registers, sea.boat, sea.caller()))


async def judged(sea, registers, records, outcome="not-same", **who: object) -> str:
    try:
        await candidates.judge(registers, sea.boat, sea.caller(**who), records=records,
                               outcome=outcome, reason="seen")  # fmt: skip
    except PencereError as error:
        return error.code
    return "done"


@pytest.mark.anyio
async def test_a_write_finds_what_is_like_it_and_merges_nothing(sea) -> None:
    async with sea.open() as registers:
        one = await boat(sea, registers, "Ahti Sõber")
        await boat(sea, registers, "Kotkas")
        await boat(sea, registers, "Ahti Sõber II", length=10)
        other = await boat(sea, registers, "Sober, Ahti")
        away = await waiting(sea, registers)
        other = await amended(sea, registers, other, name="Ahti Sobber")
        found = await waiting(sea, registers)
    states = await sea.sql("select distinct state from registers.record")

    # Compared are only those behind one blocking key: the order of words hid it there.
    assert away == []
    assert [(each.one, each.other, each.grade) for each in found] == [(one.id, other.id, "same")]
    assert [row["state"] for row in states] == ["valid"]


@pytest.mark.anyio
async def test_two_who_enter_one_boat_at_once_are_found(sea) -> None:
    async with sea.open() as registers:
        made = await asyncio.gather(
            *(boat(sea, registers, f"Ahti Kallas {n}") for n in range(5))
        )  # fmt: skip
        found = await waiting(sea, registers)
    ids = sorted(each.id for each in made)

    assert sorted((each.one, each.other) for each in found) == [
        (one, other) for one in ids for other in ids if one < other
    ]


@pytest.mark.anyio
async def test_a_pair_that_is_no_longer_alike_is_forgotten(sea) -> None:
    async with sea.open() as registers:
        await boat(sea, registers, "Ahti")
        other = await boat(sea, registers, "Ahtu")
        before = await waiting(sea, registers)
        await amended(sea, registers, other, name="Kotkas")
        after = await waiting(sea, registers)

    assert (len(before), after) == (1, [])


@pytest.mark.anyio
async def test_what_a_clerk_told_apart_stays_so_until_the_likeness_changes(sea) -> None:
    async with sea.open() as registers:
        one = await boat(sea, registers, "Ahti Kallas")
        other = await boat(sea, registers, "Ahti Kallis")
        pair = (other.id, one.id)
        unknown = await judged(sea, registers, (one.id, one.id + 100))
        await judged(sea, registers, pair, "same")
        [same] = await waiting(sea, registers)
        await judged(sea, registers, pair)
        gone = await waiting(sea, registers)
        other = await amended(sea, registers, other, length=9)
        still = await waiting(sea, registers)
        sea.clock.advance(timedelta(minutes=1))
        other = await amended(sea, registers, other, name="Ahti Kallast")
        [again] = await waiting(sea, registers)

    assert unknown == "candidate.unknown"
    assert (same.outcome, gone, still) == ("same", [], [])
    assert (again.one, again.other, again.outcome) == (one.id, other.id, None)


@pytest.mark.anyio
async def test_only_who_may_merge_sees_and_judges_pairs(sea) -> None:
    async with sea.open() as registers:
        one, other = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahtu")
        pair = (one.id, other.id)
        codes = [
            await judged(sea, registers, pair, client="IS/GOV/tower/portal"),
            await judged(sea, registers, pair, purpose="rescue"),
            await judged(sea, registers, pair, actor=None),
            await judged(sea, registers, pair, "perhaps"),
        ]
        with pytest.raises(PencereError) as hidden:
            await candidates.waiting(registers, sea.boat, sea.caller("rescue"))

    assert codes == ["merge.not_allowed", "merge.not_allowed", "header.missing",
                     "operation.invalid"]  # fmt: skip
    assert hidden.value.code == "merge.not_allowed"


@pytest.mark.anyio
async def test_a_merged_pair_waits_no_longer_and_comes_back_when_undone(sea) -> None:
    async with sea.open() as registers:
        one, other = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahtu")
        act = await propose(registers, sea.boat, sea.caller(), absorbed=Seen(other.id, 1),
                            survivor=Seen(one.id, 1), reason="one hull")  # fmt: skip
        await decide(registers, sea.boat, sea.caller(actor="IS7OTHR77"), merge=act.id,
                     outcome="done", reason="seen")  # fmt: skip
        merged = await waiting(sea, registers)

    assert merged == []


@pytest.mark.anyio
async def test_the_command_finds_what_no_write_saw_and_says_what_is_too_common(sea) -> None:
    async with sea.open() as registers:
        one, other = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahtu")
        third = await boat(sea, registers, "Kotkas")
        found = await waiting(sea, registers)
        await sea.sql("delete from registers.candidate")
        first = find_candidates(sea.url, sea.country, sea.boat, clock=sea.clock)
        again = find_candidates(sea.url, sea.country, sea.boat, clock=sea.clock)
        refound = await waiting(sea, registers)
        await sea.sql(
            "insert into registers.record_key (register, key, value, record, active, enforced)"
            " select register, key, 'mob|9', $1, true, false from registers.record_key,"
            " generate_series(1, 201) where record = $1 and value like '%|9'",
            third.id)  # fmt: skip
        crowd = find_candidates(sea.url, sea.country, sea.boat, clock=sea.clock)
    with pytest.raises(PencereError) as none:
        find_candidates(sea.url, sea.country, sea.buoy, clock=sea.clock)

    assert [(each.one, each.other) for each in found] == [(one.id, other.id)]
    assert refound == found
    assert (first, again, crowd) == (Search(1, 1, 0), Search(1, 1, 0), Search(1, 1, 1))
    assert none.value.code == "likeness.none"


@pytest.mark.anyio
async def test_a_search_that_fails_spoils_no_write(sea) -> None:
    async with sea.open() as registers:
        await boat(sea, registers, "Ahti")
        await sea.sql("alter table registers.candidate rename to hidden")
        other = await boat(sea, registers, "Ahtu")

    assert other.version == 1


@pytest.mark.anyio
async def test_candidates_over_http(sea) -> None:
    async with sea.open() as registers:
        one, other = await boat(sea, registers, "Ahti"), await boat(sea, registers, "Ahtu")
    path, pair = "/v1/sea/boat/candidates", [str(other.id), str(one.id)]
    given_: dict[str, object] = {"records": pair, "outcome": "not-same", "reason": "two hulls"}
    async with service(sea) as http:
        listed = await http.get(path, headers=headers(sea))
        odd = [
            (await http.post(path, json={**given_, **change}, headers=headers(sea))).json()["type"]
            for change in ({"records": pair[:1]}, {"records": ["x", "y"]}, {"outcome": 1},
                           {"reason": ""}, {"merge": True}, {"records": [pair[0]] * 2})
        ]  # fmt: skip
        told = await http.post(path, json=given_, headers=headers(sea))
        left = await http.get(path, headers=headers(sea))

    assert listed.json() == {"candidates": [
        {"records": [str(one.id), str(other.id)], "likeness": 812, "grade": "look",
         "outcome": None}]}  # fmt: skip
    assert odd == ["operation.invalid"] * 4 + ["operation.superfluous", "candidate.unknown"]
    assert (told.status_code, told.content, left.json()) == (204, b"", {"candidates": []})
