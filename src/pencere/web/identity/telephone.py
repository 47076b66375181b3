"""The telephone of a person, as signing in sees it: asked, then polled.

`MobileTelephone` speaks to the certification centre's mobile signing service through
`pencere.trust.mobile`, which checks signature, chain and revocation before it answers.
"""

from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

from pencere.kernel.identifiers import Fin, Phone
from pencere.web.people.domain.vault import Identity


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that lies on the telephone, and the code to compare."""

    session: str
    code: str


@dataclass(frozen=True, slots=True)
class Certified:
    """Whom the certificate names that signed."""

    identity: Identity


class Telephone(Protocol):
    """What signing in needs of a telephone."""

    def ask(self, *, fin: Fin, phone: Phone, language: str) -> Asked:
        """Put a request on the telephone."""

    def poll(self, session: str) -> Certified | None:
        """Return None while the person has not answered.

        Raises:
            PencereError: refused, ran out, blocked, revoked: the sign-in has ended; status 503:
                the service does not answer, worth asking again.
        """


def telephone() -> Telephone:
    """Return the telephone service of this installation."""
    kept: Telephone = settings.TELEPHONE()
    return kept
