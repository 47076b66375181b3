"""Files of records: checked whole, loaded in pieces, gone on with after a kill, and out again."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.registers import bulk
from pencere.registers.bulk_files import Problem
from pencere.registers.commands import export_register, load_records, verify_registers
from pencere.registers.export import Wanted
from pencere.registers.load import Source
from pencere.registers.records import Operation
from pencere.registers.writing import write

pytestmark = pytest.mark.anyio

CLOCK = FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
SOURCE = Source("boats", "pencere/load", "fishing", "the paper\tregister \\ 1998", "sea-act", "A-1")
WANTED = Wanted("rescue", "sea-act", "pencere/load", "CASE-7")


def line(number: int, **changes: object) -> str:
    data = {"owner": f"3PRS{number:03}", "name": f"Boat {number}", "length": 5, **changes}
    return json.dumps({"valid_from": "1998-05-01", "data": data}, ensure_ascii=False)


def ndjson(folder: Path, lines: list[str], name: str = "boats.ndjson") -> Path:
    path = folder / name
    path.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    return path


@pytest.fixture
async def ready(sea):
    """The registers are published, as by a service that has run."""
    async with sea.open():
        return sea


def loaded(sea, path: Path, form: str = "ndjson", source: Source = SOURCE) -> bulk.Loaded:
    return load_records(sea.url, sea.country, sea.boat, (path, form), source, clock=CLOCK)


async def test_a_file_is_loaded_as_if_each_record_had_been_created(ready, tmp_path) -> None:
    path = ndjson(tmp_path, [line(n, name=f"Qayıq \\ {n}") for n in range(40)])
    first, again = loaded(ready, path), loaded(ready, path)
    async with ready.open() as registers:
        caller = ready.caller(person="3PRS007")
        [found] = await registers.find(ready.boat, caller, {"owner": "3PRS007"})
        [amended] = await write(registers, ready.boat, caller, [
            Operation("amend", "longer", record=found.id, version=1,
                data={**found.data, "length": 6})])  # fmt: skip
    [version] = await ready.sql(
        "select valid_from, purpose, basis, case_number, reason, client"
        " from registers.record_version where record = $1 and version = 1", found.id)  # fmt: skip

    assert (first, again) == (bulk.Loaded(40, 0), bulk.Loaded(0, 40))
    assert found.data == {"owner": "3PRS007", "name": "Qayıq \\ 7", "length": 5}
    assert amended.version == 2
    assert list(version.values())[1:] == [
        "fishing", "sea-act", "A-1", SOURCE.reason, "pencere/load"]  # fmt: skip
    assert verify_registers(ready.superuser) == []


async def test_no_number_that_was_loaded_is_given_out_again(ready, tmp_path) -> None:
    numbers = ["A-03", "a05", "A-01", "OLD/77", "A-007"]
    path = ndjson(tmp_path, [
        json.dumps({"valid_from": "1998-05-01",
            "data": {"person": f"3PRSN{n:02}", "number": number, "gear": "net"}})
        for n, number in enumerate(numbers)])  # fmt: skip
    done = load_records(
        ready.url, ready.country, ready.licence, (path, "ndjson"), SOURCE, clock=CLOCK
    )
    async with ready.open() as registers:
        record = await ready.granted(registers, number=None)

    assert done == bulk.Loaded(5, 0)
    assert record.data["number"] == "A-06"


async def test_after_a_load_the_planner_knows_how_much_there_is(ready, tmp_path) -> None:
    [before] = await ready.sql("select reltuples from pg_class where relname = 'record'")
    loaded(ready, ndjson(tmp_path, [line(n) for n in range(40)]))
    [after] = await ready.sql("select reltuples from pg_class where relname = 'record'")

    assert (before["reltuples"], after["reltuples"]) == (-1, 40)


async def test_with_one_wrong_line_nothing_is_loaded(ready, tmp_path) -> None:
    async with ready.open() as registers:
        data = {"owner": ready.meri, "name": "Ahti", "length": 5}
        new = Operation("create", "built", valid_from=CLOCK.now().date(), data=data)
        await write(registers, ready.boat, ready.caller(), [new])
    lines = [
        line(0),
        line(1, length="five"),
        "{not json",
        line(3, name="Boat 0"),
        line(4, name="ahti".capitalize()),
        line(5, colour="red"),
        line(6).replace("1998-05-01", "2026-11-23"),
        line(7).replace("1998-05-01", "May"),
        '{"valid_from": "1998-05-01", "data": {}, "id": "7"}',
        line(9, name="a\u0000b"),
        "",
    ]
    outcome = loaded(ready, ndjson(tmp_path, lines))
    records = await ready.sql("select from registers.record")
    loads = await ready.sql("select from registers.bulk_load")

    assert outcome.problems == (
        Problem(2, "data.invalid", "$.length type"),
        Problem(3, "json.syntax"),
        Problem(4, "key.twice", "name"),
        Problem(5, "key.taken", "name"),
        Problem(6, "data.invalid", "$ additionalProperties"),
        Problem(7, "valid_from.future"),
        Problem(8, "operation.invalid", "valid_from"),
        Problem(9, "line.form", "{valid_from, data}"),
        Problem(10, "json.text"),
        Problem(11, "json.syntax"),
    )
    assert (len(records), len(loads)) == (1, 0)


async def test_a_table_is_loaded_by_its_columns(ready, tmp_path) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(
        '\ufeffname,valid_from,owner,length\n"Ahti, the ""old""",1998-05-01,1MERA11,9\n',
        encoding="utf-8",
    )
    outcome = loaded(ready, path, "csv")
    [row] = await ready.sql("select data::text from registers.record")

    assert outcome == bulk.Loaded(1, 0)
    assert json.loads(row["data"]) == {"name": 'Ahti, the "old"', "owner": "1MERA11", "length": 9}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("name,valid_from,owner,length\nA,1998-05-01,1MERA11\n", Problem(2, "line.cells", "3")),
        ("name,valid_from,owner,length\nA,1998-05-01,1MERA11,9_0\n",
            Problem(2, "line.cell", "length")),
        ("name,valid_from,owner,length\nA,1998-05-01,1MERA11," + "[" * 9000 + "\n",
            Problem(2, "line.cell", "length")),
        ("name,valid_from,owner,length\nA,1998-05-01,1MERA11,NaN\n", Problem(2, "json.number")),
        ('name,valid_from,owner,length\nA,1998-05-01,1MERA11,9\n"B\n', Problem(3, "line.csv")),
        ("name,valid_from,owner,length\nA\x01,1998-05-01,1MERA11,9\n", Problem(2, "json.text")),
        ("name,owner,length\n", "load.columns"),
        ("name,valid_from,owner,length,colour\n", "load.columns"),
        ("name,valid_from,owner,length\n", "load.empty"),
    ],
)  # fmt: skip
async def test_a_table_that_is_none_is_refused(ready, tmp_path, text, outcome) -> None:
    path = tmp_path / "boats.csv"
    path.write_text(text, encoding="utf-8")
    if isinstance(outcome, Problem):
        assert loaded(ready, path, "csv").problems[0] == outcome
    else:
        with pytest.raises(Invalid) as refused:
            loaded(ready, path, "csv")
        assert refused.value.code == outcome
    assert await ready.sql("select from registers.record") == []


