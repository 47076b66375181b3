"""Consent on the centre's page: who may ask, what is shown, and what comes of it once."""

import base64
import hashlib
import json
import re
from typing import Any

import pytest
import requests
from tests.trust.conftest import Service
from tests.trust.remote_world import (
    BACK,
    CLIENT,
    PIN,
    VERIFIER,
    Browser,
    Holder,
    back_of,
    holder_of,
    leaves,
    redeem,
    register_clients,
)

from pencere.trust.remote.tokens import challenge_of

ONE, TWO = hashlib.sha256(b"one").digest(), hashlib.sha256(b"two").digest()


@pytest.fixture(scope="module")
def secret(service: Service) -> str:
    return register_clients(service, seals=("seal-dyp",))


@pytest.fixture(scope="module")
def aydan(service: Service, secret: str) -> Holder:
    del secret
    return holder_of(service, "6AUT001", "+994501120001")


def url64(*digests: bytes) -> str:
    return ",".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in digests)


def asked(holder: Holder, *digests: bytes, **parameters: str) -> dict[str, str]:
    return {
        "scope": "credential",
        "credentialID": holder.credential,
        "numSignatures": str(len(digests)),
        "hash": url64(*digests),
        **parameters,
    }


def granted(holder: Holder, *digests: bytes, **parameters: str) -> dict[str, str]:
    """Take a consent to the end; return what the client is brought."""
    browser = Browser(holder.service)
    browser.open(**asked(holder, *digests, **parameters))
    assert browser.send(pin=PIN).status_code == 200
    holder.phone.answer()
    return browser.wait()


def test_a_consent_of_pin_and_phone_lets_the_client_sign_once(
    aydan: Holder, service: Service
) -> None:
    brought = granted(aydan, ONE, TWO)
    token = redeem(service, brought["code"]).json()

    assert (brought["state"], brought["iss"], brought["from"]) == (
        "s1",
        service.base_url,
        "centre",
    )
    assert (token["token_type"], token["credentialID"]) == ("SAD", aydan.credential)
    signed = [aydan.sign(token["access_token"], ONE, TWO).status_code for _ in "ab"]
    assert signed == [200, 403]


def test_activation_as_bearer_needs_no_other_token(aydan: Holder, service: Service) -> None:
    sad = redeem(service, granted(aydan, ONE)["code"]).json()["access_token"]

    answer = aydan.call(
        "signatures/signHash",
        version="v2",
        token=sad,
        credentialID=aydan.credential,
        hashes=[base64.b64encode(ONE).decode()],
        hashAlgorithmOID="2.16.840.1.101.3.4.2.1",
        signAlgo="1.2.840.10045.4.3.2",
    )

    assert (answer.status_code, len(answer.json()["signatures"])) == (200, 1)


def test_the_page_says_who_asks_for_what_in_three_languages(aydan: Holder) -> None:
    details = [
        {
            "type": "credential",
            "credentialID": aydan.credential,
            "documentDigests": [
                {"hash": base64.b64encode(one).decode(), "label": label}
                for one, label in ((ONE, "Müqavilə <b>1</b>"), (TWO, ""))
            ],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        }
    ]
    browser = Browser(aydan.service)
    page = browser.open(
        scope="", authorization_details=json.dumps(details), description="Ev alqı-satqısı"
    )
    texts = {
        language: requests_text(browser, f"?lang={language}") for language in ("az", "en", "ru")
    }

    assert page.status_code == 200
    for language, words in (
        ("az", ("Sənədləri imzalayırsınız", "Sənədlər: 2", "Adı göstərilməyib")),
        ("en", ("You are about to sign", "Documents: 2", "No name given")),
        ("ru", ("Вы подписываете документы", "Документы: 2", "Название не указано")),
    ):
        shared = ("Masaüstü imza", "Ev alqı-satqısı", "Quliyeva Aydan", ONE.hex(), TWO.hex())
        missing = [
            word
            for word in (*words, *shared, "Müqavilə &lt;b&gt;1&lt;/b&gt;", f'lang="{language}"')
            if word not in texts[language]
        ]
        assert missing == []
    assert "<script" not in page.text
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
        " frame-ancestors 'none';"
        " form-action 'self' https://desk.test"
    )
    assert page.headers["cache-control"] == "no-store"


def requests_text(browser: Browser, query: str) -> str:
    assert browser.page is not None
    return browser._session.get(browser.page.url.split("?")[0] + query, timeout=10).text


def test_another_browser_sees_nothing_of_a_consent(aydan: Holder) -> None:
    browser = Browser(aydan.service)
    browser.open(**asked(aydan, ONE))
    assert browser.page is not None

    stranger = requests.get(browser.page.url, timeout=10)
    posted = requests.post(browser.page.url, data={"answer": "agree", "pin": PIN}, timeout=10)

    assert (stranger.status_code, posted.status_code) == (403, 403)
    assert "Quliyeva" not in stranger.text + posted.text


