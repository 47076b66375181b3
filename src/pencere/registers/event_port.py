"""The node's port for events: one is posted, and what the node says is told apart.

Node's answers: docs/specs/events.md. What follows from each: docs/specs/registers.md, section 7.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import httpx

_ACCEPTED = 202
# Said of the type: the state register does not know it, or states a schema that cannot be used.
_TYPE_CLOSED = frozenset({"unknown_event", "UnknownEvent", "service_disabled", "ServiceDisabled"})
_UNKNOWN_CLIENT = frozenset({"invalid_client_identifier", "InvalidClientIdentifier"})
# Said of this one event, and the same tomorrow: malformed, another one under its key, too large.
_LASTING = frozenset({400, 409, 413, 415, 422, 431})
# Said of nothing in particular: perhaps of this event alone, so others are tried.
_UNCLEAR = 500


class Verdict(Enum):
    """What the node's answer means for the event and for others of its system."""

    TAKEN = "taken"
    LATER = "later"  # not this event, not yet
    NEVER = "never"  # not this event, whatever is tried
    CLOSED = "closed"  # none of the system's events now


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is posted; `data` is JSON."""

    system: str
    type: str
    key: str
    person: str | None
    data: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt; `reason` holds nothing of a person."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class EventPort:
    """The node's port for information systems, and the key of each system that publishes.

    Systems are `body/system`; `state` stands before them: instance and class.
    """

    url: str
    state: str
    keys: Mapping[str, str] = field(repr=False)

    async def post(self, node: httpx.AsyncClient, event: Event) -> Answer:
        """Post one event; a node that does not answer is a closed way, not an error."""
        headers = {
            "X-Road-Client": f"{self.state}/{event.system}",
            "Pencere-Client-Key": self.keys.get(event.system, ""),
            "Idempotency-Key": event.key,
            "Content-Type": "application/json",
        }
        if event.person:
            headers["Pencere-Person"] = event.person
        try:
            answer = await node.post(f"/events/{event.type}", headers=headers, content=event.data)
        except httpx.HTTPError as error:
            return Answer(Verdict.CLOSED, type(error).__name__)
        code = answer.headers.get("X-Road-Error", "")
        return Answer(
            verdict_of(answer.status_code, code.rpartition(".")[2]),
            f"{answer.status_code} {code}".rstrip(),
        )


def verdict_of(status: int, code: str) -> Verdict:
    """Return what a status means, with the last part of the gateway's fault code.

    What is said of a type is one act of the state register away, so its events wait while other
    types of the system flow.
    """
    if status == _ACCEPTED:
        return Verdict.TAKEN
    if status == _UNCLEAR or code in _TYPE_CLOSED:
        return Verdict.LATER
    if status in _LASTING and code not in _UNKNOWN_CLIENT:
        return Verdict.NEVER
    return Verdict.CLOSED
