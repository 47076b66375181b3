"""Which writes of a register are events, as its definition declares them.

    events:
      residence-changed: {when: [create, amend], fields: [kind, region]}
      person-died: {when: [amend], becomes: died, fields: [died]}

`becomes`: only a write by which the field gets a value that it had not. `fields`: what the event
says; the person is said beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pencere.kernel.datafile import Node

_OPS = ("create", "amend", "correct", "annul")


@dataclass(frozen=True, slots=True)
class EventRule:
    """One type of event of a register."""

    type: str
    on: frozenset[str]
    becomes: str | None
    fields: tuple[str, ...]

    def content(
        self, op: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> dict[str, object] | None:
        """Return what the event says, or None when the write is none of it."""
        if op not in self.on:
            return None
        field = self.becomes
        if field is not None and (after.get(field) is None or before.get(field) == after[field]):
            return None
        return {name: after[name] for name in self.fields if after.get(name) is not None}


def read_events(top: Node, fields: tuple[str, ...]) -> tuple[EventRule, ...]:
    """Read the events of a definition.

    Raises:
        Misconfigured: an operation or field that is none.
    """
    if not top.has("events"):
        return ()
    found = []
    for name, node in top.children("events").items():
        on, said = node.strings("when", ("create",)), node.strings("fields", fields[:1])
        becomes = node.string("becomes", fields[0]) if node.has("becomes") else None
        if not on or not set(on) <= set(_OPS):
            raise node.wrong("when", list(_OPS))
        if not set(said) <= set(fields):
            raise node.wrong("fields", list(fields[:2]))
        if becomes is not None and becomes not in fields:
            raise node.wrong("becomes", fields[0])
        found.append(EventRule(name, frozenset(on), becomes, said))
    return tuple(found)
