"""A nonce for one browser, good for five minutes and one try."""

import base64
import json
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from pencere.kernel.errors import Refused
from pencere.trust import web_eid
from pencere.web.identity.anchors import anchors, status_source
from pencere.web.identity.signing_in import CHALLENGE, PER_ADDRESS, Finished, let_in
from pencere.web.people.domain import limits
from pencere.web.people.models.sign_in import SignIn
from pencere.web.people.vault import Identity, vault

LIFE = timedelta(minutes=5)


def begin(*, next_address: str, network_address: str, at: datetime) -> tuple[str, str]:
    """Return the token of the browser's cookie, and the nonce.

    Raises:
        Refused: too many attempts.
    """
    limits.count(PER_ADDRESS, network_address, at=at)
    token = secrets.token_urlsafe(32)
    nonce = base64.b64encode(secrets.token_bytes(web_eid.NONCE_BYTES)).decode()
    digest = _digest(token)
    SignIn.objects.create(
        token_digest=digest,
        sealed=vault().seal_bytes(json.dumps({"nonce": nonce}).encode(), digest),
        next_address=next_address,
        begun_at=at,
        outcome=CHALLENGE,
    )
    return token, nonce


def nonce_of(token: str | None, *, at: datetime) -> str | None:
    """Return the nonce that waits for this browser; None when there is none any more."""
    row = _waiting(token, at).first()
    return None if row is None else _nonce(row)


def finish(
    token: str | None, proof: web_eid.Token, *, device: str, language: str, at: datetime
) -> Finished:
    """Let in whom the proof names. The nonce is used up by the first try, right or wrong.

    Raises:
        Refused: `web_eid.expired`, what `web_eid.verify` raises. Unavailable: no status answer.
    """
    with transaction.atomic():
        row = _waiting(token, at).select_for_update().first()
        if row is None:
            raise Refused("web_eid.expired")
        nonce, back = _nonce(row), row.next_address
        row.delete()
    named = web_eid.verify(
        proof,
        origin=origin(),
        nonce=nonce,
        anchors=anchors(),
        at=at,
        ocsp=status_source(),
    )
    return let_in(
        Identity(named.fin, named.given_name, named.surname),
        phone=None,
        next_address=back,
        device=device,
        language=language,
        at=at,
    )


def origin() -> str:
    """Return the portal's own origin, as a browser names it; never what a request says."""
    address: str = settings.INSTALLATION.address("portal")
    return address


def _waiting(token: str | None, at: datetime) -> QuerySet[SignIn]:
    return SignIn.objects.filter(
        token_digest=_digest(token or ""), outcome=CHALLENGE, begun_at__gt=at - LIFE
    )


def _nonce(row: SignIn) -> str:
    facts = json.loads(vault().open_bytes(bytes(row.sealed), bytes(row.token_digest)))
    nonce: str = facts["nonce"]
    return nonce


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