async def test_a_load_that_is_killed_goes_on_where_it_stopped(ready, tmp_path, monkeypatch) -> None:
    path = ndjson(tmp_path, [line(n) for n in range(25)])
    program = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from pencere.countries import Country
from pencere.kernel.clock import FixedClock
from pencere.registers import bulk
from pencere.registers.commands import load_records
from pencere.registers.load import Source
bulk.PIECE = 10
def told(count):
    print(count, flush=True)
    if count == 10:
        sys.stdin.read()
load_records({ready.url!r}, Country.load_folder(Path({str(ready.country.folder)!r})),
    "sea/boat", (Path({str(path)!r}), "ndjson"), Source(*{tuple(vars(SOURCE).values())!r}),
    clock=FixedClock(datetime(2026, 11, 22, 9, tzinfo=UTC)), progress=told)
"""
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs on this loop
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"25\n"
        assert process.stdout.readline() == b"10\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    half = await ready.sql("select from registers.record")
    with pytest.raises(Conflict) as differs:
        loaded(ready, path, source=Source("boats", "pencere/load", "rescue", "other", "sea-act"))
    monkeypatch.setattr(bulk, "PIECE", 10)
    rest = loaded(ready, path)
    names = await ready.sql("select data->>'name' as name from registers.record order by id")

    assert len(half) == 10
    assert differs.value.code == "load.differs"
    assert rest == bulk.Loaded(15, 10)
    assert [row["name"] for row in names] == [f"Boat {n}" for n in range(25)]
    assert verify_registers(ready.superuser) == []


async def test_two_loads_of_a_register_at_once_are_one_too_many(ready, tmp_path) -> None:
    path = ndjson(tmp_path, [line(0)])
    [register] = await ready.sql("select id from registers.register where code = 'sea/boat'")
    with psycopg.connect(ready.url, autocommit=True) as other:
        other.execute(
            "select pg_advisory_lock(hashtextextended('registers bulk', %s))", (register["id"],)
        )
        with pytest.raises(Conflict) as refused:
            loaded(ready, path)

    assert refused.value.code == "load.running"
    assert loaded(ready, path) == bulk.Loaded(1, 0)


async def test_what_has_no_register_or_file_is_told(ready, sea, tmp_path) -> None:
    path = ndjson(tmp_path, [line(0)])

    def failing(code: str, file: tuple[Path, str]) -> str:
        with pytest.raises(PencereError) as refused:
            load_records(sea.url, sea.country, code, file, SOURCE, clock=CLOCK)
        return refused.value.code

    assert failing("sea/whale", (path, "ndjson")) == "register.unknown"
    assert failing("sea/boat", (tmp_path / "none", "ndjson")) == "file.missing"
    assert failing("sea/boat", (path, "xml")) == "load.format"


async def test_an_export_is_what_one_purpose_sees_and_is_logged(ready, tmp_path) -> None:
    loaded(ready, ndjson(tmp_path, [line(n) for n in range(30)]))
    async with ready.open() as registers:
        caller = ready.caller(person="3PRS003")
        [gone] = await registers.find(ready.boat, caller, {"owner": "3PRS003"})
        await write(registers, ready.boat, caller,
            [Operation("annul", "sunk", record=gone.id, version=1)])  # fmt: skip
    folder = tmp_path / "out"
    manifest = export_register(ready.url, ready.country, ready.boat, WANTED, folder, clock=CLOCK)
    content = (folder / "records.ndjson").read_bytes()
    lines = [json.loads(each) for each in content.splitlines()]
    heads = await ready.sql(
        "select id, encode(head, 'hex') as hash from registers.record where state = 'valid'"
        " order by id"
    )
    logged = await ready.sql(
        "select record, client, purpose, basis, case_number from registers.read_log"
        " where exchange is null order by record"
    )
    with pytest.raises(Conflict) as twice:
        export_register(ready.url, ready.country, ready.boat, WANTED, folder, clock=CLOCK)

    assert [(each["id"], each["hash"]) for each in lines] == [
        (str(row["id"]), row["hash"]) for row in heads
    ]
    assert {tuple(each["data"]) for each in lines} == {("name", "length")}
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert (manifest["records"], manifest["bytes"]) == (29, len(content))
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert [tuple(row.values()) for row in logged] == [
        (row["id"], "pencere/load", "rescue", "sea-act", "CASE-7") for row in heads
    ]
    assert twice.value.code == "export.exists"
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}


async def test_an_export_for_another_purpose_gives_nothing(ready, tmp_path) -> None:
    loaded(ready, ndjson(tmp_path, [line(0)]))
    census = Wanted("census", "sea-act", "pencere/load")
    with pytest.raises(Refused) as refused:
        export_register(ready.url, ready.country, ready.boat, census, tmp_path / "out", clock=CLOCK)
    with pytest.raises(Missing):
        export_register(ready.url, ready.country, "sea/whale", WANTED, tmp_path / "o2", clock=CLOCK)

    assert refused.value.code == "purpose.not_disclosed"
    assert list((tmp_path / "out").iterdir()) == []
    assert await ready.sql("select from registers.read_log") == []


async def test_an_export_is_masked_as_answers_are(sea, tmp_path) -> None:
    file = sea.country.folder / "registers" / "sea" / "boat.yaml"
    masks = "masks:\n  rescue: {name: initials, length: hidden}\n"
    file.write_text(file.read_text(encoding="utf-8") + masks, encoding="utf-8")
    async with sea.open():
        loaded(sea, ndjson(tmp_path, [line(0)]))
    manifest = export_register(
        sea.url, sea.country, sea.boat, WANTED, tmp_path / "out", clock=CLOCK
    )
    [said] = (tmp_path / "out" / "records.ndjson").read_text(encoding="utf-8").splitlines()

    assert json.loads(said)["data"] == {"name": "B. 0.", "length": "•"}
    assert manifest["masked"] == ["length", "name"]
