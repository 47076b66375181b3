"""Signing in by a means that answers later: asked, waited for, done. The state lies in one row.

    begin         the number and the telephone are checked, the request is sent to the telephone
    begin_shown   what SİMA needs is made ready to be shown; who answers is not known yet
    advance       asks how far it is; what the answer was stays in the row
    finish        opens the account and a session with a new token, and forgets the row
    let_in        the same for a means that has answered at once

The row is found by the cookie that `begin` gave to this browser, so nobody can finish the
sign-in of another browser or plant theirs in it.
"""

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from django.db import transaction

from pencere.kernel.errors import PencereError
from pencere.kernel.identifiers import Fin, Phone
from pencere.web.identity.cookies import SIGN_IN_LIFE
from pencere.web.identity.telephone import Asked, Certified, Telephone
from pencere.web.people.domain import accounts, limits, sessions
from pencere.web.people.models.person import Person
from pencere.web.people.models.sign_in import SignIn
from pencere.web.people.vault import Identity, vault

_log = logging.getLogger("pencere.web.identity")

PER_PERSON = limits.Limit("sign-in of", most=5, window=timedelta(minutes=10))
# Many people may stand behind one address: an operator's network, a service centre, a proxy.
PER_ADDRESS = limits.Limit("sign-in from", most=300, window=timedelta(minutes=10))

# The telephone is asked this often at most, however often the page is.
ASK_EVERY = timedelta(milliseconds=800)

SIGNED = "signed"
WAITING = ""
CANCELLED = "sign_in.cancelled"
CHALLENGE = "challenge"  # a nonce that a card shall sign: answered at once, never waited for

# How the state knows the person: a key that only they can use, by a PIN or a face, with a
# certificate of the centre. eIDAS level high, whatever the means.
ASSURANCE = "high"

PHONE, SIMA = "phone", "sima"


class Poller(Protocol):
    """A means that was asked and answers later."""

    def poll(self, session: dict[str, str]) -> Certified | None:
        """Return None while the person has not answered; raise as `Telephone.poll` does."""


class Shown(Protocol):
    """A means that is asked by showing something to whoever is there."""

    def show(self, *, language: str) -> Asked:
        """Make ready what is shown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sign-in is. `outcome`: waiting, signed, or the code of why it ended.

    `fin` and `phone` are empty unless the person named them; `address` is that of a QR code.
    """

    means: str
    fin: Fin
    phone: Phone
    address: str
    verification_code: str
    next_address: str
    outcome: str
    begun_at: datetime

    @property
    def is_waiting(self) -> bool:
        """There is no answer yet."""
        return self.outcome == WAITING

    @property
    def has_failed(self) -> bool:
        """It has ended without a signature."""
        return not self.is_waiting and not self.is_signed

    @property
    def is_signed(self) -> bool:
        """The person has signed; `finish` lets them in."""
        return self.outcome == SIGNED


@dataclass(frozen=True, slots=True)
class Finished:
    """A person who is in."""

    person: Person
    session_token: str
    next_address: str


def begin(  # noqa: PLR0913 - facts of one request, all by name
    *,
    telephone: Telephone,
    fin: Fin,
    phone: Phone,
    next_address: str,
    network_address: str,
    language: str,
    at: datetime,
) -> str:
    """Ask the telephone; return the token of the browser's cookie.

    Raises:
        Refused: too many attempts, or the certificate may not be used.
        PencereError: as the telephone service says.
    """
    limits.count(PER_ADDRESS, network_address, at=at)
    limits.count(PER_PERSON, fin, at=at)
    asked = telephone.ask(fin=fin, phone=phone, language=language)
    return _put(PHONE, asked, fin, phone, next_address, at)


def begin_shown(
    *, means: Shown, next_address: str, network_address: str, language: str, at: datetime
) -> str:
    """Make ready what SİMA reads from the page; return the token of the browser's cookie.

    Raises:
        Refused: too many attempts.
    """
    limits.count(PER_ADDRESS, network_address, at=at)
    asked = means.show(language=language)
    return _put(SIMA, asked, Fin(""), Phone(""), next_address, at)


def _put(  # noqa: PLR0913, PLR0917 - facts of one row
    means: str, asked: Asked, fin: Fin, phone: Phone, next_address: str, at: datetime
) -> str:
    token = secrets.token_urlsafe(32)
    digest = _digest(token)
    facts = {
        "means": means,
        "fin": fin,
        "phone": phone,
        "session": json.dumps(asked.session),
        "code": asked.code,
        "address": asked.address,
    }
    SignIn.objects.create(
        token_digest=digest,
        sealed=_seal(facts, digest),
        next_address=next_address,
        begun_at=at,
    )
    _log.info("sign_in_begun means=%s", means)
    return token


