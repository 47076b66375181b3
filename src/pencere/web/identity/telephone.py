"""The telephone of a person, as signing in sees it: asked, then polled.

`MobileTelephone` speaks to the certification centre's mobile signing service through
`pencere.trust.mobile`, which checks signature, chain and revocation before it answers. Which
telephone an installation has is the setting TELEPHONE.
"""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from pencere.kernel.identifiers import Fin, Phone
from pencere.trust.mobile import MobileIdClient, RelyingParty, Session, Signed
from pencere.web.identity.anchors import anchors, status_source
from pencere.web.people.vault import Identity
from pencere.web.texts import texts

RELYING_PARTY = "portal"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way: texts to keep, the code to compare, and what a QR code holds."""

    session: dict[str, str]
    code: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Certified:
    """Whom the certificate names that signed."""

    identity: Identity


class Telephone(Protocol):
    """What signing in needs of a telephone."""

    def ask(self, *, fin: Fin, phone: Phone, language: str) -> Asked:
        """Put a request on the telephone."""

    def poll(self, session: dict[str, str]) -> Certified | None:
        """Return None while the person has not answered.

        Raises:
            PencereError: refused, ran out, blocked, revoked: the sign-in has ended; status 503:
                the service does not answer, worth asking again.
        """


class MobileTelephone:
    """Mobile signing of the certification centre."""

    def ask(self, *, fin: Fin, phone: Phone, language: str) -> Asked:
        """Ask for the authentication key; the words are shown on the telephone."""
        words = texts().say("sign_in.on_phone", language)
        session = mobile_client().authenticate(fin, phone, words, language)
        return Asked(session.as_json(), session.verification_code)

    def poll(self, session: dict[str, str]) -> Certified | None:
        """Ask once, without waiting: the page waits."""
        answer = mobile_client().poll(Session(**session))  # type: ignore[arg-type] # kind is text
        if not isinstance(answer, Signed):
            return None
        named = answer.identity
        return Certified(Identity(named.fin, named.given_name, named.surname))


@cache
def mobile_client() -> MobileIdClient:
    """Return the portal's client of the mobile signing service, made at first use."""
    installation = settings.INSTALLATION
    return MobileIdClient(
        base_url=installation.address("trust"),
        relying_party=RelyingParty(
            installation.relying_party(RELYING_PARTY), settings.RELYING_PARTY_NAME
        ),
        secret=installation.secret(f"mobile/{RELYING_PARTY}"),
        anchors=anchors(),
        clock=settings.CLOCK,
        ocsp=status_source(),
    )


def telephone() -> Telephone:
    """Return the telephone service of this installation."""
    chosen: Telephone = import_string(settings.TELEPHONE)()
    return chosen


def in_groups(phone: Phone) -> str:
    """Return the number as people read it, +994 50 123 45 67, with spaces that do not break."""
    groups = (phone[:4], phone[4:6], phone[6:9], phone[9:11], phone[11:])
    return "\u00a0".join(groups)
