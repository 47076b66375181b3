"""A look-up as it stands in an address: sealed, since it names a person, and for one officer.

The register, the purpose, the case and the person are chosen once and go with every page of it.
"""

import base64
import binascii
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from pencere.kernel.errors import Misconfigured, Missing, Refused
from pencere.kernel.text import Text
from pencere.registers.definition import Definition
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.country import country
from pencere.web.exchange import Purpose
from pencere.web.office.records.scope import may_change, register_for
from pencere.web.people.domain.visit import Visit

# A shift. After that the officer says again why.
LASTS = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Look:
    """Why records are looked at, whose, and by which key; `day` is ISO, empty for today."""

    register: str
    purpose: str
    case: str
    person: str
    at: str
    key: str = ""
    value: str = ""
    day: str = ""
    annulled_too: bool = False

    def sealed(self, visit: Visit) -> str:
        """Return it as a part of an address."""
        return base64.urlsafe_b64encode(seal(asdict(self), _row(visit))).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Opened:
    """A look-up whose officer is still a registrar of the register."""

    look: Look
    token: str
    definition: Definition
    purpose: Purpose
    purpose_name: Text

    @property
    def may_change(self) -> bool:
        """Say whether records are changed here, or only looked at."""
        return may_change(self.definition, self.look.purpose)


def opened(visit: Visit, token: str, *, at: datetime) -> Opened:
    """Open a look-up from an address; the rights are judged anew.

    Raises:
        Missing: `records.look_unknown`: none, or another officer's; `register.unknown`.
        Refused: `records.look_over`, `purpose.not_disclosed`, `records.own`.
    """
    look = _read(visit, token)
    if at - datetime.fromisoformat(look.at) > LASTS:
        raise Refused("records.look_over")
    definition = register_for(visit, look.register)
    if look.purpose not in definition.clerks:
        raise Refused("purpose.not_disclosed", register=look.register)
    refuse_own(visit, look.person)
    purpose = country().purpose(look.purpose)
    asked = Purpose(
        code=look.purpose, legal_basis=purpose.basis, case=look.case, person=look.person,
        user=visit.person.fin, represented=definition.owner,
    )  # fmt: skip
    return Opened(look, token, definition, asked, purpose.names)


def refuse_own(visit: Visit, person: str) -> None:
    """A registrar sees their own data in their window, and a colleague changes it."""
    if person and person == visit.person.fin:
        raise Refused("records.own")


def _read(visit: Visit, token: str) -> Look:
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return Look(**unseal(content, _row(visit)))
    except (binascii.Error, ValueError, TypeError, Misconfigured):
        raise Missing("records.look_unknown") from None


def _row(visit: Visit) -> bytes:
    return f"look-up of {visit.person.pk}".encode()
