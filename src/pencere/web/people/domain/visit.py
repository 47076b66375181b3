"""Who is here: the person of a request, with their offices and how surely they are known."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from pencere.kernel.clock import BAKU
from pencere.web.people.models.person import Person


@dataclass(frozen=True, slots=True)
class Office:
    """A role of a person at a body."""

    body: str
    role: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Acting:
    """For whom a person acts, and by which power: a record of a register, in a version.

    `party` is the account of whom it is for, `services` those the power reaches; `since` and
    `until` are its first and last day, where it has them; `asked_at` is when its register was
    last asked. `gives_all`: also what was done for the party before and by others is seen.
    """

    kind: str
    register: str
    record: str
    version: int
    party: Person
    asked_at: datetime
    services: frozenset[str]
    since: date | None = None
    until: date | None = None
    gives_all: bool = False

    @property
    def sees_from(self) -> datetime | None:
        """From when on the person sees what is done for the party; None: all."""
        if self.gives_all or self.since is None:
            return None
        return datetime.combine(self.since, time(), tzinfo=BAKU)

    def reaches(self, service: str) -> bool:
        """Say whether the power is enough for a service."""
        return service in self.services


@dataclass(frozen=True, slots=True)
class Visit:
    """A session as a view sees it: `request.visit`, None for who has not signed in.

    `assurance` is `substantial` or `high`, as eIDAS names the levels. `remembered` is what
    `sessions.remember` stored for this session. `acting` is None for who acts for themselves.
    """

    session_id: int
    person: Person
    assurance: str
    begun_at: datetime
    offices: tuple[Office, ...] = ()
    remembered: dict[str, Any] = field(default_factory=dict)
    acting: Acting | None = None

    @property
    def party(self) -> Person:
        """Whose affairs these are: the person's own, or of whom they act for."""
        return self.person if self.acting is None else self.acting.party

    @property
    def agent(self) -> Person | None:
        """The person themself where they act for another; None for who does not."""
        return None if self.acting is None else self.person

    def works_at(self, body: str | None = None) -> bool:
        """Say whether the person holds any office, of `body` when one is named."""
        return any(body in (None, office.body) for office in self.offices)

    def holds(self, role: str, body: str | None = None) -> bool:
        """Say whether the person holds the role, at `body` when one is named."""
        return any(office.role == role and body in (None, office.body) for office in self.offices)

    @property
    def bodies(self) -> frozenset[str]:
        """The bodies the person works at."""
        return frozenset(office.body for office in self.offices)
