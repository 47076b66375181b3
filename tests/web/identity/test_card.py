"""Signing in with a card: the challenge of one browser, good once, and the two ways to answer."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from django.conf import settings
from django.test import Client
from tests.trust.conftest import Enrolee, Service, service

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Unavailable
from pencere.trust import web_eid
from pencere.trust.store import Reason
from pencere.web.identity.web_eid import challenge
from pencere.web.people.models import Session, SignIn

__all__ = ["service"]

pytestmark = pytest.mark.django_db

CHALLENGE, TOKEN = "/identity/web-eid/challenge", "/identity/web-eid/token"
_numbers = iter(range(1000, 9999))


@pytest.fixture(autouse=True)
def centre(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The portal believes the certification centre of the tests."""
    monkeypatch.setattr(challenge, "anchors", lambda: tuple(service.anchors))
    return service


@pytest.fixture
def aydan(service: Service) -> Enrolee:
    return service.enrol(f"1CD{next(_numbers)}", "")


def token_of(who: Enrolee, nonce: str, *, origin: str | None = None, key: str = "auth") -> dict:
    keys = {
        "auth": (who.phone.authentication, who.authentication),
        "sign": (who.phone.signature, who.signature),
    }
    private, certificate = keys[key]

    def sign(_algorithm: str, data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return web_eid.make(
        certificate, sign, origin=origin or challenge.origin(), nonce=nonce, version="x"
    )


def nonce_for(client: Client, **form: str) -> str:
    return client.post(CHALLENGE, form, headers={"Accept-Language": "en"}).json()["nonce"]


def send(client: Client, token: Any, **more: Any) -> Any:
    return client.post(
        TOKEN,
        json.dumps({"token": token, **more}),
        content_type="application/json",
        headers={"Accept-Language": "en"},
    )


def test_the_extension_signs_a_person_in(client: Client, aydan: Enrolee) -> None:
    nonce = nonce_for(client, next="/en/devices/")

    answer = send(client, token_of(aydan, nonce))

    assert (answer.status_code, answer.json()) == (200, {"address": "/en/devices/"})
    session = Session.objects.get()
    assert (session.assurance, session.person.fin) == ("high", aydan.person.fin)
    assert session.person.language == "en"
    assert client.get("/en/devices/").status_code == 200
    assert SignIn.objects.count() == 0


def test_a_person_pastes_what_the_command_printed(client: Client, aydan: Enrolee) -> None:
    page = client.post("/az/sign-in/card/", {"next": "/az/devices/"}, follow=True)
    command = page.context["command"] if page.context else page.content.decode()
    nonce = command.split("--nonce ")[1].split("<")[0].split()[0]

    slip = client.post("/az/sign-in/card/token/", {"token": '{"format": '})
    done = client.post(
        "/az/sign-in/card/token/", {"token": f"\n {json.dumps(token_of(aydan, nonce))} \n"}
    )

    assert page.redirect_chain == [("/az/sign-in/card/token/", 302)]
    assert slip.status_code == 422
    assert "{&#34;format&#34;:" in slip.content.decode()
    assert (done.status_code, done["Location"]) == (302, "/az/devices/")
    assert Session.objects.count() == 1


def test_a_challenge_is_used_up_by_the_first_try(client: Client, aydan: Enrolee) -> None:
    nonce = nonce_for(client)
    wrong = send(client, token_of(aydan, nonce, origin="https://elsewhere.example"))

    again = send(client, token_of(aydan, nonce))

    assert (wrong.status_code, wrong.json()["code"]) == (403, "web_eid.signature_false")
    assert (again.status_code, again.json()["code"]) == (403, "web_eid.expired")
    assert Session.objects.count() == 0


def test_a_token_works_once(client: Client, aydan: Enrolee) -> None:
    token = token_of(aydan, nonce_for(client))

    assert [send(client, token).status_code for _ in range(2)] == [200, 403]
    assert Session.objects.count() == 1


def test_a_challenge_belongs_to_one_browser(client: Client, aydan: Enrolee) -> None:
    token = token_of(aydan, nonce_for(client))
    other = Client()
    nonce_for(other)

    assert send(Client(), token).json()["code"] == "web_eid.expired"
    assert send(other, token).json()["code"] == "web_eid.signature_false"
    assert send(client, token).status_code == 200


def test_a_challenge_is_good_for_five_minutes(
    client: Client, aydan: Enrolee, clock: FixedClock
) -> None:
    client.post("/en/sign-in/card/")
    nonce = nonce_for(client)
    clock.advance(timedelta(minutes=5))

    assert send(client, token_of(aydan, nonce)).json()["code"] == "web_eid.expired"
    assert client.get("/en/sign-in/card/token/")["Location"] == "/en/sign-in/card/"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("signature key", "certificate.purpose"), ("revoked", "certificate.revoked")],
)
def test_a_card_that_may_not_sign_in_is_refused_in_words(
    client: Client, aydan: Enrolee, service: Service, fault: str, code: str
) -> None:
    token = token_of(aydan, nonce_for(client), key="sign" if fault == "signature key" else "auth")
    if fault == "revoked":
        service.centre.issuance.revoke(aydan.authentication, Reason.KEY_COMPROMISE)

    answer = send(client, token)

    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert answer.json()["message"]
    assert Session.objects.count() == 0


def test_without_a_status_answer_nobody_gets_in(
    client: Client, aydan: Enrolee, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def check(self, *_arguments: object) -> None:
            raise Unavailable("ocsp.unavailable")

    monkeypatch.setattr(challenge, "status_source", Silent)

    assert send(client, token_of(aydan, nonce_for(client))).status_code == 503
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", b"[" * 5000, b'{"token": 1}', b'{"token": {}}', b"x" * 40_000],
)
def test_what_is_no_token_leaves_the_challenge_as_it_is(
    client: Client, aydan: Enrolee, body: bytes
) -> None:
    nonce = nonce_for(client)

    answer = client.post(TOKEN, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "web_eid.token")
    assert send(client, token_of(aydan, nonce)).status_code == 200


def test_only_forms_of_ours_get_a_challenge() -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post(CHALLENGE).status_code == 403
    assert client.post(TOKEN, b"{}", content_type="application/json").status_code == 403
    assert client.get(CHALLENGE).status_code == 405
    assert SignIn.objects.count() == 0


def test_attempts_from_one_address_are_counted(
    client: Client, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = challenge.limits.Limit("sign-in from", most=2, window=timedelta(minutes=10))
    monkeypatch.setattr(challenge, "PER_ADDRESS", few)

    assert [client.post(CHALLENGE).status_code for _ in range(3)] == [200, 200, 403]


def test_a_challenge_is_not_waited_for(client: Client) -> None:
    nonce_for(client)

    assert client.get("/az/sign-in/wait/")["Location"] == "/az/sign-in/"
    assert client.get("/az/sign-in/").status_code == 200
    assert len(client.cookies[settings.SIGN_IN_COOKIE].value) == 43


def test_one_is_not_led_out_of_the_portal(client: Client, aydan: Enrolee) -> None:
    nonce = nonce_for(client, next="https://elsewhere.example/")

    assert send(client, token_of(aydan, nonce)).json() == {"address": "/en/"}
