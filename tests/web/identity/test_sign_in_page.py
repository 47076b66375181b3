"""Signing in with the telephone: the way through, and every way it may fail."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import PencereError, Refused, Unavailable
from pencere.kernel.identifiers import Fin
from pencere.web.identity import signing_in
from pencere.web.people.domain import accounts
from pencere.web.people.models import Attempt, Person, Session, SignIn

pytestmark = pytest.mark.django_db

TYPED = {"fin": "5kq2r7a", "phone": "050 123 45 67"}


def send(client: Client, **more: str) -> HttpResponse:
    answer: Any = client.post("/en/sign-in/", {**TYPED, **more})
    return answer


def is_in(client: Client) -> bool:
    return "Sign out" in client.get("/en/help/").content.decode()


@pytest.mark.parametrize(
    ("language", "title"), [("az", "Daxil olun"), ("en", "Sign in"), ("ru", "Вход")]
)
def test_the_page_speaks_the_language_of_its_address(language: str, title: str) -> None:
    page = Client().get(f"/{language}/sign-in/").content.decode()

    assert f"<h1>{title}</h1>" in page
    assert f'<html lang="{language}">' in page


def test_a_person_signs_in_and_comes_back_to_the_same_place(client: Client, phone: Any) -> None:
    sent = send(client, next="/en/services/?by=body")
    waiting = client.get("/en/sign-in/wait/").content.decode()
    phone.signs()
    SignIn.objects.update(asked_at=None)
    done = client.get("/en/sign-in/wait/")

    assert sent["Location"] == "/en/sign-in/wait/"
    assert '<strong class="code">0417</strong>' in waiting
    assert "We sent the request to +994\N{NO-BREAK SPACE}50\N{NO-BREAK SPACE}123" in waiting
    assert done["Location"] == "/en/services/?by=body"
    assert phone.asked == [("5KQ2R7A", "+994501234567", "en")]
    assert is_in(client)
    person = accounts.find(Fin("5KQ2R7A"))
    assert person is not None
    assert (person.name, person.language) == ("Aydan Quliyeva", "en")
    assert SignIn.objects.count() == 0


def test_the_page_waits_by_script_and_without_one(client: Client, phone: Any) -> None:
    send(client)

    page = client.get("/en/sign-in/wait/").content.decode()
    first = client.get("/en/sign-in/state/").json()
    phone.signs()
    SignIn.objects.update(asked_at=None)
    then = client.get("/en/sign-in/state/").json()

    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert (first, then) == ({"address": None}, {"address": "/en/sign-in/wait/"})


def test_the_telephone_is_not_asked_at_every_look(client: Client, phone: Any) -> None:
    send(client)
    client.get("/en/sign-in/state/")

    phone.signs()
    at_once = client.get("/en/sign-in/state/").json()

    assert at_once == {"address": None}


@pytest.mark.parametrize(
    ("field", "typed"), [("fin", "5KQ"), ("fin", ""), ("phone", "12"), ("phone", "012 555 55 55")]
)
def test_a_wrong_value_is_said_beside_the_field_and_in_the_summary_and_kept(
    client: Client, phone: Any, field: str, typed: str
) -> None:
    page = send(client, **{field: typed})

    words = page.content.decode()
    assert page.status_code == 422
    assert f'<a href="#f-{field}">' in words
    assert f'id="f-{field}-error"' in words
    assert f'value="{typed}"' in words
    assert phone.asked == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("mobile.cancelled", "The request was refused on the phone"),
        ("mobile.timeout", "The phone did not answer in time"),
        ("mobile.pin_blocked", "The PIN is blocked"),
        ("mobile.phone_absent", "The phone is not reachable"),
        ("mobile.signature_false", "did not pass the check"),
        ("certificate.revoked", "Your certificate was revoked"),
        ("certificate.expired", "Your certificate has expired"),
        ("something.new", "You could not be signed in"),
    ],
)
def test_each_ending_is_said_in_words_and_what_was_typed_stays(
    client: Client, phone: Any, code: str, words: str
) -> None:
    send(client, next="/en/help/")
    phone.answers = [Refused(code)]

    over = client.get("/en/sign-in/wait/")
    page = client.get(over["Location"]).content.decode()

    assert over["Location"] == "/en/sign-in/"
    assert words in page
    assert 'value="5KQ2R7A"' in page
    assert 'value="+994501234567"' in page
    assert 'name="next" value="/en/help/"' in page
    assert not is_in(client)


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (Unavailable("mobile.unavailable"), 503, "The mobile signing service does not answer"),
        (Refused("mobile.no_client"), 403, "There is no mobile signature in force with this FIN"),
    ],
)
def test_a_request_that_cannot_be_sent_is_said_at_once(
    client: Client, phone: Any, refusal: PencereError, status: int, words: str
) -> None:
    phone.refuses = refusal

    page = send(client)

    assert page.status_code == status
    assert words in page.content.decode()
    assert 'value="5kq2r7a"' in page.content.decode()


def test_a_service_that_is_down_for_a_moment_does_not_end_the_waiting(
    client: Client, phone: Any
) -> None:
    send(client)
    phone.answers = [Unavailable("mobile.unavailable")]

    page = client.get("/en/sign-in/wait/")

    assert page.status_code == 200
    assert "0417" in page.content.decode()


def test_a_certificate_of_somebody_else_lets_nobody_in(client: Client, phone: Any) -> None:
    send(client)
    phone.signs(fin="4LEYL82")

    client.get("/en/sign-in/wait/")
    page = client.get("/en/sign-in/").content.decode()

    assert "for another FIN" in page
    assert Person.objects.count() == 0


def test_one_may_stop_waiting_and_keeps_what_was_typed(client: Client, phone: Any) -> None:
    send(client)

    stopped = client.post("/en/sign-in/cancel/")
    page = client.get(stopped["Location"]).content.decode()
    phone.signs()

    assert stopped["Location"] == "/en/sign-in/"
    assert 'value="5KQ2R7A"' in page
    assert "You cancelled the sign-in. Do not answer the request on the phone." in page
    assert client.get("/en/sign-in/wait/")["Location"] == "/en/sign-in/"
    assert not is_in(client)


def test_after_ten_minutes_the_sign_in_is_over(
    client: Client, phone: Any, clock: FixedClock
) -> None:
    send(client)
    phone.signs()
    clock.advance(timedelta(minutes=10))

    over = client.get("/en/sign-in/wait/")

    assert over["Location"] == "/en/sign-in/"
    assert not is_in(client)


def test_another_browser_cannot_finish_the_sign_in(client: Client, phone: Any) -> None:
    send(client)
    phone.signs()

    elsewhere = Client().get("/en/sign-in/wait/")

    assert elsewhere["Location"] == "/en/sign-in/"
    assert Session.objects.count() == 0


def test_a_planted_session_cookie_is_replaced(client: Client, phone: Any) -> None:
    client.cookies[settings.SESSION_COOKIE] = "planted"
    send(client)
    phone.signs()
    client.get("/en/sign-in/wait/")

    token = client.cookies[settings.SESSION_COOKIE]

    assert token.value != "planted"
    assert (token["httponly"], token["samesite"]) == (True, "Lax")


def test_a_sign_in_works_once(client: Client, phone: Any) -> None:
    send(client)
    token = client.cookies[settings.SIGN_IN_COOKIE].value
    phone.signs()
    client.get("/en/sign-in/wait/")

    client.cookies[settings.SIGN_IN_COOKIE] = token
    client.get("/en/sign-in/wait/")

    assert Session.objects.count() == 1


def test_a_person_is_asked_five_times_in_ten_minutes_and_not_a_sixth(
    client: Client, phone: Any, clock: FixedClock
) -> None:
    clock.advance(-timedelta(seconds=int(clock.now().timestamp()) % 600))
    answers = [send(client) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [302] * 5 + [403]
    assert len(phone.asked) == 5
    assert "Try again in 10 minutes." in answers[-1].content.decode()


def test_who_got_in_may_sign_in_as_often_as_needed(
    client: Client, phone: Any, clock: FixedClock
) -> None:
    phone.signs()

    for _ in range(signing_in.PER_PERSON.most + 2):
        assert send(client).status_code == 302
        assert client.get("/en/sign-in/wait/")["Location"] == "/en/"


def test_one_network_address_cannot_ask_many_people(
    client: Client, phone: Any, clock: FixedClock
) -> None:
    for number in range(signing_in.PER_ADDRESS.most):
        send(client, fin=f"5KQ2{number:03}")

    over = send(client, fin="4LEYL82")

    assert over.status_code == 403
    assert "There were too many attempts" in over.content.decode()
    assert Attempt.objects.count() == signing_in.PER_ADDRESS.most + 1


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "/en/\r\nSet-Cookie: a=b",
        "/" + "a" * 3000,
    ],
)
def test_one_is_never_led_elsewhere(client: Client, phone: Any, address: str) -> None:
    send(client, next=address)
    phone.signs()

    done = client.get("/en/sign-in/wait/")

    assert done["Location"] == "/en/"


def test_the_form_needs_its_token() -> None:
    client = Client(enforce_csrf_checks=True)

    answers = [
        client.post(f"/en/{path}").status_code
        for path in ("sign-in/", "sign-in/cancel/", "sign-out/")
    ]

    assert answers == [403, 403, 403]


def test_signing_out_ends_the_session_on_the_server(
    person: Person, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(person)
    token = client.cookies[settings.SESSION_COOKIE].value

    client.post("/en/sign-out/")
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE] = token

    assert not is_in(client)
    assert not is_in(thief)
    assert Session.objects.get().ended_at is not None
