"""`pencere register statistics`: counts that tell of nobody."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pencere.cli.options import installation_of
from pencere.countries.country import Country
from pencere.registers.commands import count_records

ACTIONS = (("statistics", "how many records by one or two fields; small cells are hidden"),)


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Give the action its options."""
    statistics = actions["statistics"]
    statistics.add_argument("register", metavar="REGISTER")
    statistics.add_argument("--by", action="append", required=True, metavar="FIELD")
    statistics.add_argument("--json", action="store_true", help="for machines")


def does(given: Namespace) -> bool:
    """Say whether the action is this one."""
    return given.action in dict(ACTIONS)


def run(given: Namespace) -> int:
    """Count and show."""
    url = installation_of(given).database_url("registers")
    table = count_records(url, Country.load("az"), given.register, given.by)
    if given.json:
        rows = [{"values": cell, "records": number} for cell, number in table.cells.items()]
        print(json.dumps({"by": table.by, "rows": rows, "total": table.total}, ensure_ascii=False))
        return 0
    for cell, number in table.cells.items():
        print(f"{' / '.join(cell):<48}{'hidden' if number is None else number:>9}")
    print(f"{'total':<48}{'hidden' if table.total is None else table.total:>9}")
    return 0
