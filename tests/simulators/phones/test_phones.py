"""A person with a phone: two real processes, the relying party's client, and a browser's forms."""

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from tests.simulators.phones.conftest import Owner
from tests.trust.conftest import Service

from pencere.kernel.errors import Invalid, Refused
from pencere.simulators import phones as package
from pencere.simulators.phones import split
from pencere.simulators.phones.sim import Card, Pins
from pencere.trust.mobile import Signed


def waiting(owner: Owner, *, after: str = "") -> dict[str, Any]:
    """Wait until the phone shows a request, another than `after`, which may stand a moment yet."""
    for _ in range(400):
        request = owner.look()["request"]
        if request is not None and request["id"] != after:
            return request
        time.sleep(0.1)
    pytest.fail("no request came")


def test_signing_in_from_the_page_to_the_verified_identity(service: Service, owner: Owner) -> None:
    client = service.client()
    session = client.authenticate(owner.fin, owner.number, "Portala giriş", "az")
    request = waiting(owner)
    page = owner.page().text

    answer = owner.act("confirm", request=request["id"], pin="1234")
    signed = client.poll(session, wait_s=10)

    assert (request["code"], request["relying_party"], request["text"], request["purpose"]) == (
        session.verification_code,
        "Pəncərə portalı",
        "Portala giriş",
        "authentication",
    )
    assert (f">{session.verification_code}<" in page, "Portala giriş" in page) == (True, True)
    assert answer.json() == {"done": True}
    assert isinstance(signed, Signed)
    assert signed.identity.fin == owner.fin


def test_a_signature_needs_pin2(service: Service, owner: Owner) -> None:
    client = service.client()
    session = client.sign(owner.fin, owner.number, b"\7" * 32, "Ərizə", "az")
    request = waiting(owner)

    with_pin1 = owner.act("confirm", request=request["id"], pin="1234")
    with_pin2 = owner.act("confirm", request=request["id"], pin="12345")

    assert (with_pin1.json(), with_pin2.json()) == (
        {"error": "pin.wrong", "left": 2},
        {"done": True},
    )
    assert isinstance(client.poll(session, wait_s=10), Signed)


def test_a_form_without_scripts_leads_back_to_the_page(service: Service, owner: Owner) -> None:
    service.client().authenticate(owner.fin, owner.number, "Giriş", "az")
    request = waiting(owner)

    answer = owner.press("confirm", request=request["id"], pin="1234")

    assert [one.status_code for one in (*answer.history, answer)] == [303, 200]
    assert "Təsdiq göndərildi" in answer.text


def test_refusing_tells_the_relying_party(service: Service, owner: Owner) -> None:
    client = service.client()
    session = client.authenticate(owner.fin, owner.number, "Giriş", "az")
    owner.act("cancel", request=waiting(owner)["id"])

    with pytest.raises(Refused, match=r"mobile\.cancelled"):
        client.poll(session, wait_s=10)


def test_three_wrong_pins_block_and_the_puk_opens(service: Service, owner: Owner) -> None:
    client = service.client()
    session = client.authenticate(owner.fin, owner.number, "Giriş", "az")
    request = waiting(owner)

    tries = [owner.act("confirm", request=request["id"], pin="0000").json() for _ in range(3)]
    page = owner.page("en").text
    refused = owner.act("unblock", purpose="authentication", puk="11111111", pin="4321")
    malformed = owner.act("unblock", purpose="authentication", puk="87654321", pin="43a1")
    opened = owner.act("unblock", purpose="authentication", puk="87654321", pin="4321")

    assert tries == [
        {"error": "pin.wrong", "left": 2},
        {"error": "pin.wrong", "left": 1},
        {"error": "pin.blocked", "left": 0},
    ]
    assert ("PIN1 is blocked" in page, "87654321" in page) == (True, True)
    with pytest.raises(Refused, match=r"mobile\.pin_blocked"):
        client.poll(session, wait_s=10)
    assert (refused.json(), malformed.json(), opened.json()) == (
        {"error": "puk.wrong", "left": 2},
        {"error": "pin.form", "digits": 4},
        {"done": True},
    )
    session = client.authenticate(owner.fin, owner.number, "Giriş", "az")
    owner.act("confirm", request=waiting(owner, after=request["id"])["id"], pin="4321")
    assert isinstance(client.poll(session, wait_s=10), Signed)


def test_a_request_is_answered_once(service: Service, owner: Owner) -> None:
    service.client().authenticate(owner.fin, owner.number, "Giriş", "az")
    request = waiting(owner)
    owner.act("confirm", request=request["id"], pin="1234")

    assert owner.act("confirm", request=request["id"], pin="1234").json() == {
        "error": "request.over"
    }


def test_the_request_asked_for_last_is_shown_first(service: Service, owner: Owner) -> None:
    client = service.client()
    client.authenticate(owner.fin, owner.number, "Birinci", "az")
    waiting(owner)
    client.authenticate(owner.fin, owner.number, "İkinci", "az")
    for _ in range(50):
        shown = owner.look()
        if shown["further"] == 1:
            break
        time.sleep(0.1)

    assert (shown["request"]["text"], shown["further"]) == ("İkinci", 1)


