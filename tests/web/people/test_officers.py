"""Offices come from the state, and are taken away by it."""

import pytest

from pencere.kernel.clock import FixedClock
from pencere.kernel.identifiers import Fin
from pencere.web.people.domain import accounts
from pencere.web.people.domain.officers import Appointment, appoint, appoint_demo
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models import OfficerRole, Person
from pencere.web.people.vault import Identity

pytestmark = pytest.mark.django_db

ELCHIN = Identity(Fin("2ELCN63"), "Elçin", "Rzayev")


def offices() -> list[tuple[str, str, str]]:
    return list(OfficerRole.objects.order_by("body").values_list("body", "role", "unit"))


def test_who_is_appointed_holds_the_office_and_who_is_not_any_more_does_not(
    clock: FixedClock,
) -> None:
    first = appoint([Appointment(ELCHIN, (Office("dyp", "officer", "a"),))], at=clock.now())
    again = appoint([Appointment(ELCHIN, (Office("dyp", "officer", "a"),))], at=clock.now())
    moved = appoint([Appointment(ELCHIN, (Office("idda", "auditor"),))], at=clock.now())

    assert (first, again, moved) == (1, 0, 2)
    assert offices() == [("idda", "auditor", "")]


def test_an_appointment_does_not_open_a_second_account(clock: FixedClock) -> None:
    appoint([Appointment(ELCHIN, (Office("dyp", "officer"),))], at=clock.now())

    accounts.open_account(ELCHIN, at=clock.now())

    assert Person.objects.count() == 1


def test_the_demonstration_has_officers_of_two_bodies_and_may_be_loaded_twice(
    clock: FixedClock,
) -> None:
    appoint_demo("az", at=clock.now())

    assert appoint_demo("az", at=clock.now()) == 0
    assert {"dyp", "bpqmi"} <= {body for body, _, _ in offices()}


def test_a_visit_knows_where_its_person_works_and_as_what(
    person: Person, clock: FixedClock
) -> None:
    visit = Visit(
        1, person, "high", clock.now(), (Office("dyp", "officer"), Office("idda", "auditor"))
    )

    assert [visit.works_at("dyp"), visit.works_at(), visit.works_at("bpqmi")] == [True, True, False]
    assert [visit.holds("auditor"), visit.holds("auditor", "dyp")] == [True, False]
