"""A person sees where they are signed in and ends it anywhere."""

from collections.abc import Callable

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.people.models import Person, Session

pytestmark = pytest.mark.django_db


def test_a_person_sees_own_devices_and_ends_another(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    lost, here = sign_in(person), sign_in(person)
    other = Session.objects.earliest("pk")

    page = here.get("/en/devices/").content.decode()
    here.post("/en/devices/end/", {"session": str(other.pk)})

    assert page.count("Firefox · Linux") == 2
    assert lost.get("/en/devices/").status_code == 302
    assert here.get("/en/devices/").status_code == 200


def test_all_others_end_at_once(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    clients = [sign_in(person) for _ in range(3)]

    clients[0].post("/en/devices/end/", {"others": "1"})

    assert [client.get("/en/devices/").status_code for client in clients] == [200, 302, 302]


@pytest.mark.parametrize("named", ["", "x", "-1", "9" * 30, "1;drop"])
def test_an_unreadable_number_is_refused(
    person: Person, sign_in: Callable[..., Client], named: str
) -> None:
    assert sign_in(person).post("/en/devices/end/", {"session": named}).status_code == 400


def test_a_visit_of_somebody_else_is_not_found(
    make_person: Callable[..., Person], sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    sign_in(make_person("5KQ2R7A"))
    theirs = Session.objects.get()

    answer = sign_in(make_person("4LEYL82")).post("/en/devices/end/", {"session": str(theirs.pk)})

    assert answer.status_code == 404
    assert Session.objects.get(pk=theirs.pk).ended_at is None
