"""What the command line does with registers: check, load, list, verify, new.

The functions return values; showing them is the command's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

import asyncpg
import psycopg

from pencere.countries import Country
from pencere.kernel.clock import Clock, local_date
from pencere.kernel.errors import Invalid, Missing
from pencere.registers import candidates, lint, statistics
from pencere.registers.bulk import File, Loaded, load_file
from pencere.registers.definition import Definition, read_definition
from pencere.registers.differences import Difference, differences
from pencere.registers.erasing import Ground, erase, past_retention
from pencere.registers.export import Wanted, export
from pencere.registers.load import Entry, Loading, Progress, Source, is_loaded, load
from pencere.registers.moving import Moved, Moving
from pencere.registers.publishing import publish, with_places
from pencere.registers.steps import history_of
from pencere.registers.verify import Fault, verify

POPULATION = "population"
# The client in versions and logs when the register's own operator acts on this machine.
LOADER = "pencere/load"
DEFAULT_SEED = "1"


@dataclass(frozen=True)
class Listed:
    """One row of `pencere register list`."""

    code: str
    version: int
    owner: str
    name: str
    fields: int
    purposes: tuple[str, ...]
    records: int | None


def check(country: Country) -> list[lint.Finding]:
    """Return all that is wrong with the register definitions of a country."""
    return lint.check(country)[1]


def list_registers(
    country: Country, language: str = "az", database_url: str | None = None
) -> list[Listed]:
    """Return the registers; with a database, how many valid records each has."""
    counts: dict[str, int] = {}
    if database_url is not None:
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(
                "select g.code, count(r.id) from registers.register g"
                " left join registers.record r on r.register = g.id and r.state = 'valid'"
                " group by g.code"
            ).fetchall()
        counts = {str(code): int(count) for code, count in rows}
    return [
        Listed(
            code=each.code,
            version=each.version,
            owner=each.owner,
            name=each.names.in_language(language),
            fields=len(each.fields),
            purposes=tuple(each.disclosure),
            records=counts.get(each.code) if database_url is not None else None,
        )
        for each in lint.load_registers(country).values()
    ]


@dataclass(frozen=True)
class Population:
    """What `load_population` is asked for: how many people, of which seed."""

    people: int
    seed: str = DEFAULT_SEED


def population_is_loaded(database_url: str) -> bool:
    """Say whether the invented population is there."""
    with psycopg.connect(database_url) as connection:
        return is_loaded(connection, POPULATION)


async def load_population(
    database_url: str,
    country: Country,
    wanted: Population,
    clock: Clock,
    progress: Progress = lambda _: None,
) -> dict[str, int] | None:
    """Publish the definitions and load the country's invented population, once.

    `progress` is called with how many records each chunk added. Return the records of each
    register, or None when the population is there already. A cut-off load leaves nothing.

    Raises:
        Missing: `population.none`, the country has no generator.
        Invalid: `population.size`.
    """
    if not 1 <= wanted.people <= 20_000_000:
        raise Invalid("population.size", people=wanted.people)
    entries = _generator(country)(country, wanted.people, wanted.seed, local_date(clock.now()))
    definitions = lint.load_registers(country)
    connection = await asyncpg.connect(database_url)
    try:
        await publish(connection, definitions, clock.now())
    finally:
        await connection.close()
    source = Source(
        name=POPULATION,
        client=LOADER,
        purpose="demonstration",
        reason=f"invented population, seed {wanted.seed}",
    )
    with psycopg.connect(database_url, autocommit=True) as loader:
        return load(Loading(loader, definitions, source, clock.now()), entries, progress)


def load_records(  # noqa: PLR0913  # a load is all of these
    database_url: str,
    country: Country,
    code: str,
    file: tuple[Path, str],
    source: Source,
    *,
    clock: Clock,
    progress: Progress = lambda _: None,
) -> Loaded:
    """Load a file (path, format) into a register; again goes on, or says that it was done.

    Raises:
        Missing: `register.unknown`, `file.missing`.
        Conflict, Invalid: as `bulk.load_file`.
    """
    definition = _definition(country, code)
    path, form = file
    if not path.is_file():
        raise Missing("file.missing", file=str(path))
    with psycopg.connect(database_url, autocommit=True) as connection:
        wanted = File(path, form)
        return load_file(connection, definition, wanted, source, at=clock.now(), progress=progress)


def export_register(  # noqa: PLR0913  # an export is all of these
    database_url: str,
    country: Country,
    code: str,
    wanted: Wanted,
    folder: Path,
    *,
    clock: Clock,
    progress: Progress = lambda _: None,
) -> dict[str, object]:
    """Write a register's records for a purpose into a new folder; return the manifest.

    Raises:
        Missing: `register.unknown`.
        Refused, Conflict: as `export.export`.
    """
    definition = _definition(country, code)
    return export(database_url, definition, wanted, folder, at=clock.now(), progress=progress)


def _definition(country: Country, code: str) -> Definition:
    try:
        return lint.load_registers(country)[code]
    except KeyError:
        raise Missing("register.unknown", register=code[:80]) from None


def compare_definitions(old: Path, new: Path) -> list[Difference]:
    """Return what changes from one definition file to another."""
    return differences(read_definition(old).content, read_definition(new).content)


async def move_records(  # noqa: PLR0913  # a move is all of these
    database_url: str,
    country: Country,
    code: str,
    source: Source,
    *,
    clock: Clock,
    dry_run: bool,
    progress: Progress = lambda _: None,
) -> Moved:
    """Move a register's records to its newest definition, or only try; with misfits none moves.

    Raises:
        Missing: `register.unknown`, the register has no records to move.
        Conflict: `move.differs`, `key.taken`.
        Invalid: `move.keys`, a key that is there changes its place or kind, or the subject does.
        Misconfigured: the definition is not newer than the published one, or changes it.
    """
    definition = _definition(country, code)
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute(
            "select d.version, d.content, g.id, d.key_order from registers.definition d"
            " join registers.register g on g.code = d.register where d.register = %s",
            (code,),
        ).fetchall()
        if not rows:
            raise Missing("register.unknown", register=code)
        contents: dict[int, Mapping[str, object]] = {
            row[0]: with_places(row[1], row[3]) for row in rows
        }
        _refuse_new_keys(contents[max(contents)], definition)
        history = history_of({**contents, definition.version: definition.content})
        number = int(rows[0][2])
        moving = Moving(connection, definition, history, number, source, clock.now())
        tried = moving.try_all(progress)
        if dry_run or tried.misfits:
            return tried
        # On record before the definition is there: a service that starts now waits for the end.
        moving.begin()
        publisher = await asyncpg.connect(database_url)
        try:
            async with publisher.transaction():
                await publish(publisher, {code: definition}, clock.now(), moving=True)
        finally:
            await publisher.close()
        return moving.run(progress)


def erase_record(owner_url: str, code: str, record: int, ground: Ground, *, clock: Clock) -> int:
    """Erase a record's data and return how many versions it had.

    Raises:
        Missing, Conflict: as `erasing.erase`.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        return erase(connection, code, record, ground, clock.now())


