"""Every request is a JWS of its own, used once. RFC 8555 section 6."""

import json
import socket

import pytest
import requests
from tests.trust.acme.client import ERROR, Client, b64, jws, nonce, post, signed
from tests.trust.acme.listener import Listener


def test_a_replayed_request_is_refused(resident: Client) -> None:
    url = resident.acme.directory["newOrder"]
    content = {"identifiers": [{"type": "ip", "value": "127.0.0.1"}]}
    once = jws(
        resident.key,
        json.dumps(content).encode(),
        url,
        kid=resident.net.account.uri,
        nonce=nonce(resident),
    )

    answers = [post(resident, url, once) for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 400]
    assert answers[1].json()["type"] == ERROR + "badNonce"
    assert answers[1].headers["Replay-Nonce"] != answers[0].headers["Replay-Nonce"]


@pytest.mark.parametrize(
    ("header", "kind", "status"),
    [
        ({"nonce": "AAAA"}, "badNonce", 400),
        ({"nonce": b64(b"x" * 40)}, "badNonce", 400),
        ({"nonce": None}, "malformed", 400),
        ({"url": "https://127.0.0.1:1/acme/new-order"}, "unauthorized", 403),
        ({"alg": "none"}, "badSignatureAlgorithm", 400),
        ({"alg": "HS256"}, "badSignatureAlgorithm", 400),
        ({"alg": "RS256"}, "badSignatureAlgorithm", 400),
        ({"crit": ["exp"]}, "malformed", 400),
        ({"kid": "https://127.0.0.1:1/acme/account/x"}, "accountDoesNotExist", 400),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, "malformed", 400),
        ({"kid": None}, "malformed", 400),
    ],
)
def test_a_header_that_is_not_right_is_refused(
    resident: Client, header: dict[str, object], kind: str, status: int
) -> None:
    content = {"identifiers": [{"type": "ip", "value": "127.0.0.1"}]}

    answer = signed(resident, "newOrder", content, **header)

    assert (answer.status_code, answer.json()["type"]) == (status, ERROR + kind)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/jose+json", 400),
        (b"[]", "application/jose+json", 400),
        (b"{}", "application/jose+json", 400),
        (b"[" * 50_000, "application/jose+json", 400),
        (b"\xff\xfe", "application/jose+json", 400),
        (
            b'{"protected":"e30","payload":"","signature":"AA","header":{}}',
            "application/jose+json",
            400,
        ),
        (
            b'{"protected":"e30","protected":"e30","payload":"","signature":"AA"}',
            "application/jose+json",
            400,
        ),
        (b"{}", "application/json", 415),
        (b"x" * 70_000, "application/jose+json", 413),
        (b"x" * 200_000, "application/jose+json", 413),
    ],
)
def test_bodies_that_are_no_jws_are_refused(
    resident: Client, body: bytes, content_type: str, status: int
) -> None:
    url = resident.acme.directory["newOrder"]

    assert post(resident, url, body, content_type).status_code == status


def test_a_changed_letter_breaks_the_signature(resident: Client) -> None:
    url = resident.acme.directory["newOrder"]
    content = jws(resident.key, b"{}", url, kid=resident.net.account.uri, nonce=nonce(resident))
    letter = "A" if content["signature"][10] != "A" else "B"
    content["signature"] = content["signature"][:10] + letter + content["signature"][11:]

    answer = post(resident, url, content)

    assert (answer.status_code, answer.json()["type"]) == (403, ERROR + "unauthorized")


def test_refusals_are_in_the_readers_language(resident: Client) -> None:
    url = resident.acme.directory["newOrder"]
    said = {}
    for language in ("az", "ru", "de"):
        answer = requests.post(
            url,
            data=b"{}",
            headers={"Content-Type": "application/jose+json", "Accept-Language": language},
            verify=str(resident.listener.anchors),
            timeout=5,
        )
        said[language] = (answer.headers["Content-Language"], answer.json()["detail"][:20])

    assert said == {
        "az": ("az", "Sorğu düzgün imzalan"),
        "ru": ("ru", "Запрос не является п"),
        "de": ("az", "Sorğu düzgün imzalan"),
    }


def test_raw_noise_on_the_port_harms_nobody(listener: Listener, resident: Client) -> None:
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 500, b""):
        with socket.create_connection(("127.0.0.1", listener.machines.config.port), 5) as link:
            link.sendall(noise)

    assert signed(resident, "newOrder", {}).status_code == 400
