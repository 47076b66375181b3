"""The next version of a register: what breaks is named, records are moved, old readers served."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.errors import Conflict, Invalid, Misconfigured
from pencere.registers.commands import move_records, verify_registers
from pencere.registers.differences import Difference, differences
from pencere.registers.lint import check
from pencere.registers.load import Source
from pencere.registers.merging import Seen, decide, propose, propose_undoing
from pencere.registers.records import Operation
from pencere.registers.steps import history_of, read_steps
from pencere.registers.writing import write

ISLAND = Path(__file__).parent / "island" / "registers" / "sea"
BOAT = yaml.safe_load((ISLAND / "boat.yaml").read_text(encoding="utf-8"))
SOURCE = Source("move", "pencere/load", "fishing", "boats have makers", "sea-act", "ACT-2")


def changed(*path: str, to: object) -> dict[str, object]:
    """The boats' definition with one place changed; None takes it away."""
    new = json.loads(json.dumps(BOAT))
    inner = new
    for key in path[:-1]:
        inner = inner[key]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return new


FIELD = ("data", "properties")
ALL = ("records", "readers", "writers")
STRICT = ("records", "writers")
READERS = ("readers",)


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (BOAT, []),
        (changed("names", to={"en": "Ships"}), []),
        (changed(*FIELD, "name", "x-names", to={"en": "Called"}), []),
        (changed(*FIELD, "sail", to={"type": "string"}), [Difference("field.added", "sail")]),
        (changed(*FIELD, "length", to=None), [Difference("field.removed", "length", ALL)]),
        (changed("data", "required", to=["owner", "name"]),
            [Difference("field.optional", "length", READERS)]),
        (changed(*FIELD, "name", "maxLength", to=80),
            [Difference("limit.looser", "name.maxLength")]),
        (changed(*FIELD, "name", "maxLength", to=None),
            [Difference("limit.looser", "name.maxLength")]),
        (changed(*FIELD, "name", "maxLength", to=39),
            [Difference("limit.tighter", "name.maxLength", STRICT)]),
        (changed(*FIELD, "name", "minLength", to=1),
            [Difference("limit.tighter", "name.minLength", STRICT)]),
        (changed(*FIELD, "length", "minimum", to=0),
            [Difference("limit.looser", "length.minimum")]),
        (changed(*FIELD, "length", "type", to="number"),
            [Difference("type.wider", "length.type", READERS)]),
        (changed(*FIELD, "length", "type", to="string"),
            [Difference("type.changed", "length.type", ALL)]),
        (changed(*FIELD, "name", "enum", to=["Ahti"]),
            [Difference("rule.changed", "name.enum", ALL)]),
        (changed(*FIELD, "name", "pattern", to="^A"),
            [Difference("rule.tighter", "name.pattern", STRICT)]),
        (changed(*FIELD, "name", "if", to={}), [Difference("rule.changed", "name.if", ALL)]),
        (changed("disclosure", "census", to=["name"]),
            [Difference("purpose.added", "disclosure.census")]),
        (changed("disclosure", "rescue", to=None),
            [Difference("purpose.removed", "disclosure.rescue", READERS)]),
        (changed("disclosure", "rescue", to=["name", "owner"]),
            [Difference("disclosure.narrower", "disclosure.rescue.length", READERS),
             Difference("disclosure.wider", "disclosure.rescue.owner")]),
        (changed("masks", to={"rescue": {"name": "initials"}}),
            [Difference("mask.changed", "masks.rescue.name", READERS)]),
        (changed("keys", "owner", to=None),
            [Difference("key.removed", "keys.owner", ("records", "readers")),
             Difference("key.renumbered", "keys.name", ("records",)),
             Difference("key.renumbered", "keys.look", ("records",))]),
        (changed("keys", "name", "kind", to="forever"),
            [Difference("key.kind", "keys.name", ("records",))]),
        (changed("keys", "size", to={"kind": "lookup", "fields": ["length"]}),
            [Difference("key.added", "keys.size", ("records",))]),
        (changed("subject", to="name"), [Difference("subject.changed", "subject", ALL)]),
    ],
)  # fmt: skip
def test_each_change_is_named_with_whom_it_breaks(new, found) -> None:
    assert differences(BOAT, new) == found


