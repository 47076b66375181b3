"""Who may do what in the register: roles at bodies, and the rule of four eyes."""

from dataclasses import dataclass

from pencere.kernel.errors import Refused
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models.person import Person

PROPOSER = "register-proposer"
APPROVER = "register-approver"
SECURITY = "register-security"
PRIVACY = "register-privacy"
SIGNATORY = "register-signatory"
SUPERVISOR = "register-supervisor"
# Roles whose approval an application may need, in the order in which pages show them.
APPROVING = (APPROVER, SECURITY, PRIVACY)
ROLES = (PROPOSER, *APPROVING, SIGNATORY, SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with the offices they hold now."""

    person: Person
    offices: tuple[Office, ...]

    def holds(self, role: str, body: str | None = None) -> bool:
        """Say whether the person holds the role, at `body` when one is named."""
        return any(one.role == role and body in (None, one.body) for one in self.offices)

    def bodies(self, *roles: str) -> frozenset[str]:
        """Return the bodies at which the person holds one of the roles."""
        return frozenset(one.body for one in self.offices if one.role in roles)


def actor_of(visit: Visit) -> Actor:
    """Return who acts in a visit."""
    return Actor(visit.person, visit.offices)


def need(actor: Actor, role: str, body: str) -> None:
    """Refuse who does not hold the role at the body.

    Raises:
        Refused: `stateregister.not_yours`.
    """
    if not actor.holds(role, body):
        raise Refused("stateregister.not_yours")