def test_a_refusal_on_the_page_or_the_phone_is_told_to_the_client(aydan: Holder) -> None:
    browser = Browser(aydan.service)
    browser.open(**asked(aydan, ONE))
    on_page = browser.send(answer="refuse")
    again = requests_text(browser, "") if browser.page is None else browser.page
    other = Browser(aydan.service)
    other.open(**asked(aydan, ONE))
    other.send(pin=PIN)
    aydan.phone.answer(result="USER_CANCELLED")

    assert back_of(on_page) == {
        "from": "centre",
        "error": "access_denied",
        "state": "s1",
        "iss": aydan.service.base_url,
    }
    assert again is on_page
    assert other.wait()["error"] == "access_denied"
    last = [json.loads(one) for one in leaves(aydan.service, "activation")[-2:]]
    assert [(one["event"], one["reason"]) for one in last] == [("declined", "remote.refused")] * 2


def test_a_wrong_pin_asks_no_phone_and_says_how_many_tries_are_left(aydan: Holder) -> None:
    browser = Browser(aydan.service)
    browser.open(**asked(aydan, ONE))

    wrong = browser.send(pin="999999")

    assert wrong.status_code == 403
    assert "Qalan cəhdlər: 2" in wrong.text
    assert 'role="alert"' in wrong.text
    assert "999999" not in wrong.text
    assert aydan.phone.waiting(wait_ms=0) == []
    assert granted(aydan, ONE)["state"] == "s1"


def test_page_and_phone_show_the_same_code_and_who_asks(aydan: Holder) -> None:
    browser = Browser(aydan.service)
    browser.open(**asked(aydan, ONE, TWO))
    waiting = browser.send(pin=PIN)
    request = aydan.phone.answer()

    digest = base64.b64decode(request["hash"])
    code = f"{(digest[0] >> 2) << 7 | digest[-1] & 0x7F:04d}"
    assert re.findall(r"<strong>(\d{4})</strong>", waiting.text) == [code]
    assert request["text"] == "Masaüstü imza: 2 sənədin imzalanmasına razılıq"
    assert request["kind"] == "authentication"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"numSignatures": "2"}, "invalid_request"),
        ({"credentialID": "r-AAAAAAAAAAAAAAAAAAAAAA"}, "invalid_request"),
        ({"hash": "!!"}, "invalid_request"),
        ({"hash": url64(b"short")}, "invalid_request"),
        ({"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}, "invalid_request"),
        ({"description": "line\nbreak"}, "invalid_request"),
        ({"authorization_details": "[[["}, "invalid_request"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
    ],
)
def test_a_bad_request_is_told_to_the_client(
    aydan: Holder, changes: dict[str, str], error: str
) -> None:
    answer = Browser(aydan.service).open(**{**asked(aydan, ONE), **changes})

    told = back_of(answer)
    assert (told["error"], told["state"]) == (error, "s1")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody.test"},
        {"redirect_uri": "https://desk.test/back"},
        {"redirect_uri": BACK + "&more=1"},
        {"redirect_uri": "https://evil.test/"},
        {"redirect_uri": ""},
        {"request_uri": "urn:ietf:params:oauth:request_uri:none"},
    ],
)
def test_to_an_address_that_is_not_the_clients_nothing_is_sent(
    aydan: Holder, changes: dict[str, str]
) -> None:
    answer = Browser(aydan.service).open(**{**asked(aydan, ONE), **changes})

    assert (answer.status_code, "location" in answer.headers) in ((400, False), (403, False))


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
        {"redirect_uri": "https://desk.test/other"},
        {"code": "nothing"},
    ],
)
def test_a_code_is_good_only_for_its_client_address_and_verifier(
    aydan: Holder, changes: dict[str, str]
) -> None:
    code = granted(aydan, ONE)["code"]

    wrong = redeem(aydan.service, **{"code": code, **changes})

    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    if changes.get("code") is None:
        assert redeem(aydan.service, code).status_code == 400  # used up by the trial


def test_a_code_brought_twice_ends_what_the_first_brought(aydan: Holder, service: Service) -> None:
    code = granted(aydan, ONE)["code"]
    first = redeem(service, code).json()["access_token"]

    second = redeem(service, code)

    assert (second.status_code, aydan.sign(first, ONE).status_code) == (400, 403)


def token(service: Service, **fields: str) -> requests.Response:
    return requests.post(f"{service.base_url}/oauth2/token", data=fields, timeout=10)


