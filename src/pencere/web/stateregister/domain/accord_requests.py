"""Requests for agreements that follow from "ask once": drafted when a description is approved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.kernel.clock import local_date
from pencere.web.people.models.person import Person
from pencere.web.stateregister.domain import once
from pencere.web.stateregister.domain.accord_terms import empty_terms, fields_offered
from pencere.web.stateregister.domain.description import fields_of
from pencere.web.stateregister.domain.exchange_data import EVENTS
from pencere.web.stateregister.domain.reading import description_of
from pencere.web.stateregister.domain.recording import next_number, record
from pencere.web.stateregister.domain.sides import asking
from pencere.web.stateregister.models import Accord, AccordState, Agreement, Force, System

SERIES = "SZ"


def draft_requests(
    system: System, content: Mapping[str, Any], *, drafter: Person, at: datetime
) -> list[Accord]:
    """Draft one request for each system whose data is to be used and not yet agreed about."""
    wanted: dict[int, list[once.Finding]] = {}
    for one in once.findings(content, own=system.key):
        if one.decision == "use" and any(service.code != EVENTS for service in one.services):
            wanted.setdefault(one.holder.pk, []).append(one)
    made = []
    for findings in wanted.values():
        holder = findings[0].holder
        if (
            Accord.objects.filter(consumer=system, provider=holder)
            .exclude(state__in=[AccordState.REFUSED, AccordState.WITHDRAWN])
            .exists()
            or Agreement.objects.filter(
                consumer=system, provider=holder, force=Force.IN_FORCE, is_active=True
            ).exists()
        ):
            continue
        concepts = {one.concept for one in findings}
        held = [
            (an_object["code"], field["code"])
            for an_object, field in fields_of(description_of(holder).content)
            if field["concept"] in concepts
        ]
        offered = [one for one in findings[0].services if one.code != EVENTS]
        objects = {an_object for an_object, _field in held}
        service = next((one for one in offered if one.code in objects), offered[0])
        allowed = fields_offered(holder, service.code)
        fields = [field for _object, field in held if field in allowed]
        terms = empty_terms(
            on=local_date(at), service=service.code, endpoints=service.endpoints
        ) | {
            "fields": list(dict.fromkeys(fields)),
            "persons": content["persons"]["count"],
            "consent": bool(service.consent),
        }
        made.append(make(system, holder, terms, drafter=drafter, at=at))
    return made


def make(  # noqa: PLR0913, an accord is all of these
    consumer: System,
    provider: System,
    terms: dict[str, Any],
    *,
    drafter: Person,
    at: datetime,
    agreement_id: str = "",
) -> Accord:
    """Make a draft in the caller's transaction; with `agreement_id` an amendment.

    Of those one at a time is open: the caller has the agreement's lock and looked.
    """
    number = next_number(SERIES, on=local_date(at))
    accord = Accord.objects.create(
        number=number,
        agreement_id=agreement_id or number.lower(),
        is_amendment=bool(agreement_id),
        consumer=consumer,
        provider=provider,
        terms=terms,
        drafter=drafter,
        made_at=at,
    )
    record("accord", number, "drafted", person=drafter, at=at, body=asking(accord).owner_id)
    return accord
