"""`pencere register events`, `again`, `withdraw`: what registers tell, and what nobody takes."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from pencere.cli.options import installation_of
from pencere.kernel.clock import SystemClock
from pencere.registers.dead_events import dead_events, send_again, ways, withdraw

ACTIONS = (
    ("events", "events that wait for the gateway's node, and dead ones with the reason"),
    ("again", "send dead events again"),
    ("withdraw", "give up a dead event; what waits behind it goes on"),
)


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Give each action its options."""
    actions["events"].add_argument("--json", action="store_true", help="for machines")
    which = actions["again"].add_mutually_exclusive_group(required=True)
    which.add_argument("keys", nargs="*", default=[], metavar="KEY", help="as `events` shows it")
    which.add_argument("--all", action="store_true", help="every dead event")
    actions["withdraw"].add_argument("key", metavar="KEY", help="as `events` shows it")
    actions["withdraw"].add_argument("--reason", required=True, help="kept with the event")


def does(given: Namespace) -> bool:
    """Say whether the action is one of these."""
    return given.action in dict(ACTIONS)


def run(given: Namespace) -> int:
    """Do one action; `events` exits 1 when there are dead ones."""
    url = installation_of(given).database_url("registers")
    match given.action:
        case "events":
            return _events(url, as_json=given.json)
        case "again":
            count = send_again(url, SystemClock().now(), None if given.all else given.keys)
            print(f"{count} sent again")
            return 0
        case _:
            withdraw(url, given.key, given.reason)
            return 0


def _events(url: str, *, as_json: bool) -> int:
    systems, dead = ways(url), dead_events(url)
    if as_json:
        told = {"systems": [asdict(one) for one in systems], "dead": [asdict(one) for one in dead]}
        print(json.dumps(told, default=datetime.isoformat, indent=1))
        return 1 if dead else 0
    for way in systems:
        closed = f"closed since {way.closed_since:%Y-%m-%d %H:%M}Z" if way.closed_since else "open"
        print(f"{way.system:<32}{way.waiting:>6} wait  {closed}  {way.reason}".rstrip())
    for event in dead:
        behind = f", {event.behind} wait behind it" if event.behind else ""
        print(f"dead  {event.key}\n  why:   {event.reason}\n  tried: {event.attempts}{behind}")
    print(f"{len(dead)} dead")
    return 1 if dead else 0