def test_a_refresh_token_brought_twice_ends_the_family(service: Service, secret: str) -> None:
    del secret
    holder = holder_of(service, "6AUT002", "+994501120002")
    browser = Browser(service)
    browser.open(scope="service")
    browser.send(fin=holder.fin, number="050 112 00 02")
    holder.phone.answer()
    first = redeem(service, browser.wait()["code"]).json()

    def renew(refresh: str) -> dict[str, Any]:
        return token(
            service, grant_type="refresh_token", client_id=CLIENT, refresh_token=refresh
        ).json()

    second = renew(first["refresh_token"])
    stolen = renew(first["refresh_token"])

    assert stolen["error"] == "invalid_grant"
    assert [
        holder.call("credentials/list", token=one["access_token"]).status_code
        for one in (first, second)
    ] == [401, 401]


def test_a_person_without_a_phone_here_gives_nothing_away(service: Service, aydan: Holder) -> None:
    answers = []
    for fin, number in (("6NEXT99", "050 999 99 99"), (aydan.fin, "050 999 99 99")):
        browser = Browser(service)
        browser.open(scope="service")
        answers.append(browser.send(fin=fin, number=number))

    assert len({(one.status_code, one.text.count("problem")) for one in answers}) == 1
    bad = Browser(service)
    bad.open(scope="service")
    shown = bad.send(fin="x", number="050 112 00 01")
    assert (shown.status_code, 'value="050 112 00 01"' in shown.text) == (400, True)


def test_a_body_gets_a_token_for_its_seals_and_only_for_them(
    service: Service, secret: str, aydan: Holder
) -> None:
    answer = token(
        service, grant_type="client_credentials", client_id="body.test", client_secret=secret
    ).json()
    login = requests.post(
        f"{service.base_url}/csc/v1/auth/login", json={}, auth=("body.test", secret), timeout=10
    ).json()

    for bearer in (answer["access_token"], login["access_token"]):
        listed = aydan.call("credentials/list", token=bearer).json()
        other = aydan.call("credentials/info", token=bearer, credentialID=aydan.credential)
        assert (listed, other.status_code) == ({"credentialIDs": ["seal-dyp"]}, 400)
    gone = aydan.call("auth/revoke", token=login["access_token"])
    ended = requests.post(
        f"{service.base_url}/csc/v1/auth/revoke",
        json={"token": login["access_token"]},
        headers={"Authorization": f"Bearer {answer['access_token']}"},
        timeout=10,
    )
    assert (gone.status_code, ended.status_code) == (400, 204)
    assert aydan.call("credentials/list", token=login["access_token"]).status_code == 401


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_id": "body.test", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "body.test"}, 401, "invalid_client"),
        ({"client_id": CLIENT}, 400, "unauthorized_client"),
        ({"client_id": CLIENT, "grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_who_is_no_client_gets_no_token(
    service: Service, secret: str, fields: dict[str, str], status: int, error: str
) -> None:
    del secret
    answer = token(service, **{"grant_type": "client_credentials", **fields})

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_pushed_request_carries_a_thousand_digests_and_is_used_once(
    aydan: Holder, service: Service
) -> None:
    digests = [hashlib.sha256(b"%d" % n).digest() for n in range(1000)]
    pushed = requests.post(
        f"{service.base_url}/csc/v2/oauth2/pushed_authorize",
        data={
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **asked(aydan, *digests),
        },
        timeout=20,
    ).json()
    plain = dict.fromkeys(("response_type", "redirect_uri", "state", "code_challenge"), "")
    browser = Browser(service)
    page = browser.open(**plain, code_challenge_method="", request_uri=pushed["request_uri"])
    again = Browser(service).open(
        **plain, code_challenge_method="", request_uri=pushed["request_uri"]
    )
    browser.send(pin=PIN)
    aydan.phone.answer()
    sad = redeem(service, browser.wait()["code"]).json()["access_token"]

    assert (page.status_code, again.status_code) == (200, 403)
    assert len(aydan.sign(sad, *digests).json()["signatures"]) == 1000


def test_revoked_activation_signs_nothing(aydan: Holder, service: Service) -> None:
    sad = redeem(service, granted(aydan, ONE)["code"]).json()["access_token"]

    ended = requests.post(
        f"{service.base_url}/oauth2/revoke", data={"client_id": CLIENT, "token": sad}, timeout=10
    )

    assert (ended.status_code, aydan.sign(sad, ONE).status_code) == (200, 403)


def test_the_server_describes_itself(service: Service) -> None:
    described = requests.get(
        f"{service.base_url}/.well-known/oauth-authorization-server", timeout=10
    ).json()

    assert (described["issuer"], described["code_challenge_methods_supported"]) == (
        service.base_url,
        ["S256"],
    )
