"""Who is here: the person of a request, with their offices and how surely they are known."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pencere.web.people.models.person import Person


@dataclass(frozen=True, slots=True)
class Office:
    """A role of a person at a body."""

    body: str
    role: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A session as a view sees it: `request.visit`, None for who has not signed in.

    `assurance` is `substantial` or `high`, as eIDAS names the levels. `remembered` is what
    `sessions.remember` stored for this session, e.g. for whom the person acts.
    """

    session_id: int
    person: Person
    assurance: str
    begun_at: datetime
    offices: tuple[Office, ...] = ()
    remembered: dict[str, Any] = field(default_factory=dict)

    def works_at(self, body: str | None = None) -> bool:
        """Say whether the person holds any office, of `body` when one is named."""
        return any(body in (None, office.body) for office in self.offices)

    def holds(self, role: str, body: str | None = None) -> bool:
        """Say whether the person holds the role, at `body` when one is named."""
        return any(office.role == role and body in (None, office.body) for office in self.offices)

    @property
    def acting_for(self) -> dict[str, str] | None:
        """For whom the person acts, at least `{"name": ...}`; None for themselves."""
        return self.remembered.get("acting_for")

    @property
    def bodies(self) -> frozenset[str]:
        """The bodies the person works at."""
        return frozenset(office.body for office in self.offices)