def test_values_and_required_fields_are_told_apart() -> None:
    old = {"data": {"required": [], "properties": {"gear": {"enum": ["net", "rod"]}}}}

    def one(required: list[str], *values: str, **more: object) -> list[Difference]:
        properties = {"gear": {"enum": list(values)}, **more}
        return differences(old, {"data": {"required": required, "properties": properties}})

    assert one([], "rod", "net") == [Difference("values.added", "gear.enum", READERS)]
    assert one([], "net") == [Difference("values.removed", "gear.enum", STRICT)]
    assert one([], "net", "trap") == [Difference("values.changed", "gear.enum", ALL)]
    assert one(["gear"], "net", "rod") == [Difference("field.required", "gear", STRICT)]
    assert one(["sail"], "net", "rod", sail={}) == [
        Difference("field.added_required", "sail", STRICT)
    ]


STEPS = [
    {"rename": "name", "to": "title"},
    {"set": "maker", "value": "unknown"},
    {"map": "title", "values": {"Ahti": "AHTI"}},
]


@given(st.dictionaries(st.sampled_from(["name", "length", "owner"]), st.text(max_size=5)))
def test_what_is_moved_forward_and_back_is_what_it_was(data) -> None:
    history = history_of({1: {}, 2: {"move": STEPS}, 3: {"move": [{"rename": "title", "to": "t"}]}})
    assert history.backward(history.forward(data, 1), 1) == data
    assert history.forward(data, 3) == data


@pytest.mark.parametrize(
    "steps",
    [{}, ["x"], [{"rename": "a"}], [{"rename": "a", "to": 1}], [{"drop": "a"}],
     [{"map": "a", "values": {"x": 1}}], [{"remove": "a", "to": "b"}]],
)  # fmt: skip
def test_steps_that_nobody_can_do_are_refused(steps) -> None:
    with pytest.raises(Invalid):
        read_steps(steps)


def second(sea, **changes: object) -> None:
    """Version 2 of the boats: the name is called title, and each has a maker."""
    text = (ISLAND / "boat.yaml").read_text(encoding="utf-8")
    for before, after in {
        "version: 1": "version: 2",
        "[owner, name, length]": "[owner, title, length]",
        "required: [owner, title, length]": "required: [owner, title, length, maker]",
        "    name: {type": "    maker: {type: string, x-names: {az: U, en: Maker, ru: И}}\n"
        "    title: {type",
        "fields: [name]": "fields: [title]",
        "field: name": "field: title",
        "    name: {how": "    title: {how",
        "rescue: [name, length]": "rescue: [title, length, maker]",
        **changes,
    }.items():
        assert before in text
        text = text.replace(before, str(after))
    content = f"{text}move: {json.dumps(STEPS)}\n"
    (sea.country.folder / "registers" / "sea" / "boat.yaml").write_text(content, encoding="utf-8")


async def built(sea) -> list[object]:
    async with sea.open() as registers:
        boats = []
        for name in ("Ahti", "Vellamo", "Tapio"):
            data = {"owner": sea.meri, "name": name, "length": 9}
            operation = Operation("create", "built", valid_from=sea.clock.now().date(), data=data)
            boats += await write(registers, sea.boat, sea.caller(), [operation])
        gone = Operation("annul", "sunk", record=boats[2].id, version=1)
        await write(registers, sea.boat, sea.caller(), [gone])
        return boats


async def move(sea, *, dry_run: bool = False, source: Source = SOURCE):
    return await move_records(
        sea.url, sea.country, sea.boat, source, clock=sea.clock, dry_run=dry_run
    )


@pytest.mark.anyio
async def test_a_version_that_breaks_records_waits_for_their_move(sea) -> None:
    boats = await built(sea)
    second(sea)
    assert check(sea.country)[1] == []
    with pytest.raises(Misconfigured) as unmoved:
        async with sea.open():
            pass
    tried = await move(sea, dry_run=True)
    before = await sea.sql("select max(version) as n from registers.record_version")
    moved, again = await move(sea), await move(sea)
    async with sea.open() as registers:
        rescue = sea.caller("rescue", person=sea.meri)
        now = await registers.read(sea.boat, rescue, boats[0].id)
        old = await registers.read(sea.boat, sea.caller("rescue", schema=1), boats[0].id)
        [found] = await registers.find(sea.boat, sea.caller(), {"name": "AHTI"})
        then = await registers.read(sea.boat, rescue, boats[0].id, as_of=(None, sea.clock.now()))
    [version] = await sea.sql(
        "select op, schema_version, basis, case_number, reason from registers.record_version"
        " where record = $1 and version = 2", boats[0].id)  # fmt: skip

    assert "field.removed name" in str(unmoved.value.facts["value"])
    assert unmoved.value.facts["example"] == "pencere register move sea/boat"
    assert (tried.records, tried.misfits, before[0]["n"]) == (3, (), 2)
    assert (moved.records, again.records) == (3, 0)
    assert now.data == then.data == {"title": "AHTI", "length": 9, "maker": "unknown"}
    assert old.data == {"name": "Ahti", "length": 9}
    assert found.version == 2
    assert tuple(version.values()) == ("move", 2, "sea-act", "ACT-2", SOURCE.reason)
    assert verify_registers(sea.superuser) == []