def current(token: str | None, *, at: datetime) -> Progress | None:
    """Return the sign-in of this browser as it stands; None when there is none any more."""
    if not token:
        return None
    row = (
        SignIn.objects.filter(token_digest=_digest(token), begun_at__gt=at - SIGN_IN_LIFE)
        .exclude(outcome=CHALLENGE)
        .first()
    )
    return None if row is None else _progress(row)


@transaction.atomic
def advance(
    poller_of: Callable[[str], Poller], token: str | None, *, at: datetime
) -> Progress | None:
    """Ask the means how far it is and note the answer; None when nothing is under way."""
    if not token:
        return None
    row = (
        SignIn.objects.select_for_update()
        .filter(token_digest=_digest(token), begun_at__gt=at - SIGN_IN_LIFE)
        .exclude(outcome=CHALLENGE)
        .first()
    )
    if row is None:
        return None
    is_soon = row.asked_at is not None and at - row.asked_at < ASK_EVERY
    if row.outcome == WAITING and not is_soon:
        _ask(poller_of, row, at)
    return _progress(row)


def _ask(poller_of: Callable[[str], Poller], row: SignIn, at: datetime) -> None:
    facts = _open(row)
    row.asked_at = at
    try:
        certified = poller_of(facts["means"]).poll(json.loads(facts["session"]))
    except PencereError as refusal:
        if refusal.status != 503:
            row.outcome = refusal.code
            _log.info("sign_in_ended outcome=%s", refusal.code)
    else:
        if isinstance(certified, Certified):
            _note(row, facts, certified)
    row.save(update_fields=["asked_at", "outcome", "sealed"])


def _note(row: SignIn, facts: dict[str, str], certified: Certified) -> None:
    """Keep whom the certificate names; it must be who was asked for, if anybody was."""
    if facts["fin"] not in ("", certified.identity.fin):
        row.outcome = "sign_in.other_person"
        _log.warning("sign_in_ended outcome=sign_in.other_person")
        return
    row.outcome = SIGNED
    facts |= {
        "fin": certified.identity.fin,
        "given_name": certified.identity.given_name,
        "surname": certified.identity.surname,
    }
    row.sealed = _seal(facts, bytes(row.token_digest))


@transaction.atomic
def finish(token: str, *, device: str, language: str, at: datetime) -> Finished | None:
    """Let the person in; None unless the telephone has answered. Works once."""
    row = (
        SignIn.objects.select_for_update()
        .filter(token_digest=_digest(token), outcome=SIGNED, begun_at__gt=at - SIGN_IN_LIFE)
        .first()
    )
    if row is None:
        return None
    facts = _open(row)
    identity = Identity(Fin(facts["fin"]), facts["given_name"], facts["surname"])
    phone = facts["phone"] or None
    finished = let_in(
        identity,
        phone=phone,
        next_address=row.next_address,
        device=device,
        language=language,
        at=at,
    )
    row.delete()
    return finished


def let_in(  # noqa: PLR0913 - facts of one visit, all by name
    identity: Identity,
    *,
    phone: str | None,
    next_address: str,
    device: str,
    language: str,
    at: datetime,
) -> Finished:
    """Open the account of a proven identity and a session with a new token."""
    person = accounts.open_account(identity, at=at, language=language, phone=phone)
    session = sessions.begin(person=person, assurance=ASSURANCE, device=device, at=at)
    limits.pardon(PER_PERSON, identity.fin, at=at)
    _log.info("signed_in")
    return Finished(person, session, next_address)


def cancel(token: str | None) -> None:
    """Stop waiting; what was typed stays for another try."""
    if token:
        SignIn.objects.filter(token_digest=_digest(token), outcome__in=[WAITING, SIGNED]).update(
            outcome=CANCELLED
        )


def abandon(token: str | None) -> None:
    """Forget a sign-in."""
    if token:
        SignIn.objects.filter(token_digest=_digest(token)).delete()


def forget(*, before: datetime) -> int:
    """Delete sign-ins begun before; return how many."""
    return SignIn.objects.filter(begun_at__lt=before).delete()[0]


def _progress(row: SignIn) -> Progress:
    facts = _open(row)
    return Progress(
        means=facts["means"],
        fin=Fin(facts["fin"]),
        phone=Phone(facts["phone"]),
        address=facts["address"],
        verification_code=facts["code"],
        next_address=row.next_address,
        outcome=row.outcome,
        begun_at=row.begun_at,
    )


def _seal(facts: dict[str, str], digest: bytes) -> bytes:
    return vault().seal_bytes(json.dumps(facts).encode(), digest)


def _open(row: SignIn) -> dict[str, str]:
    facts: dict[str, str] = json.loads(
        vault().open_bytes(bytes(row.sealed), bytes(row.token_digest))
    )
    # A row that was begun before there was a choice of means has neither.
    return {"means": PHONE, "address": "", **facts}


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