def test_our_own_page_may_press_a_button(service: Service, owner: Owner) -> None:
    service.client().authenticate(owner.fin, owner.number, "Giriş", "az")

    answer = requests.post(
        f"{owner.url}/az/phones/{owner.name}/cancel",
        data={"request": waiting(owner)["id"]},
        headers={"Origin": owner.url, "Sec-Fetch-Site": "same-origin"},
        timeout=5,
    )

    assert answer.history[0].status_code == 303


def test_a_page_of_another_site_presses_no_button(service: Service, owner: Owner) -> None:
    service.client().authenticate(owner.fin, owner.number, "Giriş", "az")
    request = waiting(owner)

    answer = requests.post(
        f"{owner.url}/az/phones/{owner.name}/cancel",
        data={"request": request["id"]},
        headers={"Origin": "https://elsewhere.example"},
        timeout=5,
    )

    assert (answer.status_code, owner.look()["request"]["id"]) == (403, request["id"])


@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_every_page_is_closed_to_foreign_code(owner: Owner, language: str) -> None:
    answers = [
        owner.page(language),
        requests.get(f"{owner.url}/{language}/", timeout=5),
        requests.get(f"{owner.url}/{language}/phones/nobody", timeout=5),
    ]

    assert [one.status_code for one in answers] == [200, 200, 404]
    for one in answers:
        assert "script-src 'self'" in one.headers["Content-Security-Policy"]
        assert ("style=" in one.text, f'lang="{language}"' in one.text) == (False, True)


def test_texts_are_complete_in_three_languages() -> None:
    texts = yaml.safe_load((Path(package.__file__).parent / "texts.yaml").read_text("utf-8"))

    assert [key for key, value in texts.items() if set(value) != {"az", "en", "ru"}] == []


def test_provisioning_again_keeps_keys_and_pins(tmp_path: Path) -> None:
    card = Card("aydan", "Quliyeva", "Aydan", "+994501000001", "87654321")
    first = split.provision(tmp_path, card, Pins("1001", "20001"), "p")

    again = split.provision(tmp_path, card, Pins("9999", "99999"), "p")
    halves = first.halves or {}
    split.forget_halves(tmp_path, "aydan")
    after = split.provision(tmp_path, card, Pins("9999", "99999"), "p")

    assert (again, after.requests, after.halves) == (first, first.requests, None)
    phone = split.SplitSim(tmp_path / "aydan", "p")
    given = {one: half.share for one, half in halves.items()}
    asked: list[bytes] = []

    def ask(purpose: str, proof: bytes) -> bytes:
        asked.append(proof)
        return given[purpose]

    assert phone.sign("authentication", "1001", b"\1" * 32, "SHA256", ask)
    assert sha256(asked[0]).digest() == halves["authentication"].verifier


def test_the_file_of_a_phone_tells_a_right_pin_from_no_wrong_one(tmp_path: Path) -> None:
    card = Card("aydan", "Quliyeva", "Aydan", "+994501000001", "")
    split.provision(tmp_path, card, Pins("1001", "20001", "87654321"), "p")
    split.forget_halves(tmp_path, "aydan")
    phone = split.SplitSim(tmp_path / "aydan", "p")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "aydan").iterdir())

    for pin in ("1001", "0000"):
        with pytest.raises(Invalid, match=r"phone\.vault"):
            phone.unlock("authentication", pin, lambda _purpose, _proof: bytes(32))
    assert [pin in kept for pin in (b"1001", b"20001", b"87654321")] == [False] * 3


def test_a_vault_that_was_changed_does_not_open(tmp_path: Path) -> None:
    card = Card("aydan", "Quliyeva", "Aydan", "+994501000001", "")
    made = split.provision(tmp_path, card, Pins("1001", "20001"), "p")
    path = tmp_path / "aydan" / "vault.json"
    vault = json.loads(path.read_text("utf-8"))
    vault["pins"]["signature"]["wrapped"] = vault["pins"]["authentication"]["wrapped"]
    path.write_text(json.dumps(vault), "utf-8")
    share = (made.halves or {})["authentication"].share

    with pytest.raises(Invalid, match=r"phone\.vault"):
        split.SplitSim(tmp_path / "aydan", "p").unlock("signature", "20001", lambda _p, _q: share)


def test_a_pin_of_the_wrong_form_is_not_set(tmp_path: Path) -> None:
    card = Card("aydan", "Quliyeva", "Aydan", "+994501000001", "87654321")

    with pytest.raises(Invalid, match=r"pin\.form"):
        split.provision(tmp_path, card, Pins("12", "20001"), "p")
    with pytest.raises(Invalid, match=r"puk\.form"):
        split.provision(tmp_path, card, Pins("1001", "20001", "1"), "p")


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    card = Card("aydan", "Quliyeva", "Aydan", "+994501000001", "87654321")
    split.provision(tmp_path, card, Pins("1001", "20001"), "p")

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "aydan").iterdir()}

    assert modes == {0o600}