@pytest.mark.anyio
async def test_an_agreement_on_old_names_opens_no_more_than_it_says(sea) -> None:
    boats = await built(sea)
    second(sea)
    await move(sea)
    async with sea.open() as registers:
        narrow = sea.caller("rescue", schema=1, fields=frozenset({"name"}))
        told = await registers.read(sea.boat, narrow, boats[0].id)
        with pytest.raises(Invalid) as unknown:
            await registers.read(sea.boat, sea.caller("rescue", schema=7), boats[0].id)

    assert told.data == {"name": "Ahti"}
    assert unknown.value.code == "schema.unknown"


@pytest.mark.anyio
async def test_with_one_record_that_does_not_fit_none_is_moved(sea) -> None:
    boats = await built(sea)
    second(sea, **{"maxLength: 40": "maxLength: 5"})
    outcome = await move(sea)
    versions = await sea.sql("select count(*) as n from registers.record_version")
    published = await sea.sql("select max(version) as n from registers.definition")

    [misfit] = outcome.misfits
    assert (misfit.code, misfit.where, misfit.count) == ("data.invalid", "$.title maxLength", 1)
    assert misfit.records == (boats[1].id,)
    assert (versions[0]["n"], published[0]["n"]) == (4, 1)


@pytest.mark.anyio
async def test_a_move_that_was_cut_off_bars_the_service_and_goes_on(sea, monkeypatch) -> None:
    await built(sea)
    second(sea)
    monkeypatch.setattr("pencere.registers.moving.PIECE", 1)
    stop = (
        "create function public.stop() returns trigger language plpgsql as $$ begin"
        " if new.op = 'move' and (select count(*) from registers.record_version"
        " where op = 'move') = 1 then raise exception 'cut'; end if; return new; end $$"
    )
    await sea.sql(stop)
    await sea.sql(
        "create trigger stop before insert on registers.record_version"
        " for each row execute function public.stop()"
    )
    with pytest.raises(Exception, match="cut"):
        await move(sea)
    with pytest.raises(Misconfigured):
        async with sea.open():
            pass
    await sea.sql("drop trigger stop on registers.record_version")
    with pytest.raises(Conflict) as differs:
        await move(sea, source=Source("move", "pencere/load", "fishing", "other", "sea-act"))
    rest = await move(sea)
    async with sea.open():
        pass

    assert differs.value.code == "move.differs"
    assert rest.records == 2
    assert verify_registers(sea.superuser) == []


@pytest.mark.anyio
async def test_a_key_keeps_its_place(sea) -> None:
    await built(sea)
    second(sea, **{"name: {kind: unique,": "name: {kind: forever,"})
    with pytest.raises(Invalid) as refused:
        await move(sea)

    assert refused.value.facts == {"change": "key.kind", "where": "keys.name"}


@pytest.mark.anyio
async def test_keys_that_only_change_places_are_noticed(sea) -> None:
    await built(sea)
    file = sea.country.folder / "registers" / "sea" / "boat.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["keys"] = dict(reversed(content["keys"].items()))
    file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    with pytest.raises(Misconfigured) as refused:
        async with sea.open():
            pass

    assert refused.value.facts["example"] == ["owner", "name", "look"]


@pytest.mark.anyio
async def test_a_merged_record_is_moved_with_its_pointer_and_comes_apart_in_the_new_form(
    sea,
) -> None:
    boats = await built(sea)
    first, other = sea.caller(), sea.caller(actor="IS7OTHR77")
    pair = {"absorbed": Seen(boats[0].id, 1), "survivor": Seen(boats[1].id, 1)}
    async with sea.open() as registers:
        act = await propose(registers, sea.boat, first, **pair, reason="one hull")
        await decide(registers, sea.boat, other, merge=act.id, outcome="done", reason="seen")
    second(sea)
    moved = await move(sea)
    async with sea.open() as registers:
        [by_old] = await registers.find(sea.boat, first, {"name": "AHTI"})
        undo = await propose_undoing(registers, sea.boat, first, merge=act.id, reason="two")
        await decide(registers, sea.boat, other, merge=undo.id, outcome="done", reason="seen")
        [apart] = await registers.find(sea.boat, first, {"name": "AHTI"})

    assert moved.records == 3
    assert (by_old.id, by_old.merged_from) == (boats[1].id, (boats[0].id,))
    assert (apart.id, apart.version, apart.state) == (boats[0].id, 4, "valid")
    assert verify_registers(sea.superuser) == []
