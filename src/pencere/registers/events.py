"""Which writes of a register are events, as its definition declares them.

    events:
      residence-changed: {when: [create, amend], fields: [kind, region]}
      person-born: {when: [create], purposes: [register-birth], fields: [born]}
      person-died: {when: [amend], becomes: died, fields: [died]}

`purposes`: only a write for one of them; a record is created for more reasons than a birth.
`becomes`: only a write by which the field gets a value that it had not; `loses`: by which it has
none any more. `fields`: what the event says; the person is said beside it.
`masks`: of those fields, as in `registers.masks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pencere.kernel.datafile import Node
from pencere.registers.masks import event_masks, masked

_OPS = ("create", "amend", "correct", "annul", "merge", "unmerge")
_KEYS = ("when", "purposes", "becomes", "loses", "fields", "masks")


@dataclass(frozen=True, slots=True)
class EventRule:
    """One type of event of a register. `purposes` is empty when any will do."""

    type: str
    on: frozenset[str]
    purposes: frozenset[str]
    becomes: str | None
    loses: str | None
    fields: tuple[str, ...]
    masks: Mapping[str, str] = field(default_factory=dict)

    def content(
        self, op: str, purpose: str, before: Mapping[str, object], after: Mapping[str, object]
    ) -> dict[str, object] | None:
        """Return what the event says, or None when the write is none of it."""
        if op not in self.on or (self.purposes and purpose not in self.purposes):
            return None
        now = self.becomes
        if now is not None and (after.get(now) is None or before.get(now) == after[now]):
            return None
        gone = self.loses
        if gone is not None and (before.get(gone) is None or after.get(gone) is not None):
            return None
        return {
            name: masked(self.masks[name], after[name]) if name in self.masks else after[name]
            for name in self.fields
            if after.get(name) is not None
        }


def read_events(top: Node, fields: tuple[str, ...]) -> tuple[EventRule, ...]:
    """Read the events of a definition.

    Raises:
        Misconfigured: an operation or field that is none, or a key that nobody reads.
    """
    if not top.has("events"):
        return ()
    return tuple(_rule(name, node, fields) for name, node in top.children("events").items())


def _rule(name: str, node: Node, fields: tuple[str, ...]) -> EventRule:
    for key in node.values:
        if key not in _KEYS:
            raise node.wrong(str(key), f"one of {', '.join(_KEYS)}")
    on, said = node.strings("when", ("create",)), node.strings("fields", fields[:1])
    if not on or not set(on) <= set(_OPS):
        raise node.wrong("when", list(_OPS))
    if not set(said) <= set(fields):
        raise node.wrong("fields", list(fields[:2]))
    purposes = node.strings("purposes", ("register-birth",))
    changes = {}
    for key in ("becomes", "loses"):
        changes[key] = node.string(key, fields[0]) if node.has(key) else None
        if changes[key] is not None and changes[key] not in fields:
            raise node.wrong(key, fields[0])
    masks = event_masks(node)
    if not set(masks) <= set(said):
        raise node.wrong("masks", {said[0] if said else fields[0]: "last-4"})
    return EventRule(
        name, frozenset(on), frozenset(purposes), changes["becomes"], changes["loses"], said, masks
    )
