"""`pencere register`: the registers as data."""

import json
from collections.abc import Sequence
from pathlib import Path

from pencere.cli.boot.registers import load
from pencere.cli.commands import (
    register_bulk,
    register_candidates,
    register_erase,
    register_events,
    register_schema,
    register_statistics,
)
from pencere.cli.options import installation_of, parser, subparsers
from pencere.cli.progress import for_terminal, step
from pencere.countries.country import Country
from pencere.ops.installation import Installation
from pencere.registers.commands import new_register, verify_registers
from pencere.registers.lint import check, load_registers


def run(arguments: Sequence[str]) -> int:
    """Do one action."""
    options = parser("register", "The registers as data.")
    actions = subparsers(
        options,
        [
            ("list", "list the registers"),
            ("check", "check the definitions before they are used"),
            ("new", "begin a definition"),
            ("load", "load a file of records, or the invented population, once"),
            ("verify", "read every version: is it what was written"),
            *register_bulk.ACTIONS,
            *register_events.ACTIONS,
            *register_schema.ACTIONS,
            *register_erase.ACTIONS,
            *register_statistics.ACTIONS,
            *register_candidates.ACTIONS,
        ],
    )
    actions["new"].add_argument("code", metavar="SUBSYSTEM/NAME")
    actions["new"].add_argument("--country", metavar="DIR", help="another country's folder")
    actions["load"].add_argument("--people", type=int, default=2000, metavar="N")
    actions["list"].add_argument("--json", action="store_true", help="for machines")
    actions["check"].add_argument("--country", metavar="DIR", help="another country's folder")
    register_bulk.add_options(actions)
    register_events.add_options(actions)
    register_schema.add_options(actions)
    register_erase.add_options(actions)
    register_statistics.add_options(actions)
    register_candidates.add_options(actions)
    given = options.parse_args(arguments)
    for does, do in (
        (register_events.does, register_events.run),
        (register_bulk.does, register_bulk.run),
        (register_schema.does, register_schema.run),
        (register_erase.does, register_erase.run),
        (register_statistics.does, register_statistics.run),
        (register_candidates.does, register_candidates.run),
    ):
        if does(given):
            return do(given)
    match given.action:
        case "list":
            return _list(as_json=given.json)
        case "check":
            return _check(given.country)
        case "new":
            print(new_register(_country(given.country), given.code))
            return 0
        case "load":
            return _load(installation_of(given), given.people)
        case _:
            return _verify(installation_of(given))


def _country(folder: str | None) -> Country:
    return Country.load_folder(Path(folder)) if folder is not None else Country.load("az")


def _load(installation: Installation, people: int) -> int:
    progress = for_terminal()
    with step(progress, "Registers with the invented population") as outcome:
        records = load(installation, _country(None), progress, people=people)
        outcome.append("there already" if records is None else f"{records} records")
    return 0


def _verify(installation: Installation) -> int:
    faults = verify_registers(installation.database_url("registers"))
    for fault in faults:
        print(f"record {fault.record} version {fault.version}: {fault.what}")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


def _list(*, as_json: bool) -> int:
    registers = load_registers(Country.load("az")).values()
    rows = [
        {
            "id": register.code,
            "version": register.version,
            "authority": register.owner,
            "names": {"az": register.names.az, "en": register.names.en, "ru": register.names.ru},
        }
        for register in registers
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    for register in registers:
        print(f"{register.code:<32}{register.version:>3}  {register.owner:<12}{register.names.en}")
    return 0


def _check(folder: str | None) -> int:
    country = _country(folder)
    definitions, findings = check(country)
    for finding in findings:
        print(
            f"{finding.file}\n  key:     {finding.key}\n  value:   {finding.value}\n"
            f"  wrong:   {finding.message}\n  example: {finding.example}"
        )
    print(f"{len(definitions)} registers, {len(findings)} findings")
    return 1 if findings else 0
