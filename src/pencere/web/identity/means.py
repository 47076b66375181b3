"""The means to sign in, by the name under which a sign-in that waits remembers its own."""

from django.conf import settings
from django.urls import reverse

from pencere.web.identity.signing_in import SIMA, Poller
from pencere.web.identity.sima import operations
from pencere.web.identity.telephone import Asked, Certified, telephone
from pencere.web.people.vault import Identity


class Sima:
    """SİMA: shown as a QR code and a link, answered by its application."""

    def show(self, *, language: str) -> Asked:
        """Begin an operation; whoever scans it and proves who they are is signed in."""
        del language  # the page's own address has it
        begun = operations.begin(
            document=None, back=reverse("sign_in_wait"), at=settings.CLOCK.now()
        )
        return Asked({"operation": begun.operation}, begun.code, begun.address)

    def poll(self, session: dict[str, str]) -> Certified | None:
        """Look whether the application has answered."""
        answered = operations.outcome(session["operation"], at=settings.CLOCK.now())
        if answered is None:
            return None
        named = answered.identity
        return Certified(Identity(named.fin, named.given_name, named.surname))


def poller_of(name: str) -> Poller:
    """Return the means of that name."""
    return Sima() if name == SIMA else telephone()
