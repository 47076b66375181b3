"""The OpenID provider and its first client, the office, over real HTTP."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings
from django.test import Client
from oauth2_provider.models import Application, Grant
from oauth2_provider.settings import oauth2_settings

from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import PencereError, Refused, Unavailable
from pencere.web.identity.office.provider import Errand, Provider
from pencere.web.identity.provider.clients import OFFICE, register_office
from pencere.web.people.domain.subjects import person_of, subject_for
from pencere.web.people.models import Person, Session

pytestmark = pytest.mark.django_db(transaction=True)

CALLBACK = f"{settings.INSTALLATION.address('office')}/sign-in/callback"


@pytest.fixture
def provider(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The provider, running; its issuer is the address it runs at."""
    issuer = f"{live_server.url}/id"
    monkeypatch.setattr(oauth2_settings, "OIDC_ISS_ENDPOINT", issuer)
    register_office(settings.INSTALLATION)
    return Provider(
        issuer=issuer,
        client_id=OFFICE,
        client_secret=settings.INSTALLATION.secret("openid/office"),
        callback=CALLBACK,
    )


def code_for(client: Client, provider: Provider, errand: Errand) -> str:
    """Walk the browser through the authorisation page; return the code."""
    asked = urlsplit(provider.address_to_ask(errand, "az"))
    answer = client.get(f"{asked.path}?{asked.query}", follow=False)
    while answer["Location"].startswith("/"):
        answer = client.get(answer["Location"])
    back = urlsplit(answer["Location"])
    query = parse_qs(back.query)
    assert f"{back.scheme}://{back.netloc}{back.path}" == CALLBACK
    assert query["state"] == [errand.state]
    return query["code"][0]


def test_an_officer_is_known_to_the_office_under_a_random_name(
    provider: Provider, person: Person, sign_in: Callable[..., Client]
) -> None:
    errand = Errand.to("/az/")
    code = code_for(sign_in(person), provider, errand)

    subject = provider.subject_of(code, errand, at=SystemClock().now())

    assert person_of(subject, OFFICE) == person
    assert "5KQ2R7A" not in subject
    assert subject_for(person.pk, "another system") != subject


