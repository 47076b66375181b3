"""`pencere gateway dead` and `again`: messages and events that nobody took, sent once more.

Of the nodes of this installation, or of the one that joined from this data folder; all are asked
over their clients' port, with the operator's key. docs/specs/messages.md, docs/specs/events.md.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from pencere.cli.roles.joined import ROLE, Membership, membership_file
from pencere.cli.roles.nodes import NODES
from pencere.kernel.errors import Misconfigured
from pencere.ops.installation import Installation

ACTIONS = (
    ("dead", "messages and events that nobody took, with the reason"),
    ("again", "send dead messages and events again"),
)
_KINDS = ("messages", "events")
_TIMEOUT_S = 10.0
_EXAMPLE = "pencere gateway again 5f0b2f6e-6f1c-4a0f-9c39-6f2c8a1c1d11"


def add_options(actions: Mapping[str, argparse.ArgumentParser]) -> None:
    """Add the options of both actions."""
    actions["dead"].add_argument("--json", action="store_true", help="for machines")
    which = actions["again"].add_mutually_exclusive_group(required=True)
    which.add_argument("numbers", nargs="*", default=[], metavar="NUMBER", help="as `dead` shows")
    which.add_argument("--all", action="store_true", help="every one that `dead` shows")


@dataclass(frozen=True)
class _Door:
    """The clients' port of one node."""

    node: str
    address: str
    key: str = field(repr=False)

    def ask(self, method: str, path: str) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.address}{path}",
            headers={"Pencere-Operator-Key": self.key, "Accept": "application/json"},
            timeout=_TIMEOUT_S,
        )


@dataclass(frozen=True)
class _Dead:
    """What the nodes that answered hold, and why others did not."""

    messages: list[dict[str, Any]]
    events: list[dict[str, Any]]
    silent: list[str]


def dead(installation: Installation, given: argparse.Namespace) -> int:
    """List what is dead; 1 when something is, or a node does not say."""
    found = _listed(_doors(installation))
    if given.json:
        told = {"messages": found.messages, "events": found.events}
        print(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        print("".join(map(_message_lines, found.messages)), end="")
        print("".join(map(_event_lines, found.events)), end="")
        print(f"{len(found.messages)} dead messages, {len(found.events)} dead events")
    _say(found.silent)
    return 1 if found.messages or found.events or found.silent else 0


def again(installation: Installation, given: argparse.Namespace) -> int:
    """Send again; 1 when a number is of nothing that is dead, or a node does not answer."""
    doors = _doors(installation)
    silent: list[str] = []
    numbers = [_number(one) for one in given.numbers]
    if given.all:
        found = _listed(doors)
        silent = found.silent
        every = {one["receipt"] for one in found.messages} | {one["id"] for one in found.events}
        numbers = sorted(map(UUID, every))
    sent = {one for one in numbers if any(_sent(door, one, silent) for door in doors)}
    for one in numbers:
        if one not in sent:
            print(f"{one} is of no dead message or event, or its content was dropped")
    print(f"{len(sent)} sent again")
    _say(silent)
    return 0 if len(sent) == len(numbers) and not silent else 1


def _doors(installation: Installation) -> list[_Door]:
    if membership_file(installation).exists():
        member = Membership.of(installation)
        address = f"http://{member.client_host}:{member.client_port}"
        return [_Door(member.node, address, installation.secret(f"operator/{ROLE}"))]
    return [
        _Door(
            node.identifier,
            installation.address(node.role),
            installation.secret(f"operator/{node.role}"),
        )
        for node in NODES
    ]


def _listed(doors: list[_Door]) -> _Dead:
    found = _Dead([], [], [])
    for door in doors:
        try:
            for kind in _KINDS:
                answer = door.ask("GET", f"/{kind}/?state=dead")
                if answer.status_code != 200:
                    found.silent.append(f"{door.node}: {_reason(answer)}")
                    break
                kept = [{"node": door.node, **one} for one in answer.json()[kind]]
                (found.messages if kind == "messages" else found.events).extend(kept)
        except httpx.HTTPError:
            found.silent.append(f"{door.node} does not answer")
    return found


def _sent(door: _Door, number: UUID, silent: list[str]) -> bool:
    """Say whether the node had it among its dead and sends it again."""
    try:
        answers = [door.ask("POST", f"/{kind}/{number}/again") for kind in _KINDS]
    except httpx.HTTPError:
        silent.append(f"{door.node} does not answer")
        return False
    silent += [
        f"{door.node}: {_reason(one)}" for one in answers if one.status_code not in {202, 404}
    ]
    return any(one.status_code == 202 for one in answers)


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)


def _say(silent: list[str]) -> None:
    for one in dict.fromkeys(silent):
        print(one, file=sys.stderr)


def _number(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Misconfigured(
            file="command line", key="number", value=text, example=_EXAMPLE
        ) from None


def _message_lines(one: Mapping[str, Any]) -> str:
    return (
        f"message {one['receipt']}  {one['consumer']} -> {one['service']}\n"
        f"  why:   {one['fault']}\n  tried: {one['attempts']}, until {one['ended_at']}\n"
    )


def _event_lines(one: Mapping[str, Any]) -> str:
    return (
        f"event   {one['id']}  {one['type']} {one['number']} -> {one['subscriber']}\n"
        f"  why:   {one['reason']}\n  tried: {one['attempts']}, until {one['ended_at']}\n"
    )
