"""Signing in with the telephone: asked, waited for, done. The state lies in one row.

    begin    the number and the telephone are checked, the request is sent to the telephone
    advance  asks how far it is; what the answer was stays in the row
    finish   opens the account and a session with a new token, and forgets the row

The row is found by the cookie that `begin` gave to this browser, so nobody can finish the
sign-in of another browser or plant theirs in it.
"""

import json
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction

from pencere.kernel.errors import PencereError
from pencere.kernel.identifiers import Fin, Phone
from pencere.web.identity.cookies import SIGN_IN_LIFE
from pencere.web.identity.telephone import Certified, Telephone
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

# How the state knows the person: a key on the telephone, opened by a PIN. eIDAS level high.
ASSURANCE = "high"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sign-in is. `outcome`: waiting, signed, or the code of why it ended."""

    fin: Fin
    phone: Phone
    verification_code: str
    next_address: str
    outcome: str
    begun_at: datetime

    @property
    def is_waiting(self) -> bool:
        """The telephone has not answered."""
        return self.outcome == WAITING

    @property
    def is_signed(self) -> bool:
        """The telephone has signed; `finish` lets the person in."""
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
    token = secrets.token_urlsafe(32)
    digest = _digest(token)
    facts = {"fin": fin, "phone": phone, "session": json.dumps(asked.session), "code": asked.code}
    SignIn.objects.create(
        token_digest=digest,
        sealed=_seal(facts, digest),
        next_address=next_address,
        begun_at=at,
    )
    _log.info("sign_in_begun")
    return token


def current(token: str | None, *, at: datetime) -> Progress | None:
    """Return the sign-in of this browser as it stands; None when there is none any more."""
    if not token:
        return None
    row = SignIn.objects.filter(token_digest=_digest(token), begun_at__gt=at - SIGN_IN_LIFE).first()
    return None if row is None else _progress(row)


@transaction.atomic
def advance(telephone: Telephone, token: str | None, *, at: datetime) -> Progress | None:
    """Ask the telephone how far it is and note the answer; None when nothing is under way."""
    if not token:
        return None
    row = (
        SignIn.objects.select_for_update()
        .filter(token_digest=_digest(token), begun_at__gt=at - SIGN_IN_LIFE)
        .first()
    )
    if row is None:
        return None
    is_soon = row.asked_at is not None and at - row.asked_at < ASK_EVERY
    if row.outcome == WAITING and not is_soon:
        _ask(telephone, row, at)
    return _progress(row)


def _ask(telephone: Telephone, row: SignIn, at: datetime) -> None:
    facts = _open(row)
    row.asked_at = at
    try:
        certified = telephone.poll(json.loads(facts["session"]))
    except PencereError as refusal:
        if refusal.status != 503:
            row.outcome = refusal.code
            _log.info("sign_in_ended outcome=%s", refusal.code)
    else:
        if isinstance(certified, Certified):
            _note(row, facts, certified)
    row.save(update_fields=["asked_at", "outcome", "sealed"])


def _note(row: SignIn, facts: dict[str, str], certified: Certified) -> None:
    """Keep whom the certificate names; it must be who was asked for."""
    if certified.identity.fin != facts["fin"]:
        row.outcome = "sign_in.other_person"
        _log.warning("sign_in_ended outcome=sign_in.other_person")
        return
    row.outcome = SIGNED
    facts |= {
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
    person = accounts.open_account(identity, at=at, language=language, phone=facts["phone"])
    session = sessions.begin(person=person, assurance=ASSURANCE, device=device, at=at)
    limits.pardon(PER_PERSON, identity.fin, at=at)
    next_address = row.next_address
    row.delete()
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
        fin=Fin(facts["fin"]),
        phone=Phone(facts["phone"]),
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
    return facts


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
