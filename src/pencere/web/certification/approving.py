"""An officer signs an act with the telephone. The centre believes only this signature."""

import base64
import hashlib
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Refused
from pencere.kernel.identifiers import Phone
from pencere.trust.mobile import Session, Signed
from pencere.web.certification.centre import Answer, centre
from pencere.web.identity.telephone import mobile_client
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit

_KEPT = "approval"


def begin(visit: Visit, view: Answer, *, text: str, language: str) -> str:
    """Ask the officer's telephone to sign the act; return the code to compare.

    What is asked for is the digest of the act that stands in `view`, computed here.

    Raises:
        Refused: `mobile.no_client`, no telephone; `approval.digest`, the centre's digest is of
            another act than the one it shows.
    """
    digest = hashlib.sha256(canonical_json(view["act"])).digest()
    if digest.hex() != view["digest"]:
        raise Refused("approval.digest")
    if visit.person.phone is None:
        raise Refused("mobile.no_client")
    client = mobile_client()
    session = client.sign(visit.person.fin, Phone(visit.person.phone), digest, text, language)
    kept = session.as_json()
    del kept["fin"]  # the person of the visit; no personal number is kept in clear
    sessions.remember(visit, _KEPT, {"act": view["id"], "session": kept})
    return session.verification_code


def waiting_code(visit: Visit, act: UUID) -> str | None:
    """Return the code of a request that waits on the telephone for this act."""
    kept = _of(visit, act)
    return None if kept is None else str(kept["session"]["verification_code"])


def poll(visit: Visit, act: UUID) -> Answer | None:
    """Return the act's view once it is signed and approved; None while the telephone waits.

    Raises:
        PencereError: the signature or the approval is refused; the request is over.
    """
    kept = _of(visit, act)
    if kept is None:
        raise Refused("mobile.session_over")
    session = Session(**kept["session"], fin=visit.person.fin)
    answer = mobile_client().poll(session)
    if not isinstance(answer, Signed):
        return None
    return centre().approve(
        act,
        certificate=_text(answer.certificate.public_bytes(Encoding.DER)),
        signature=_text(answer.signature),
    )


def forget(visit: Visit) -> None:
    """Stop waiting for the telephone."""
    sessions.remember(visit, _KEPT, None)


def _of(visit: Visit, act: UUID) -> dict[str, Any] | None:
    kept: dict[str, Any] | None = visit.remembered.get(_KEPT)
    return kept if kept is not None and kept["act"] == str(act) else None


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