def keep_retention(
    owner_url: str, country: Country, *, clock: Clock, erase_them: bool
) -> dict[str, int]:
    """Return by register how many records are past their term, and erase them when asked to."""
    counts = {}
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for definition in lint.load_registers(country).values():
            over = list(past_retention(connection, definition, local_date(clock.now())))
            if over:
                counts[definition.code] = len(over)
            ground = Ground(LOADER, definition.basis[0], "the term of keeping is over")
            for record in over if erase_them else ():
                erase(connection, definition.code, record, ground, clock.now())
    return counts


def count_records(
    database_url: str, country: Country, code: str, by: Sequence[str]
) -> statistics.Table:
    """Count a register's records in force by one or two fields; small cells are hidden.

    Raises:
        Missing: `register.unknown`.
        Invalid: `statistics.fields`.
    """
    definition = _definition(country, code)
    with psycopg.connect(database_url) as connection:
        return statistics.count(connection, definition, by)


def find_candidates(
    database_url: str,
    country: Country,
    code: str,
    *,
    clock: Clock,
    progress: Progress = lambda _: None,
) -> candidates.Search:
    """Look through a register for records that look alike, and keep the pairs for a clerk.

    Raises:
        Missing: `register.unknown`, `likeness.none`.
    """
    definition = _definition(country, code)
    with psycopg.connect(database_url, autocommit=True) as connection:
        return candidates.search(connection, definition, clock.now(), progress)


def _refuse_new_keys(old: Mapping[str, object], definition: Definition) -> None:
    """What a key means is in rows of records that are over, too, and is not moved."""
    for found in differences(old, definition.content):
        if found.code in {"key.renumbered", "key.kind", "subject.changed"}:
            raise Invalid("move.keys", change=found.code, where=found.where)


def verify_registers(database_url: str, progress: Progress = lambda _: None) -> list[Fault]:
    """Return every place where the records are not what was written."""
    with psycopg.connect(database_url) as connection:
        return list(verify(connection, progress))


def new_register(country: Country, code: str) -> Path:
    """Write the beginning of a definition `subsystem/register` and return its file.

    Raises:
        Invalid: `register.code`, `register.exists`.
    """
    subsystem, _, name = code.partition("/")
    if not all(part.replace("-", "").isalnum() and part.islower() for part in (subsystem, name)):
        raise Invalid("register.code", example="transport/boat")
    path = country.folder / "registers" / subsystem / f"{name}.yaml"
    if path.exists():
        raise Invalid("register.exists", file=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    beginning = _BEGINNING.format(
        code=code,
        owner=next(iter(country.bodies), "none"),
        act=next(iter(country.acts), "none"),
        purpose=next(iter(country.purposes), "none"),
    )
    path.write_text(beginning, encoding="utf-8")
    return path


_Generate = Callable[[Country, int, str, date], Iterable[Entry]]


def _generator(country: Country) -> _Generate:
    try:
        module = import_module(f"pencere.countries.{country.code}.demo.population")
    except ModuleNotFoundError as error:
        raise Missing("population.none", country=country.code) from error
    generate: _Generate = module.population
    return generate


_BEGINNING = """\
register: {code}
version: 1
owner: {owner}
names: {{az: "Reyestrin adı", en: "Name of the register", ru: "Название реестра"}}
basis: [{act}]
subject: fin
retention: {{years: 10, provisional: true}}
data:
  type: object
  additionalProperties: false
  required: [fin, number]
  properties:
    fin:
      type: string
      pattern: "^[0-9A-HJ-NP-Z]{{7}}$"
      x-names: {{az: "FİN", en: "Personal number (FIN)", ru: "ФИН"}}
    number: {{type: string, maxLength: 20, x-names: {{az: "Nömrə", en: "Number", ru: "Номер"}}}}
keys:
  number: {{kind: forever, fields: [number]}}
  fin: {{kind: lookup, fields: [fin], person: true}}
disclosure:
  {purpose}: [fin, number]
writers: []
"""
