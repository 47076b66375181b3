"""`pencere register erase` and `retention`: data that the law says must go."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pencere.cli.options import installation_of
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid
from pencere.registers.commands import LOADER, erase_record, keep_retention
from pencere.registers.erasing import Ground

ACTIONS = (
    ("erase", "erase the data of a record by an act; its hashes stay"),
    ("retention", "records whose term of keeping is over; with --erase they go"),
)


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Give each action its options."""
    erase, retention = actions["erase"], actions["retention"]
    erase.add_argument("register", metavar="REGISTER")
    erase.add_argument("record", type=int, metavar="ID")
    erase.add_argument("--basis", metavar="ACT", required=True)
    erase.add_argument("--reason", required=True)
    erase.add_argument("--case", metavar="NUMBER")
    retention.add_argument("--erase", action="store_true", help="erase them, not only count")
    retention.add_argument("--json", action="store_true", help="for machines")


def does(given: Namespace) -> bool:
    """Say whether the action is one of these."""
    return given.action in dict(ACTIONS)


def run(given: Namespace) -> int:
    """Do one action."""
    # The service has no right to this; the owner of the database has.
    url = installation_of(given).database_url("registers", "owner")
    country = Country.load("az")
    if given.action == "erase":
        if given.basis not in country.acts:
            raise Invalid("act.unknown", act=given.basis)
        ground = Ground(LOADER, given.basis, given.reason, given.case)
        versions = erase_record(url, given.register, given.record, ground, clock=SystemClock())
        print(f"{versions} versions erased")
        return 0
    counts = keep_retention(url, country, clock=SystemClock(), erase_them=given.erase)
    if given.json:
        print(json.dumps({"erased": given.erase, "records": counts}))
    else:
        for code, count in counts.items():
            print(f"{code:<32}{count:>9}")
        print(f"{sum(counts.values())} records {'erased' if given.erase else 'past their term'}")
    return 0
