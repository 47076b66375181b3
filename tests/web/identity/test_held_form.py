"""A form whose session ended while it was filled in comes back to its owner, and to nobody else."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from pencere.kernel.clock import FixedClock
from pencere.web.doors import ask_to_sign_in
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models import HeldForm, Person
from pencere.web.rules import Verdict, officer, role, rule, signed_in

pytestmark = pytest.mark.django_db


@rule(signed_in)
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


def post_late(person: Person) -> str:
    """A form arrives after the session of its sender ended; return where one is sent."""
    request = RequestFactory().post("/en/kept/x/", {"reason": "lost", "note": ["a", "b"]})
    request.visit = None  # type: ignore[attr-defined]
    request.ended_visit_of = person  # type: ignore[attr-defined]
    return str(guarded(request)["Location"])


def address_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["next"][0]


def test_what_was_typed_waits_behind_the_new_sign_in(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    location = post_late(person)

    page = sign_in(person).get(address_of(location)).content.decode()

    assert location.startswith("/az/sign-in/?next=")
    assert '<form method="post" action="/en/kept/x/">' in page
    assert '<input type="hidden" name="reason" value="lost">' in page
    assert page.count('name="note"') == 2


def test_another_person_gets_nothing_of_it(
    make_person: Callable[..., Person], sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    address = address_of(post_late(make_person("5KQ2R7A")))

    page = sign_in(make_person("4LEYL82")).get(address)

    assert page.status_code == 404
    assert "lost" not in page.content.decode()


def test_after_two_hours_it_is_gone(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    address = address_of(post_late(person))
    clock.advance(timedelta(hours=2))

    assert sign_in(person).get(address).status_code == 404


def test_the_database_holds_it_sealed(person: Person, clock: FixedClock) -> None:
    post_late(person)

    assert b"lost" not in bytes(HeldForm.objects.get().sealed)


def test_a_form_of_nobody_known_is_not_kept(clock: FixedClock) -> None:
    request = RequestFactory().post("/en/x/", {"reason": "lost"})

    answer = ask_to_sign_in(request)

    assert address_of(answer["Location"]) == "/en/x/"
    assert HeldForm.objects.count() == 0


def test_a_session_that_ran_out_is_recognised_so_that_its_form_is_held(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    client = sign_in(person)
    clock.advance(timedelta(minutes=31))

    answer = client.get("/en/kept/x/")

    assert answer["Location"] == "/en/sign-in/?next=%2Fen%2Fkept%2Fx%2F"


def test_a_script_is_told_instead_of_sent(client: Client) -> None:
    answer = client.get("/en/kept/x/", headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()) == (401, {"code": "sign_in.needed"})


@pytest.mark.parametrize(
    ("offices", "verdicts"),
    [
        ([], [Verdict.REFUSED] * 4),
        ([("dyp", "officer")], [Verdict.OPEN, Verdict.OPEN, Verdict.REFUSED, Verdict.REFUSED]),
        ([("bpqmi", "auditor")], [Verdict.REFUSED, Verdict.OPEN, Verdict.OPEN, Verdict.REFUSED]),
        ([("dyp", "auditor")], [Verdict.OPEN, Verdict.OPEN, Verdict.OPEN, Verdict.OPEN]),
    ],
)
def test_rules_know_bodies_and_roles(
    person: Person,
    clock: FixedClock,
    offices: list[tuple[str, str]],
    verdicts: list[Verdict],
) -> None:
    request = RequestFactory().get("/")
    request.visit = Visit(  # type: ignore[attr-defined]
        1, person, "high", clock.now(), tuple(Office(*one) for one in offices)
    )
    rules = [officer("dyp"), officer(), role("auditor"), role("auditor", "dyp")]

    assert [one.judge(request) for one in rules] == verdicts
    assert settings.ROLE == "portal"
