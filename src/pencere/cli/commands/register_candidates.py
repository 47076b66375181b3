"""`pencere register candidates`: which records look alike, for a clerk to decide."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pencere.cli.options import installation_of
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.registers.commands import find_candidates

ACTIONS = (("candidates", "find records that look alike; a clerk decides, the machine never"),)


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Give the action its options."""
    candidates = actions["candidates"]
    candidates.add_argument("register", metavar="REGISTER")
    candidates.add_argument("--json", action="store_true", help="for machines")


def does(given: Namespace) -> bool:
    """Say whether the action is this one."""
    return given.action in dict(ACTIONS)


def run(given: Namespace) -> int:
    """Search and say what it came to."""
    url = installation_of(given).database_url("registers")
    found = find_candidates(url, Country.load("az"), given.register, clock=SystemClock())
    if given.json:
        facts = {"compared": found.compared, "alike": found.alike, "too_common": found.too_common}
        print(json.dumps(facts))
        return 0
    print(f"{found.compared} pairs compared, {found.alike} worth a look")
    if found.too_common:
        print(f"{found.too_common} values of blocking keys are too common to be compared")
    return 0
