"""Keys that the centre keeps for people: docs/specs/csc.md, "Enrolment"."""

import base64
import hashlib
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from pencere.kernel.errors import Refused
from pencere.kernel.identifiers import Phone
from pencere.trust.mobile import Session, Signed
from pencere.web.certification.centre import Centre
from pencere.web.identity.telephone import RELYING_PARTY, mobile_client
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit

ALGORITHM = "P-256"
_KEPT = "remote_key"


@cache
def _centre() -> Centre:
    installation = settings.INSTALLATION
    secret = installation.secret(f"mobile/{RELYING_PARTY}")
    return Centre(address=installation.address("trust"), secret=secret)


def credentials(visit: Visit) -> list[dict[str, Any]]:
    """Return the person's keys in the centre: credentialID, status, blocked, serial, validTo."""
    asked = {"relyingPartyUUID": _uuid(), "nationalIdentityNumber": visit.person.fin}
    found: list[dict[str, Any]] = _centre().post("/remote/credentials", asked)["credentials"]
    return found


def pin_page(credential: str) -> str:
    """Return the centre's page on which the PUK sets a new PIN."""
    return f"{settings.INSTALLATION.address('trust')}/remote/pin?credential={credential}"


def begin(visit: Visit, *, text: str, language: str, back: str) -> str:
    """Ask the telephone to sign that a key is wanted; return the code to compare.

    Raises:
        Refused: `mobile.no_client`, no telephone; `remote.phone`, none with certificates in force.
        Invalid: `remote.too_many`, the person has as many as one may have.
    """
    if visit.person.phone is None:
        raise Refused("mobile.no_client")
    opened = _centre().post(
        "/remote/enrolments",
        {
            "relyingPartyUUID": _uuid(),
            "nationalIdentityNumber": visit.person.fin,
            "keyAlgorithm": ALGORITHM,
            "language": language,
            "returnURI": back,
        },
    )
    digest = base64.b64decode(opened["hash"])
    if hashlib.sha256(opened["statement"].encode()).digest() != digest:
        raise Refused("approval.digest")
    session = mobile_client().sign(
        visit.person.fin, Phone(visit.person.phone), digest, text, language
    )
    kept = session.as_json()
    del kept["fin"]  # the person of the visit; no personal number is kept in clear
    sessions.remember(visit, _KEPT, {"enrolment": opened["enrolmentID"], "session": kept})
    return session.verification_code


def waiting_code(visit: Visit) -> str | None:
    """Return the code of a request that waits on the telephone."""
    kept = visit.remembered.get(_KEPT)
    return None if kept is None else str(kept["session"]["verification_code"])


def poll(visit: Visit) -> str | None:
    """Return the centre's page on which the PIN is chosen, once the telephone has signed."""
    kept = visit.remembered.get(_KEPT)
    if kept is None:
        raise Refused("mobile.session_over")
    answer = mobile_client().poll(Session(**kept["session"], fin=visit.person.fin))
    if not isinstance(answer, Signed):
        return None
    proof = {
        "relyingPartyUUID": _uuid(),
        "certificate": _text(answer.certificate.public_bytes(Encoding.DER)),
        "signature": _text(answer.signature),
    }
    page: str = _centre().post(f"/remote/enrolments/{kept['enrolment']}/proof", proof)["page"]
    return page


def forget(visit: Visit) -> None:
    """Stop waiting for the telephone."""
    sessions.remember(visit, _KEPT, None)


def _uuid() -> str:
    return str(settings.INSTALLATION.relying_party(RELYING_PARTY))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
