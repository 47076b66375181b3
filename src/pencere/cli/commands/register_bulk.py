"""`pencere register load REGISTER FILE` and `export REGISTER FOLDER`: many records at once."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from pencere.cli.options import installation_of
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid
from pencere.registers.bulk_files import FORMATS
from pencere.registers.commands import LOADER, export_register, load_records
from pencere.registers.export import Wanted
from pencere.registers.load import Source

ACTIONS = (("export", "write a register's records for one purpose, with a manifest"),)


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Give `load` and `export` their options."""
    load, export = actions["load"], actions["export"]
    load.add_argument("register", nargs="?", metavar="REGISTER", help="of a file: which register")
    load.add_argument("file", nargs="?", type=Path, metavar="FILE", help="NDJSON or CSV")
    load.add_argument("--format", choices=FORMATS, help="when the file's name does not say it")
    load.add_argument("--reason", default="", help="of a file: why, kept in every version")
    export.add_argument("register", metavar="REGISTER")
    export.add_argument("folder", type=Path, metavar="FOLDER", help="new or empty")
    export.add_argument("--annulled", action="store_true", help="those no longer in force too")
    for action in (load, export):
        action.add_argument("--purpose", metavar="CODE", required=action is export)
        action.add_argument("--basis", metavar="ACT", required=action is export)
        action.add_argument("--case", metavar="NUMBER")
        action.add_argument("--json", action="store_true", help="for machines")


def does(given: Namespace) -> bool:
    """Say whether the action is one of these; `load` without a register is not."""
    return given.action == "export" or (given.action == "load" and given.register is not None)


def run(given: Namespace) -> int:
    """Do one action; `load` exits 1 when a line is wrong, and then nothing is loaded."""
    country = Country.load("az")
    return _export(given, country) if given.action == "export" else _load(given, country)


def _load(given: Namespace, country: Country) -> int:
    if given.file is None or not (given.purpose and given.basis and given.reason):
        raise Invalid("load.options", needed="FILE --purpose --basis --reason")
    _known(country, given)
    source = Source(
        name=given.file.name,
        client=LOADER,
        purpose=given.purpose,
        reason=given.reason,
        basis=given.basis,
        case=given.case,
    )
    form = given.format or given.file.suffix.lstrip(".")
    url = installation_of(given).database_url("registers")
    loaded = load_records(
        url, country, given.register, (given.file, form), source, clock=SystemClock()
    )
    if given.json:
        problems = [
            {"line": each.line, "code": each.code, "where": each.where} for each in loaded.problems
        ]
        print(json.dumps({"loaded": loaded.records, "before": loaded.before, "wrong": problems}))
    else:
        for each in loaded.problems:
            print(f"line {each.line}: {each.code} {each.where}".rstrip())
        before = f", {loaded.before} before" if loaded.before else ""
        print(f"{loaded.records} records loaded{before}, {len(loaded.problems)} lines wrong")
    return 1 if loaded.problems else 0


def _export(given: Namespace, country: Country) -> int:
    _known(country, given)
    wanted = Wanted(given.purpose, given.basis, LOADER, given.case, given.annulled)
    url = installation_of(given).database_url("registers")
    manifest = export_register(
        url, country, given.register, wanted, given.folder, clock=SystemClock()
    )
    if given.json:
        print(json.dumps(manifest, ensure_ascii=False))
    else:
        print(f"{manifest['records']} records, SHA-256 {manifest['sha256']}")
    return 0


def _known(country: Country, given: Namespace) -> None:
    if given.purpose not in country.purposes:
        raise Invalid("purpose.unknown", purpose=given.purpose)
    if given.basis not in country.acts:
        raise Invalid("act.unknown", act=given.basis)
