"""From the application at the counter to the first signature, and back from three wrong PINs."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.simulators.phones.conftest import Owner
from tests.simulators.phones.registration import CHIEF, FIRST, SECOND, Desk
from tests.trust.conftest import Service

from pencere.kernel.errors import Refused
from pencere.trust.mobile import Signed


@pytest.fixture(scope="session")
def desk(service: Service) -> Desk:
    return Desk.of(service)


def waiting(owner: Owner) -> dict[str, Any]:
    for _ in range(400):
        request = owner.look()["request"]
        if request is not None:
            return request
        time.sleep(0.1)
    pytest.fail("no request came")


def new_phone(url: str, **fields: str) -> requests.Response:
    typed = {"pin1": "1234", "pin2": "12345", "puk": "87654321", **fields}
    return requests.post(
        f"{url}/az/new", data=typed, headers={"Accept": "application/json"}, timeout=120
    )


def test_a_person_applies_and_signs_in_with_the_new_phone(
    service: Service, desk: Desk, phones: tuple[str, Path]
) -> None:
    url, folder = phones
    fin, number = "8NEWP11", "+994559990011"
    application = desk.apply(fin, number)
    result = desk.issue(application, FIRST, SECOND)
    typed = {"number": result["number"], "code": result["code"].lower().replace("-", " ")}

    wrong = new_phone(url, number=result["number"], code="0000-0000-0000")
    other_pins = new_phone(url, **typed, pin1="9999")
    done = new_phone(url, **typed)
    again = new_phone(url, **typed)

    assert wrong.json() == {"error": "enrolment.code", "left": 4}
    assert (other_pins.status_code, other_pins.json()["error"]) == (403, "pin.other")
    assert (done.status_code, done.json()["done"]) == (200, True)
    assert again.json() == {"error": "enrolment.used"}  # another phone, other keys
    name = done.json()["name"]
    assert not (folder / name / "handover.json").exists()

    owner = Owner(url, fin, number, name)
    client = service.client()
    session = client.authenticate(fin, number, "Giriş", "az")
    owner.act("confirm", request=waiting(owner)["id"], pin="1234")
    signed = client.poll(session, wait_s=60)
    assert isinstance(signed, Signed)
    assert signed.identity.surname == "Quliyeva"

    listed = desk.post("certificates", {"holder": fin}).json()["certificates"]
    assert {one["profile"] for one in listed} == {"person-authentication", "person-signature"}
    (event,) = {
        (one["history"][0]["kind"], len(one["history"][0]["by"]), one["status"]) for one in listed
    }
    assert event == ("issue", 2, "good")
    found = desk.get(f"applications/{application['id']}").json()
    assert (found["state"], len(found["acts"])) == ("enrolled", 1)
    queried = desk.post("applications/query", {"holder": fin, "state": "enrolled"}).json()
    assert [one["id"] for one in queried["applications"]] == [application["id"]]


def test_five_wrong_codes_end_a_code_and_an_officer_gives_another(
    desk: Desk, phones: tuple[str, Path]
) -> None:
    url, _ = phones
    application = desk.apply("8NEWP22", "+994559990022")
    result = desk.issue(application, FIRST, SECOND)

    answers = [new_phone(url, number=result["number"], code="0" * 12).json() for _ in range(5)]
    late = new_phone(url, number=result["number"], code=result["code"]).json()
    fresh = desk.issue(application, SECOND, act="new-code")
    old = new_phone(url, number=result["number"], code=result["code"]).json()
    done = new_phone(url, number=fresh["number"], code=fresh["code"])

    assert [one.get("left") for one in answers] == [4, 3, 2, 1, None]
    assert (late["error"], old["error"]) == ("enrolment.blocked", "enrolment.code")
    assert done.json()["done"] is True


def test_three_wrong_puks_need_the_office_and_the_pins_still_count(
    service: Service, desk: Desk, owner: Owner
) -> None:
    for _ in range(3):
        blocked = owner.act("unblock", purpose="signature", puk="00000000", pin="54321").json()
    right = owner.act("unblock", purpose="signature", puk="87654321", pin="54321").json()
    (phone,) = desk.post("devices", {"holder": owner.fin}).json()["devices"]
    assert (blocked, right) == (
        {"error": "puk.blocked", "left": 0},
        {"error": "puk.blocked", "left": 0},
    )
    assert (phone["pins"]["puk"], phone["unblocks_left"]) == (
        {"state": "blocked", "tries_left": 0},
        3,
    )

    result = desk.decide(
        "unblock-puk", FIRST, CHIEF, subject=owner.fin, details={"device": phone["id"]}
    )["result"]
    typed = {"pin1": "1234", "pin2": "12345", "puk": "11223344"}
    wrong_pin = owner.act("puk", code=result["code"], **{**typed, "pin2": "99999"}).json()
    wrong_code = owner.act("puk", code="0" * 12, **typed).json()
    done = owner.act("puk", code=result["code"], **typed).json()
    twice = owner.act("puk", code=result["code"], **typed).json()
    opened = owner.act("unblock", purpose="signature", puk="11223344", pin="54321").json()

    assert wrong_pin == {"error": "pin.wrong", "left": 2}
    assert (wrong_code, done) == ({"error": "enrolment.code", "left": 4}, {"done": True})
    assert (twice["error"], opened) == ("enrolment.used", {"done": True})
    (phone,) = desk.post("devices", {"holder": owner.fin}).json()["devices"]
    assert (phone["pins"]["puk"]["state"], phone["unblocks_left"]) == ("ok", 2)
    client = service.client()
    session = client.sign(owner.fin, owner.number, b"\7" * 32, "Ərizə", "az")
    owner.act("confirm", request=waiting(owner)["id"], pin="54321")
    assert isinstance(client.poll(session, wait_s=60), Signed)


def test_a_blocked_pin_is_told_at_once_and_two_officers_open_it(
    service: Service, desk: Desk, owner: Owner
) -> None:
    client = service.client()
    session = client.authenticate(owner.fin, owner.number, "Giriş", "az")
    request = waiting(owner)
    for _ in range(3):
        owner.act("confirm", request=request["id"], pin="0000")
    with pytest.raises(Refused, match=r"mobile\.pin_blocked"):
        client.poll(session, wait_s=60)
    with pytest.raises(Refused, match=r"mobile\.pin_blocked"):
        client.poll(client.authenticate(owner.fin, owner.number, "Giriş", "az"), wait_s=2)

    (phone,) = desk.post("devices", {"holder": owner.fin}).json()["devices"]
    details = {"device": phone["id"], "purpose": "authentication"}
    desk.decide("unblock-pin", FIRST, SECOND, subject=owner.fin, details=details)
    session = client.authenticate(owner.fin, owner.number, "Giriş", "az")
    owner.act("confirm", request=waiting(owner)["id"], pin="1234")
    assert isinstance(client.poll(session, wait_s=60), Signed)


def test_a_held_certificate_signs_nothing_until_it_is_released(
    service: Service, desk: Desk, owner: Owner
) -> None:
    client = service.client()
    listed = desk.post("certificates", {"holder": owner.fin}).json()["certificates"]
    serials = [one["serial"] for one in listed]
    desk.decide("suspend", FIRST, subject=owner.fin, serials=serials)
    with pytest.raises(Refused, match=r"mobile\.no_client"):
        client.poll(client.authenticate(owner.fin, owner.number, "Giriş", "az"), wait_s=2)

    desk.decide("release", FIRST, SECOND, subject=owner.fin, serials=serials)
    session = client.authenticate(owner.fin, owner.number, "Giriş", "az")
    owner.act("confirm", request=waiting(owner)["id"], pin="1234")
    assert isinstance(client.poll(session, wait_s=60), Signed)


def test_renewal_is_for_the_last_month(owner: Owner) -> None:
    answer = owner.act("renew", pin1="1234", pin2="12345", puk="87654321")
    assert (answer.status_code, answer.json()) == (403, {"error": "renewal.early"})


def test_the_page_for_a_new_phone_speaks_three_languages(phones: tuple[str, Path]) -> None:
    url, _ = phones
    for language in ("az", "en", "ru"):
        page = requests.get(f"{url}/{language}/new", timeout=5)
        assert (page.status_code, f'lang="{language}"' in page.text) == (200, True)
    refused = requests.post(f"{url}/en/new", data={"number": "x"}, timeout=10)
    assert (refused.status_code, "8 digits" in refused.text) == (400, True)
