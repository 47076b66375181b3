"""A system, its services and its agreements as the open register knows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.stateregister.domain.exchange_data import EVENTS
from pencere.web.stateregister.domain.periods import Period


@dataclass(frozen=True, slots=True)
class OpenService:
    """A service of the gateway. `number` is its place: `<body>/<system>/<service>`."""

    system: str
    code: str
    names: Text
    content: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The stable id."""
        return f"{self.system}/{self.code}"

    @property
    def events(self) -> tuple[str, ...]:
        """Types of events, for the service of what a system publishes."""
        if self.code != EVENTS:
            return ()
        return tuple(path.removeprefix("/") for _, path in self.content.get("endpoints", ()))

    @property
    def openapi_sha256(self) -> str:
        """Digest in hex of its OpenAPI document, which the register keeps; empty: none."""
        return str(self.content.get("openapi_sha256") or "")

    def gateway_path(self, instance: str, member_class: str) -> str:
        """Return where the gateway has it: `/r1/AZ/GOV/<body>/<system>/<service>`."""
        return f"/r1/{instance}/{member_class}/{self.id}"


@dataclass(frozen=True, slots=True)
class OpenAgreement:
    """A right: `consumer` and `provider` are ids of systems; `content` what the public may read.

    `hides_traffic`: the law may hide its accesses, so its counts are no public figure. `periods`:
    the days on which it gave its right, as `stateregister.domain.periods` finds them.
    """

    id: str
    consumer: str
    provider: str
    service: str
    first_day: date
    last_day: date
    force: str
    content: Mapping[str, Any]
    hides_traffic: bool
    periods: tuple[Period, ...]

    def is_in_force(self, day: date) -> bool:
        """Say whether it gives its right on a day."""
        return self.force == "in-force" and self.first_day <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class OpenSystem:
    """A system as everybody may see it; `content` is the open part of its newest description.

    `content_all` is for officers only and is never written out to anybody else.
    """

    id: str
    owner: str
    code: str
    stage: str
    names: Text
    purpose: Text
    version: int
    published: datetime
    content: Mapping[str, Any]
    content_all: Mapping[str, Any]
    services: tuple[OpenService, ...]
    concepts: frozenset[str]
    acts: frozenset[str]
    classes: frozenset[str]

    @property
    def kind(self) -> str:
        """A system, or a resource."""
        return str(self.content.get("kind", "system"))

    @property
    def owner_names(self) -> Text:
        """The body that owns it."""
        return body_names(self.owner)


def body_names(body: str) -> Text:
    """Return the names of a body; one that the country no longer has is shown by its id."""
    found = country().bodies.get(body)
    return Text(body, body, body) if found is None else found.names


def act_names(act: str) -> Text:
    """Return the names of a legal act, likewise."""
    found = country().acts.get(act)
    return Text(act, act, act) if found is None else found.names


def purpose_names(code: str) -> Text:
    """Return the words of a purpose, likewise."""
    found = country().purposes.get(code)
    return Text(code, code, code) if found is None else found.names
