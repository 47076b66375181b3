"""Signing an application on the telephone: asked, waited for, sent.

What is signed is kept in the draft, byte for byte, until the signature comes or an answer is
changed. When the signature comes the application is sent in the same step; what fails between
the two is tried again with the same signature, never with another.
"""

import base64
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction

from pencere.kernel.errors import Conflict, PencereError
from pencere.kernel.identifiers import Fin, Phone
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.domain.submission import Signed, document_to_sign, submit
from pencere.web.cases.models import Case, Draft
from pencere.web.cases.models.draft import State
from pencere.web.exchange import Gateway

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that lies on the telephone. `state` is the pen's own, JSON."""

    code: str
    state: dict[str, Any]


class Pen(Protocol):
    """What signs with a person's telephone."""

    def ask(self, *, document: bytes, fin: Fin, phone: Phone, text: str, language: str) -> Asked:
        """Put a request on the telephone.

        Raises:
            Refused: no such telephone, or its certificate may not be used.
            Unavailable: the service does not answer.
        """

    def poll(self, *, document: bytes, state: dict[str, Any]) -> bytes | None:
        """Return the verified CAdES signature over the document, None while it is not there.

        Raises:
            Refused: cancelled, ran out, blocked, revoked, of another person.
            Unavailable: the service does not answer; worth asking again.
        """


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a signature is. `problem` is the code of why it ended; empty while it waits."""

    code: str
    phone: str
    problem: str = ""
    case: Case | None = None

    @property
    def is_waiting(self) -> bool:
        """The telephone has not answered."""
        return not self.problem and self.case is None


def begin(  # noqa: PLR0913, a request is all of these
    *, writing: Writing, pen: Pen, phone: Phone, text: str, language: str, at: datetime
) -> Progress:
    """Ask the telephone to sign the application as it is now.

    Raises:
        Conflict, Refused: see `submission.check_complete` and `Pen.ask`.
    """
    draft = writing.draft
    with transaction.atomic():
        # Two presses of one moment put one request on the telephone.
        row = Draft.objects.select_for_update().get(pk=draft.pk)
        waiting = current(row)
        if waiting is not None and waiting.is_waiting:
            return waiting
        document = document_to_sign(writing=writing, language=language, at=at)
        asked = pen.ask(
            document=document,
            fin=draft.person.fin,
            phone=phone,
            text=text,
            language=language,
        )
        _keep(
            draft,
            {
                "code": asked.code,
                "document": base64.b64encode(document).decode(),
                "phone": phone,
                "problem": "",
                "signature": None,
                "state": asked.state,
            },
        )
    log.info("signing_begun number=%s", draft.number)
    return Progress(asked.code, phone)


def current(draft: Draft) -> Progress | None:
    """Return the signature under way as it was last seen; None when there is none."""
    kept = unseal(draft.signing_sealed, draft.id.bytes)
    return None if kept is None else Progress(kept["code"], kept["phone"], kept["problem"])


def advance(*, draft: Draft, pen: Pen, gateway: Gateway, at: datetime) -> Progress | None:
    """Ask the telephone how far it is; when it has signed, send the application.

    Raises:
        Unavailable: a service does not answer; nothing is lost, the same call goes on later.
    """
    kept = unseal(draft.signing_sealed, draft.id.bytes)
    if kept is None or kept["problem"]:
        return current(draft)
    document = base64.b64decode(kept["document"])
    if kept["signature"] is None:
        try:
            cades = pen.poll(document=document, state=kept["state"])
        except PencereError as error:
            if error.status == 503:
                raise
            _keep(draft, {**kept, "problem": error.code}, over=kept)
            log.info("signing_ended number=%s code=%s", draft.number, error.code)
            return Progress(kept["code"], kept["phone"], error.code)
        if cades is None:
            return Progress(kept["code"], kept["phone"])
        kept = {**kept, "signature": base64.b64encode(cades).decode()}
        _keep(draft, kept, over=kept)
    signed = Signed(cades=base64.b64decode(kept["signature"]), signed_at=at)
    case = submit(draft=draft, application=document, signed=signed, gateway=gateway, at=at)
    return Progress(kept["code"], kept["phone"], case=case)


def abandon(draft: Draft) -> None:
    """Forget the signature under way; what was paid stays paid."""
    Draft.objects.filter(pk=draft.pk, state=State.OPEN).update(signing_sealed=None)
    draft.signing_sealed = None


@transaction.atomic
def _keep(draft: Draft, value: dict[str, Any], *, over: dict[str, Any] | None = None) -> None:
    """Store the state; with `over` only while the same document is being signed."""
    row = Draft.objects.select_for_update().get(pk=draft.pk)
    if row.state != State.OPEN:
        return
    if over is not None:
        present = unseal(row.signing_sealed, row.id.bytes)
        if present is None or _document(present) != _document(over):
            raise Conflict("draft.changed")
    row.signing_sealed = seal(value, row.id.bytes)
    row.save(update_fields=["signing_sealed"])
    draft.signing_sealed = row.signing_sealed


def _document(kept: dict[str, Any]) -> bytes:
    return hashlib.sha256(kept["document"].encode()).digest()
