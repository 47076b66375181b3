"""Offices: who works at which body, as what. The state appoints; nobody applies here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from pencere.countries.country import Country
from pencere.kernel.identifiers import Fin
from pencere.web.people.domain import accounts
from pencere.web.people.domain.visit import Office
from pencere.web.people.models.officer import OfficerRole
from pencere.web.people.vault import Identity


@dataclass(frozen=True, slots=True)
class Appointment:
    """All offices of one person."""

    identity: Identity
    offices: tuple[Office, ...]


@transaction.atomic
def appoint(appointments: Iterable[Appointment], *, at: datetime) -> int:
    """Give each person exactly these offices; return how many changed."""
    changed = 0
    for appointment in appointments:
        person = accounts.find(appointment.identity.fin) or accounts.open_account(
            appointment.identity, at=at
        )
        wanted = {(office.body, office.role): office.unit for office in appointment.offices}
        held = {(row.body, row.role): row for row in OfficerRole.objects.filter(person=person)}
        for key, row in held.items():
            if key not in wanted:
                row.delete()
                changed += 1
        for (body, role), unit in wanted.items():
            before = held.get((body, role))
            if before is None or before.unit != unit:
                OfficerRole.objects.update_or_create(
                    person=person, body=body, role=role, defaults={"unit": unit}
                )
                changed += 1
    return changed


def appoint_demo(country: str, *, at: datetime) -> int:
    """Give the invented persons of the demonstration their offices; safe to repeat."""
    appointments = [
        Appointment(
            identity=Identity(Fin(person.fin), person.given, person.family),
            offices=tuple(Office(r.body, r.role, r.unit or "") for r in person.roles),
        )
        for person in Country.load(country).demo_persons
        if person.roles
    ]
    return appoint(appointments, at=at)