def test_who_signed_in_a_while_ago_signs_in_afresh(
    provider: Provider, person: Person, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(person)
    Session.objects.update(begun_at=SystemClock().now() - timedelta(minutes=5))
    asked = urlsplit(provider.address_to_ask(Errand.to("/"), "ru"))

    answer = client.get(f"{asked.path}?{asked.query}")

    assert answer["Location"].startswith("/ru/sign-in/?next=%2Fid%2Fauthorize")
    assert answer["Location"].endswith("&again=1")
    assert client.get(answer["Location"]).status_code == 200


def test_who_has_not_signed_in_is_sent_to_do_so(provider: Provider, client: Client) -> None:
    asked = urlsplit(provider.address_to_ask(Errand.to("/"), "en"))

    answer = client.get(f"{asked.path}?{asked.query}")

    assert answer["Location"].startswith("/en/sign-in/?")


@pytest.mark.parametrize(
    "fault", ["nonce", "verifier", "code", "secret", "audience", "time", "issuer"]
)
def test_a_sign_in_that_does_not_prove_itself_is_refused(
    provider: Provider, person: Person, sign_in: Callable[..., Client], fault: str
) -> None:
    errand = Errand.to("/")
    code = code_for(sign_in(person), provider, errand)
    at = SystemClock().now()
    client = provider
    if fault == "nonce":
        errand = replace(errand, nonce="another")
    elif fault == "verifier":
        errand = replace(errand, verifier="a" * 64)
    elif fault == "code":
        code = "another"
    elif fault == "secret":
        client = replace(provider, client_secret="another")
    elif fault == "audience":
        Application.objects.filter(client_id=OFFICE).update(client_id="office-2")
        client = replace(provider, client_id="office-2")
        client = _Mistaken(client)  # type: ignore[assignment]
    elif fault == "time":
        at += timedelta(hours=1)
    else:
        client = _Moved(provider)  # type: ignore[assignment]

    with pytest.raises(Refused) as refusal:
        client.subject_of(code, errand, at=at)

    assert refusal.value.code in {"openid.refused", "openid.not_proven"}


class _Mistaken:
    """A client that got a token made for another one."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def subject_of(self, code: str, errand: Errand, *, at: Any) -> str:
        token = self._provider._post(code, errand)["id_token"]
        return replace(self._provider, client_id="office")._proven(token, errand, at)


class _Moved:
    """A client that trusts another issuer with the same keys."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def subject_of(self, code: str, errand: Errand, *, at: Any) -> str:
        token = self._provider._post(code, errand)["id_token"]
        here = self._provider.issuer.replace("localhost", "127.0.0.1")
        assert here != self._provider.issuer
        return replace(self._provider, issuer=here)._proven(token, errand, at)


def test_a_code_works_once(
    provider: Provider, person: Person, sign_in: Callable[..., Client]
) -> None:
    errand = Errand.to("/")
    code = code_for(sign_in(person), provider, errand)
    provider.subject_of(code, errand, at=SystemClock().now())

    with pytest.raises(Refused):
        provider.subject_of(code, errand, at=SystemClock().now())


def test_a_provider_that_does_not_answer_is_a_matter_of_time() -> None:
    nowhere = Provider("http://127.0.0.1:9/id", OFFICE, "x", CALLBACK)

    with pytest.raises(PencereError) as refusal:
        nowhere.subject_of("code", Errand.to("/"), at=SystemClock().now())

    assert isinstance(refusal.value, Unavailable)


def test_an_authorisation_without_proof_key_is_refused(
    provider: Provider, person: Person, sign_in: Callable[..., Client]
) -> None:
    query = {
        "response_type": "code",
        "client_id": OFFICE,
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "state": "s",
    }

    answer = sign_in(person).get("/id/authorize/", query)

    assert parse_qs(urlsplit(answer["Location"]).query)["error"] == ["invalid_request"]
    assert Grant.objects.count() == 0


@pytest.mark.parametrize(
    "change", [{"redirect_uri": "https://elsewhere.example/"}, {"client_id": "nobody"}]
)
def test_one_is_not_sent_to_an_address_that_is_not_registered(
    provider: Provider, person: Person, sign_in: Callable[..., Client], change: dict[str, str]
) -> None:
    query = {"response_type": "code", "client_id": OFFICE, "redirect_uri": CALLBACK, **change}

    answer = sign_in(person).get("/id/authorize/", query)

    assert answer.status_code in {400, 401}
    assert "Location" not in answer
    assert "sorğunu düzgün qurmayıb" in answer.content.decode()


def test_another_system_is_answered_only_after_the_person_agrees(
    provider: Provider, person: Person, sign_in: Callable[..., Client]
) -> None:
    Application.objects.filter(client_id=OFFICE).update(skip_authorization=False, name="Kitabxana")
    client = sign_in(person)
    asked = urlsplit(provider.address_to_ask(Errand.to("/"), "en").replace("&prompt=login", ""))

    page = client.get(f"{asked.path}?{asked.query}")

    assert page.status_code == 200
    assert "Kitabxana wants to know who you are" in page.content.decode()
    assert Grant.objects.count() == 0


def test_discovery_and_keys_are_published(provider: Provider) -> None:
    about = requests.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=5).json()
    keys = requests.get(about["jwks_uri"], timeout=5).json()["keys"]

    assert about["issuer"] == provider.issuer
    assert about["response_types_supported"] == ["code"]
    assert about["subject_types_supported"] == ["pairwise"]
    assert about["code_challenge_methods_supported"] == ["S256"]
    assert [(key["kty"], key["alg"], "d" in key) for key in keys] == [("RSA", "RS256", False)]


def test_userinfo_gives_the_name_and_never_the_number(
    provider: Provider, person: Person, sign_in: Callable[..., Client]
) -> None:
    errand = Errand.to("/")
    code = code_for(sign_in(person), provider, errand)
    tokens = provider._post(code, errand)

    answer = requests.get(
        f"{provider.issuer}/userinfo/",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
        timeout=5,
    )

    assert answer.json() == {
        "sub": subject_for(person.pk, OFFICE),
        "name": "Aydan Quliyeva",
        "given_name": "Aydan",
        "family_name": "Quliyeva",
        "locale": "az",
        "acr": "http://eidas.europa.eu/LoA/high",
    }


def test_the_office_is_registered_once_and_keeps_its_secret() -> None:
    register_office(settings.INSTALLATION)
    before = Application.objects.get().client_secret

    register_office(settings.INSTALLATION)

    assert Application.objects.get().client_secret == before
    assert settings.INSTALLATION.secret("openid/office") not in before
