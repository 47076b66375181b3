"""Signing an application by telephone or with SİMA: asked, waited for, sent.

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
    """A request on its way. `state` is the pen's own, JSON; `address` is for a QR code."""

    code: str
    state: dict[str, Any]
    address: str = ""


class Pen(Protocol):
    """A means by which a person signs; `name` is kept while it is used."""

    name: str

    def ask(
        self, *, document: bytes, fin: Fin, phone: Phone | None, text: str, language: str
    ) -> Asked:
        """Put a request where the person meets it.

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
    means: str = ""
    address: str = ""

    @property
    def is_waiting(self) -> bool:
        """There is no answer yet."""
        return not self.problem and self.case is None


def begin(  # noqa: PLR0913, a request is all of these
    *, writing: Writing, pen: Pen, phone: Phone | None, text: str, language: str, at: datetime
) -> Progress:
    """Ask for a signature over the application as it is now.

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
            fin=draft.writer.fin,
            phone=phone,
            text=text,
            language=language,
        )
        kept = {
            "address": asked.address,
            "code": asked.code,
            "document": base64.b64encode(document).decode(),
            "means": pen.name,
            "phone": phone or "",
            "problem": "",
            "signature": None,
            "state": asked.state,
        }
        _keep(draft, kept)
    log.info("signing_begun number=%s means=%s", draft.number, pen.name)
    return _progress(kept)


def current(draft: Draft) -> Progress | None:
    """Return the signature under way as it was last seen; None when there is none."""
    kept = unseal(draft.signing_sealed, draft.id.bytes)
    return None if kept is None else _progress(kept)


def advance(*, draft: Draft, pen: Pen, gateway: Gateway, at: datetime) -> Progress | None:
    """Ask the pen that was begun with how far it is; when it has signed, send the application.

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
            return _progress({**kept, "problem": error.code})
        if cades is None:
            return _progress(kept)
        kept = {**kept, "signature": base64.b64encode(cades).decode()}
        _keep(draft, kept, over=kept)
    signed = Signed(cades=base64.b64decode(kept["signature"]), signed_at=at)
    case = submit(draft=draft, application=document, signed=signed, gateway=gateway, at=at)
    return _progress(kept, case)


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


def _progress(kept: dict[str, Any], case: Case | None = None) -> Progress:
    return Progress(
        kept["code"],
        kept["phone"],
        kept["problem"],
        case,
        # What was begun before there was a choice has neither.
        kept.get("means", ""),
        kept.get("address", ""),
    )


def _document(kept: dict[str, Any]) -> bytes:
    return hashlib.sha256(kept["document"].encode()).digest()
