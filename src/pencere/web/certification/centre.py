"""The registration authority's interface. docs/specs/registration-authority.md is its page.

Answers are handed on as they came: they are shown and not kept. No personal number is in an
address.
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused, Unavailable

log = logging.getLogger(__name__)

# Opening a connection, then waiting for an answer. A person is looking at the page.
TIMEOUTS_S = (2.0, 15.0)

Answer = dict[str, Any]


class Centre:
    """Speaks to one registration authority. Safe between threads.

    Every method raises the centre's own refusals by their codes: Invalid, Refused, Missing,
    Conflict; and Unavailable("centre.unavailable") when there is no answer.
    """

    def __init__(self, *, address: str, secret: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret}"
        self._session.mount("http", HTTPAdapter(pool_connections=1, pool_maxsize=8))

    def open_act(self, act: Mapping[str, Any]) -> Answer:
        """Open an act; the same id again is the same act."""
        return self.post("/ra/acts", act)

    def approve(self, act: UUID, *, certificate: str, signature: str) -> Answer:
        """Add an officer's signature over the act's digest, both Base64 of DER."""
        said = {"certificate": certificate, "signature": signature}
        return self.post(f"/ra/acts/{act}/approvals", said)

    def withdraw(self, act: UUID, *, opened_by: str) -> Answer:
        """Take an open act back."""
        return self.post(f"/ra/acts/{act}/withdraw", {"opened_by": opened_by})

    def act(self, act: UUID) -> Answer:
        """Return an act's view."""
        return self._ask("GET", f"/ra/acts/{act}", None)

    def acts(self, **wanted: object) -> list[Answer]:
        """Return acts, newest first: state, kind, holder, case, awaiting, limit."""
        found: list[Answer] = self.post("/ra/acts/query", wanted)["acts"]
        return found

    def open_application(self, application: Mapping[str, Any]) -> Answer:
        """Open an application for certificates; the same id again is the same application."""
        return self.post("/ra/applications", application)

    def application(self, application: UUID) -> Answer:
        """Return one application."""
        return self._ask("GET", f"/ra/applications/{application}", None)

    def applications(self, **wanted: object) -> list[Answer]:
        """Return applications: holder, state, limit."""
        found: list[Answer] = self.post("/ra/applications/query", wanted)["applications"]
        return found

    def certificates(self, holder: str) -> list[Answer]:
        """Return everything certified to a person with its history, newest first."""
        found: list[Answer] = self.post("/ra/certificates", {"holder": holder})["certificates"]
        return found

    def devices(self, holder: str) -> list[Answer]:
        """Return a person's phones and how their PINs stand."""
        found: list[Answer] = self.post("/ra/devices", {"holder": holder})["devices"]
        return found

    def remote_keys(self, holder: str) -> list[Answer]:
        """Return a person's keys in the centre and how their PINs stand."""
        found: list[Answer] = self.post("/ra/remote-keys", {"holder": holder})["remote_keys"]
        return found

    def preview(self, selection: Mapping[str, Any], reason: str) -> Answer:
        """Say what a mass revocation would find; nothing changes."""
        return self.post("/ra/mass/preview", {"selection": selection, "reason": reason})

    def officers(self) -> list[Answer]:
        """Return who may approve, and who might."""
        found: list[Answer] = self._ask("GET", "/ra/officers", None)["officers"]
        return found

    def own(self, act: Mapping[str, Any]) -> Answer:
        """Suspend or revoke a person's own certificates, on the portal's word."""
        return self.post("/ra/own", act)

    def handle(self, holder: str) -> str:
        """Return the word under which the public log speaks of a person."""
        handle: str = self.post("/log/watch", {"holder": holder})["handle"]
        return handle

    def subscribe(self, holder: str) -> str:
        """Ask to be told of what is certified in a person's name; return the subscription."""
        found: str = self.post("/log/subscriptions", {"holder": holder, "channel": "portal"})["id"]
        return found

    def unsubscribe(self, subscription: str) -> None:
        """End a subscription."""
        self.post("/log/subscriptions/end", {"id": subscription, "channel": "portal"})

    def notices(self, after: int) -> Answer:
        """Return what subscribers are to be told: `{"notices": [...], "next": int}`."""
        return self._ask("GET", f"/log/notices?after={after}&channel=portal", None)

    def post(self, path: str, said: Mapping[str, Any]) -> Answer:
        """Ask one of the centre's interfaces that this secret opens."""
        return self._ask("POST", path, said)

    def _ask(self, method: str, path: str, said: Mapping[str, Any] | None) -> Answer:
        try:
            answer = self._session.request(
                method, self._address + path, json=said, timeout=TIMEOUTS_S, allow_redirects=False
            )
            content = answer.json()
        except (requests.RequestException, ValueError) as error:
            log.warning("centre_unanswered error=%s", type(error).__name__)
            raise Unavailable("centre.unavailable") from error
        if not isinstance(content, dict):
            raise Unavailable("centre.unavailable")
        if answer.ok:
            return content
        raise _refusal(answer.status_code, content)


_KINDS: Mapping[int, type[PencereError]] = {
    400: Invalid,
    401: Refused,
    403: Refused,
    404: Missing,
    409: Conflict,
    413: Invalid,
}


def _refusal(status: int, content: Mapping[str, Any]) -> PencereError:
    code = content.get("error")
    kind = _KINDS.get(status)
    if kind is None or not isinstance(code, str) or len(code) > 60:
        log.warning("centre_unavailable status=%d", status)
        return Unavailable("centre.unavailable")
    known = ("field", "count", "state", "reason", "left")
    return kind(code, **{name: content[name] for name in known if name in content})


@cache
def centre() -> Centre:
    """Return this process's client of the certification centre."""
    installation = settings.INSTALLATION
    return Centre(address=installation.address("trust"), secret=installation.secret("ra"))
