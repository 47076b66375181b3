"""Finding cases, and what one holds, for those who may see it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Missing
from pencere.services import forms
from pencere.services.case import Case as MachineCase
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions, facts
from pencere.web.cases.domain.application import context_of
from pencere.web.cases.domain.facts import NOTHING, Told
from pencere.web.cases.domain.sealing import unseal
from pencere.web.cases.domain.transitions import machine_of
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.exchange import Gateway
from pencere.web.people.domain.visit import Acting
from pencere.web.people.models.person import Person
from pencere.web.people.vault import vault


@dataclass(frozen=True, slots=True)
class Opened:
    """A case with everything sealed in it opened.

    `application` is what was signed; `answers` are those of the application with later ones of
    the applicant laid over; `told` is what registers said to the body just now, NOTHING when
    they were not asked. `context` is the engine's.
    """

    case: Case
    definition: Definition
    machine: MachineCase
    application: Mapping[str, Any]
    answers: Mapping[str, object]
    told: Told
    context: Mapping[str, Any]


def cases_of(person: Person, acting: Acting | None = None) -> QuerySet[Case]:
    """Return a person's cases, the latest first; to who acts for them those their power reaches."""
    found = Case.objects.filter(person=person)
    if acting is not None:
        found = found.filter(service__in=acting.services)
        if acting.sees_from is not None:
            found = found.filter(submitted_at__gte=acting.sees_from)
    return found.order_by("-submitted_at")


def case_of(*, person: Person, number: str, acting: Acting | None = None) -> Case:
    """Return a case to its applicant, or to who acts for them.

    Raises:
        Missing: "case.missing": no such case, another person's, or beyond the power.
    """
    found = cases_of(person, acting).filter(number=number)
    case = found.select_related("person", "agent").first()
    if case is None:
        raise Missing("case.missing")
    return case


def case_of_body(*, bodies: frozenset[str], number: str) -> Case:
    """Return a case to an officer of the body it is with now, or whose service it is.

    Raises:
        Missing: "case.missing": no such case, or another body's.
    """
    case = Case.objects.filter(number=number).select_related("person", "officer").first()
    if case is None:
        raise Missing("case.missing")
    if case.body not in bodies and definitions.pinned(case).authority not in bodies:
        raise Missing("case.missing")
    return case


def queue_of(*, bodies: frozenset[str]) -> QuerySet[Case]:
    """Return the open cases that wait for officers of these bodies, the most urgent first."""
    return (
        Case.objects.filter(body__in=bodies, closed_at=None)
        .exclude(queue="")
        .select_related("officer")
        .order_by("due", "submitted_at")
    )


def open_case(
    case: Case, *, at: datetime, officer: Person | None = None, gateway: Gateway | None = None
) -> Opened:
    """Open a case; with an officer and a gateway also ask what only the service's body may see.

    Raises:
        Unavailable: a register does not answer.
    """
    definition = definitions.pinned(case)
    row = case.id.bytes
    application = json.loads(vault().open_bytes(bytes(case.application_sealed), row))
    stored = dict(application["answers"])
    supplements = list(case.supplements.all())
    for supplement in supplements:
        stored.update(unseal(supplement.answers_sealed, row))
    answers = forms.from_stored(definition, stored).answers
    today = local_date(at)
    context = context_of(application=application, answers=answers, facts={}, today=today)
    if supplements:  # what was signed stands; what is computed from other answers is other
        answers = {**answers, **forms.walk(definition, answers, context).computed}
        context = {**context, "answers": answers}
    told = NOTHING
    hidden = facts.for_body_only(definition)
    is_own = case.body == definition.authority  # another body has no purpose to ask for
    if officer is not None and gateway is not None and hidden and is_own:
        told = facts.ask(
            facts=hidden,
            number=case.number,
            applicant=case.person,
            user=officer,
            represented=case.body,
            context=context,
            gateway=gateway,
            at=at,
        )
        context = {**context, "facts": {**context["facts"], **told.values}}
    return Opened(
        case=case,
        definition=definition,
        machine=machine_of(case, definition),
        application=application,
        answers=answers,
        told=told,
        context=context,
    )


def told_before(case: Case) -> Told:
    """Return what registers had said to the body alone when it last decided, or at the sending."""
    kept = case.events.filter(kind__in=("acted", "submitted"), words_sealed__isnull=False)
    for event in kept.order_by("-n"):
        event.case = case
        said = words_of(event).get("facts")
        if said is not None:
            return Told.from_json(said)
    return NOTHING


def words_of(event: CaseEvent) -> Mapping[str, Any]:
    """Return the words of an event, empty when there are none."""
    return unseal(event.words_sealed, event.case.id.bytes) or {}


def signature_of(case: Case) -> bytes | None:
    """Return the CAdES over the application, None when the service asks for none."""
    if case.signature_sealed is None:
        return None
    return vault().open_bytes(bytes(case.signature_sealed), case.id.bytes)
