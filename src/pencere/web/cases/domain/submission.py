"""Sending an application: from a draft to a case, in one transaction, once."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Refused
from pencere.services import eligibility, forms, machine
from pencere.services.fees import Fee, fee_for
from pencere.services.model.casework import CheckKind
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition, Payment, SignatureLevel
from pencere.web.cases.domain import checks, definitions, facts
from pencere.web.cases.domain.application import application_of, context_of, uploads_in
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.facts import NOTHING, Told
from pencere.web.cases.domain.transitions import By, fill, store
from pencere.web.cases.models import Attachment, Case, Draft
from pencere.web.cases.models.draft import State
from pencere.web.exchange import Gateway
from pencere.web.leaves import add_leaf
from pencere.web.payments.domain.charges import Subject, paid_charge
from pencere.web.people.vault import vault

log = logging.getLogger(__name__)

SUBJECT = "application"


@dataclass(frozen=True, slots=True)
class Signed:
    """A finished signature over the application: CAdES, already verified."""

    cades: bytes
    signed_at: datetime


def subject_of(draft: Draft) -> Subject:
    """Return what a charge for this application is made for."""
    return Subject(SUBJECT, str(draft.id))


def fee_of(writing: Writing, *, at: datetime) -> Fee:
    """Return what this application costs today."""
    return fee_for(writing.definition, writing.context, local_date(at), definitions.law())


def must_pay(definition: Definition, fee: Fee) -> bool:
    """Say whether the fee is due before the application is sent."""
    pays_first = definition.fee is not None and definition.fee.pay is Payment.BEFORE_SUBMIT
    return pays_first and not fee.is_free


def check_complete(*, writing: Writing, at: datetime) -> Fee:
    """Make sure that an application can be sent, and return its fee.

    Raises:
        Conflict: "draft.incomplete" with the id of the first open `question`;
            "draft.submitted"; "draft.not-eligible".
        Refused: "draft.unpaid".
    """
    draft, definition = writing.draft, writing.definition
    if draft.state != State.OPEN:
        raise Conflict("draft.submitted")
    question = writing.next_question
    if question is not None:
        raise Conflict("draft.incomplete", question=question.id)
    if isinstance(eligibility.check(definition, writing.context), eligibility.NotEligible):
        raise Conflict("draft.not-eligible")
    fee = fee_of(writing, at=at)
    if must_pay(definition, fee):
        charge = paid_charge(subject_of(draft))
        if charge is None or charge.amount < fee.amount:
            raise Refused("draft.unpaid")
    return fee


def document_to_sign(*, writing: Writing, language: str, at: datetime) -> bytes:
    """Return the bytes of the application; the same call later may give others (`written_at`)."""
    fee = check_complete(writing=writing, at=at)
    return application_of(writing=writing, fee=fee, language=language, at=at)


def submit(
    *, draft: Draft, application: bytes, signed: Signed | None, gateway: Gateway, at: datetime
) -> Case:
    """Make the case. Called twice, at once or after a crash, it returns the one case.

    `application` is what `document_to_sign` gave and, where the service asks for a signature,
    what `signed` signs.

    Raises:
        Refused: "draft.unsigned", "draft.unpaid".
        Conflict: "draft.incomplete".
        Unavailable: a register that a check needs does not answer; nothing has changed.
    """
    found = Case.objects.filter(number=draft.number).first()
    if found is not None:
        return found
    definition = definitions.newest(draft.service, at=at)
    said = json.loads(application)
    if said["number"] != draft.number or said["definition"]["sha256"] != definition.sha256:
        raise Conflict("draft.changed")
    if definition.signature is not SignatureLevel.NONE and signed is None:
        raise Refused("draft.unsigned")
    context, told = _context(definition, draft, said, gateway=gateway, at=at)
    with transaction.atomic():
        row = Draft.objects.select_for_update().get(pk=draft.pk)
        if row.state == State.SUBMITTED:
            return Case.objects.get(number=row.number)
        case = _open_case(row, definition, said, application, signed, context, told, at=at)
        row.state = State.SUBMITTED
        row.answers_sealed = row.facts_sealed = row.signing_sealed = row.facts_at = None
        row.saved_at = at
        row.save()
    log.info("application_submitted number=%s service=%s", case.number, case.service)
    return case


def _open_case(  # noqa: PLR0913, PLR0917, a case is all of these
    draft: Draft,
    definition: Definition,
    said: Mapping[str, Any],
    application: bytes,
    signed: Signed | None,
    context: Mapping[str, Any],
    told: Told,
    *,
    at: datetime,
) -> Case:
    charge = paid_charge(subject_of(draft))
    calendar = definitions.calendar()
    applicant = str(draft.person_id)
    first = machine.new_case(
        definition,
        number=draft.number,
        applicant=applicant,
        at=at,
        context=context,
        calendar=calendar,
    )
    digest = hashlib.sha256(application).digest()
    case = Case(
        number=draft.number,
        person=draft.person,
        agent=draft.agent,
        service=definition.service,
        definition_version=definition.version,
        definition_sha256=definition.sha256,
        language=said["language"],
        charge=charge.id if charge is not None else None,
        application_sha256=digest,
        submitted_at=at,
    )
    case.application_sealed = vault().seal_bytes(application, case.id.bytes)
    if signed is not None:
        case.signature_sealed = vault().seal_bytes(signed.cades, case.id.bytes)
    case.leaf_hash = add_leaf(
        "application",
        {
            **({"agent": draft.agent.digest.hex()} if draft.agent is not None else {}),
            "applicant": draft.person.digest.hex(),
            "application_sha256": digest.hex(),
            "definition_sha256": definition.sha256,
            "number": draft.number,
            "signature_sha256": hashlib.sha256(signed.cades).hexdigest() if signed else None,
            "submitted_at": at.isoformat(timespec="milliseconds"),
        },
    )
    fill(case, definition, first.case, at=at)
    case.version = 0
    case.save(force_insert=True)
    by = By(Role.APPLICANT, draft.writer)
    words = {"facts": told.as_json()} if told.asked_at else None
    store(case=case, definition=definition, transition=first, by=by, at=at, words=words)
    Attachment.objects.filter(draft=draft, pk__in=_files(said)).update(case=case)
    checks.answer(case=case, definition=definition, machine=first.case, context=context, at=at)
    return case


def _context(
    definition: Definition, draft: Draft, said: Mapping[str, Any], *, gateway: Gateway, at: datetime
) -> tuple[dict[str, Any], Told]:
    """Return the engine's context, and what registers said to the body alone."""
    answers = forms.from_stored(definition, said["answers"]).answers
    context = context_of(application=said, answers=answers, facts={}, today=local_date(at))
    conditions = any(
        check.kind is CheckKind.CONDITION
        for state in definition.states.values()
        for check in state.checks
    )
    hidden = facts.for_body_only(definition)
    if not hidden or not (conditions or definition.is_instant):
        return context, NOTHING
    told = facts.ask(
        facts=hidden,
        number=draft.number,
        applicant=draft.person,
        user=None,  # the body's own check, which nobody looks at
        represented=definition.authority,
        context=context,
        gateway=gateway,
        at=at,
    )
    return {**context, "facts": {**context["facts"], **told.values}}, told


def _files(said: Mapping[str, Any]) -> list[str]:
    named = {entry["question"] for entry in said["attachments"]}
    return [one["id"] for name in named for one in uploads_in(said["answers"].get(name))]
