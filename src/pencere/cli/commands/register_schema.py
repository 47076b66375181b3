"""`pencere register diff` and `move`: a register's next version, and its records in that form."""

import asyncio
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pencere.cli.options import installation_of
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid
from pencere.registers.commands import LOADER, compare_definitions, move_records
from pencere.registers.load import Source

ACTIONS = (
    ("diff", "what changes from one definition file to another, and whom it breaks"),
    ("move", "move the records to the newest definition, as an act; the service is stopped"),
)


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Give each action its options."""
    actions["diff"].add_argument("old", type=Path, metavar="OLD")
    actions["diff"].add_argument("new", type=Path, metavar="NEW")
    move = actions["move"]
    move.add_argument("register", metavar="REGISTER")
    move.add_argument("--dry-run", action="store_true", help="try every record, change none")
    move.add_argument("--purpose", metavar="CODE", required=True)
    move.add_argument("--basis", metavar="ACT", required=True)
    move.add_argument("--reason", required=True, help="kept in every version")
    move.add_argument("--case", metavar="NUMBER")
    for name, _ in ACTIONS:
        actions[name].add_argument("--json", action="store_true", help="for machines")


def does(given: Namespace) -> bool:
    """Say whether the action is one of these."""
    return given.action in dict(ACTIONS)


def run(given: Namespace) -> int:
    """Do one action; 1 when something breaks, or a record does not fit."""
    return _diff(given) if given.action == "diff" else _move(given)


def _diff(given: Namespace) -> int:
    found = compare_definitions(given.old, given.new)
    if given.json:
        print(json.dumps([asdict(each) for each in found], indent=1))
    else:
        for each in found:
            breaks = f"breaks {', '.join(each.breaks)}" if each.breaks else "compatible"
            print(f"{each.code:<22}{each.where:<40}{breaks}")
    return 1 if any(each.breaks for each in found) else 0


def _move(given: Namespace) -> int:
    country = Country.load("az")
    if given.basis not in country.acts:
        raise Invalid("act.unknown", act=given.basis)
    source = Source("move", LOADER, given.purpose, given.reason, given.basis, given.case)
    moved = asyncio.run(
        move_records(
            installation_of(given).database_url("registers"),
            country,
            given.register,
            source,
            clock=SystemClock(),
            dry_run=given.dry_run,
        )
    )
    if given.json:
        print(json.dumps({**asdict(moved), "dry_run": given.dry_run}))
    else:
        for each in moved.misfits:
            named = ", ".join(str(record) for record in each.records)
            print(f"{each.count} records: {each.code} {each.where} ({named})")
        done = "would be moved" if given.dry_run or moved.misfits else "moved"
        print(f"{moved.records} records {done}")
    return 1 if moved.misfits else 0
