"""A person signs in and signs with a phone: real server process, real HTTP, everything verified."""

import base64
import hashlib
import threading
from datetime import timedelta
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tests.trust.conftest import Enrolee, Service, free_port, openssl, write_pem

from pencere.kernel.clock import FixedClock, SystemClock
from pencere.kernel.errors import Invalid, Refused, Unavailable
from pencere.trust import advanced, store
from pencere.trust.devices import CHALLENGE_PREFIX
from pencere.trust.mobile import Identity, Session, Signed, Waiting, verification_code
from pencere.trust.stamping import TimeStampClient

NUMBERS = iter(range(1000000, 9999999))


class Handset:
    """A phone on the wire, as the simulator speaks, without a page or a PIN."""

    def __init__(self, service: Service, enrolee: Enrolee) -> None:
        self._url = service.base_url + "/mid/device"
        self.enrolee = enrolee
        self.token = self._open()

    def _open(self) -> str:
        device = self.enrolee.enrolled.device_id
        challenge = requests.post(self._url + "/challenge", json={"device": device}, timeout=5)
        given = challenge.json()["challenge"]
        proof = self.enrolee.phone.device.sign(
            CHALLENGE_PREFIX + base64.b64decode(given), ec.ECDSA(hashes.SHA256())
        )
        answer = requests.post(
            self._url + "/session",
            json={
                "device": device,
                "challenge": given,
                "signature": base64.b64encode(proof).decode(),
            },
            timeout=5,
        )
        return answer.json()["token"]

    def wait(self) -> dict[str, Any]:
        answer = requests.get(
            self._url + "/requests?timeoutMs=10000",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=20,
        )
        return answer.json()["requests"][0]

    def answer(self, request: dict[str, Any], key: object = None, **content: str) -> int:
        return self.respond(request, key, **content).status_code

    def respond(
        self, request: dict[str, Any], key: object = None, **content: str
    ) -> requests.Response:
        if not content:
            phone = self.enrolee.phone
            key = key or (
                phone.signature if request["kind"] == "signature" else phone.authentication
            )
            digest = base64.b64decode(request["hash"])
            signature = key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
            content = {"result": "OK", "signature": base64.b64encode(signature).decode()}
        return requests.post(
            f"{self._url}/requests/{request['id']}",
            json=content,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=10,
        )


@pytest.fixture
def handset(service: Service) -> Handset:
    number = next(NUMBERS)
    return Handset(service, service.enrol(f"{number}", f"+99450{number}"))


def ask(service: Service, handset: Handset) -> Session:
    person = handset.enrolee.person
    return service.client().authenticate(person.fin, person.phone, "Portala giriş", "az")


def test_a_person_signs_in_with_the_phone(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    request = handset.wait()
    before = service.client().poll(session)
    handset.answer(request)

    signed = service.client().poll(session, wait_s=5)

    assert before == Waiting()
    assert isinstance(signed, Signed)
    assert (
        signed.identity,
        request["relyingParty"],
        request["text"],
        verification_code(base64.b64decode(request["hash"])),
    ) == (
        Identity(handset.enrolee.person.fin, "Quliyeva", "Aydan"),
        "Pəncərə portalı",
        "Portala giriş",
        session.verification_code,
    )


def test_who_waits_hears_at_once(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    request = handset.wait()
    timer = threading.Timer(1.0, handset.answer, [request])
    timer.start()

    signed = service.client().poll(session, wait_s=30)

    assert (type(signed), timer.is_alive()) == (Signed, False)


def test_a_session_survives_being_kept_as_json(service: Service, handset: Handset) -> None:
    session = ask(service, handset)

    assert Session(**session.as_json()) == session


def test_an_application_is_signed_and_openssl_agrees(
    service: Service, handset: Handset, tmp_path: Any
) -> None:
    client, person = service.client(), handset.enrolee.person
    content = b'{"application":"driving licence"}'
    certificate = client.certificate(person.fin, person.phone)
    prepared = advanced.prepare(content, certificate, SystemClock().now())
    session = client.sign(person.fin, person.phone, prepared.digest, "Ərizə", "az")
    handset.answer(handset.wait())
    signed = client.poll(session, wait_s=5)
    assert isinstance(signed, Signed)
    token = TimeStampClient(service.base_url + "/tsa").token(
        advanced.stamp_digest(signed.signature)
    )

    encoded = advanced.assemble(prepared, signed.signature, signed.chain, token)

    found = advanced.verify(encoded, content, service.anchors, SystemClock().now(), client.ocsp)
    assert (found.signer.fin, found.certificate, found.signed_at is not None) == (
        person.fin,
        certificate,
        True,
    )
    (tmp_path / "s.p7s").write_bytes(encoded)
    (tmp_path / "content").write_bytes(content)
    root = write_pem(tmp_path / "root.pem", service.centre.keystore.certificates("root")[0])
    openssl(
        *("cms", "-verify", "-cades", "-inform", "DER", "-in", str(tmp_path / "s.p7s")),
        *("-content", str(tmp_path / "content"), "-binary", "-CAfile", root, "-purpose", "any"),
    )
    with pytest.raises(Refused, match=r"signature\.malformed|signature\.false"):
        advanced.verify(encoded, content + b" ", service.anchors, SystemClock().now())
    broken = bytearray(encoded)
    broken[-40] ^= 1
    with pytest.raises(Refused):
        advanced.verify(bytes(broken), content, service.anchors, SystemClock().now())


def test_a_cancelled_request_is_told_as_such(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    handset.answer(handset.wait(), result="USER_CANCELLED")

    with pytest.raises(Refused, match=r"mobile\.cancelled"):
        service.client().poll(session, wait_s=5)


def test_a_blocked_pin_is_told_as_such(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    handset.answer(handset.wait(), result="SIM_ERROR")

    with pytest.raises(Refused, match=r"mobile\.pin_blocked"):
        service.client().poll(session, wait_s=5)


def test_a_signature_of_another_key_completes_nothing(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    status = handset.answer(handset.wait(), ec.generate_private_key(ec.SECP256R1()))

    with pytest.raises(Refused, match=r"mobile\.signature_false"):
        service.client().poll(session, wait_s=5)
    assert status == 400


def test_a_request_is_answered_once(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    request = handset.wait()

    assert (handset.answer(request), handset.answer(request)) == (200, 409)
    assert isinstance(service.client().poll(session), Signed)


def test_a_phone_cannot_answer_for_another(service: Service, handset: Handset) -> None:
    number = next(NUMBERS)
    other = Handset(service, service.enrol(f"{number}", f"+99450{number}"))
    ask(service, handset)

    assert other.answer(handset.wait(), result="USER_CANCELLED") == 404


def test_a_person_without_a_phone_is_no_client(service: Service) -> None:
    client = service.client()

    with pytest.raises(Refused, match=r"mobile\.no_client"):
        client.poll(client.authenticate("9ZZZZZ9", "+994509999999", "x", "az"))
    with pytest.raises(Refused, match=r"mobile\.no_client"):
        client.certificate("9ZZZZZ9", "+994509999999")


def test_a_certificate_revoked_after_sign_in_signs_nothing(
    service: Service, handset: Handset
) -> None:
    person, client = handset.enrolee.person, service.client()
    service.centre.issuance.revoke(handset.enrolee.signature, store.Reason.KEY_COMPROMISE)

    session = client.sign(person.fin, person.phone, b"\1" * 32, "Ərizə", "az")

    with pytest.raises(Refused, match=r"mobile\.no_client"):
        client.poll(session)


def test_a_certificate_revoked_while_the_person_types_signs_nothing(
    service: Service, handset: Handset
) -> None:
    person, client = handset.enrolee.person, service.client()
    session = client.sign(person.fin, person.phone, b"\1" * 32, "Ərizə", "az")
    request = handset.wait()
    service.centre.issuance.revoke(handset.enrolee.signature, store.Reason.KEY_COMPROMISE)
    status = handset.answer(request)

    with pytest.raises(Refused, match=r"mobile\.no_client"):
        client.poll(session)
    assert status == 400


def test_a_certificate_revoked_after_the_answer_is_refused_by_the_relying_party(
    service: Service, handset: Handset
) -> None:
    session = ask(service, handset)
    handset.answer(handset.wait())
    service.centre.issuance.revoke(handset.enrolee.authentication, store.Reason.KEY_COMPROMISE)

    with pytest.raises(Refused, match=r"certificate\.revoked"):
        service.client().poll(session)


def test_the_answer_to_one_session_is_no_answer_to_another(
    service: Service, handset: Handset
) -> None:
    first = ask(service, handset)
    handset.answer(handset.wait())
    forged = Session(**{**first.as_json(), "digest": hashlib.sha256(b"other").hexdigest()})

    with pytest.raises(Refused, match=r"mobile\.signature_false"):
        service.client().poll(forged)


def test_the_answer_of_one_person_is_not_taken_for_another(
    service: Service, handset: Handset
) -> None:
    session = ask(service, handset)
    handset.answer(handset.wait())

    with pytest.raises(Refused, match=r"mobile\.another_person"):
        service.client().poll(Session(**{**session.as_json(), "fin": "1AAAAA1"}))


class DeadOcsp:
    def check(self, *_: object) -> None:
        raise Unavailable("ocsp.unavailable")


def test_without_status_nobody_is_signed_in(service: Service, handset: Handset) -> None:
    session = ask(service, handset)
    handset.answer(handset.wait())

    with pytest.raises(Unavailable, match=r"ocsp\.unavailable"):
        service.client(ocsp=DeadOcsp()).poll(session)


def test_a_relying_party_whose_clock_is_wrong_believes_nothing(
    service: Service, handset: Handset
) -> None:
    session = ask(service, handset)
    handset.answer(handset.wait())
    behind = FixedClock(SystemClock().now() - timedelta(hours=1))

    with pytest.raises(Refused, match=r"certificate\.expired"):
        service.client(clock=behind).poll(session)


def test_a_relying_party_with_a_wrong_secret_is_refused(service: Service, handset: Handset) -> None:
    person = handset.enrolee.person

    with pytest.raises(Refused, match=r"mobile\.refused"):
        service.client(secret="x" * 43).authenticate(person.fin, person.phone, "x", "az")


def test_a_service_that_is_down_is_unavailable(service: Service) -> None:
    client = service.client()
    client.base_url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(Unavailable, match=r"mobile\.unavailable"):
        client.authenticate("1ABCDE2", "+994501234567", "x", "az")


def test_a_text_that_could_deceive_is_refused(service: Service, handset: Handset) -> None:
    person = handset.enrolee.person

    with pytest.raises(Invalid, match="displayText"):
        service.client().authenticate(person.fin, person.phone, "a\u202eb", "az")


def test_a_phone_that_cannot_prove_itself_gets_no_requests(
    service: Service, handset: Handset
) -> None:
    url = service.base_url + "/mid/device"
    device = handset.enrolee.enrolled.device_id
    given = requests.post(url + "/challenge", json={"device": device}, timeout=5).json()
    forged = ec.generate_private_key(ec.SECP256R1()).sign(
        CHALLENGE_PREFIX + base64.b64decode(given["challenge"]), ec.ECDSA(hashes.SHA256())
    )
    body = {"device": device, **given, "signature": base64.b64encode(forged).decode()}

    statuses = [
        requests.post(url + "/session", json=body, timeout=5).status_code,
        requests.get(url + "/requests", timeout=5).status_code,
        requests.get(
            url + "/requests", headers={"Authorization": f"Bearer {device}"}, timeout=5
        ).status_code,
    ]

    assert statuses == [401, 401, 401]


def test_a_challenge_is_used_once(service: Service, handset: Handset) -> None:
    url, device = service.base_url + "/mid/device", handset.enrolee.enrolled.device_id
    given = requests.post(url + "/challenge", json={"device": device}, timeout=5).json()
    proof = handset.enrolee.phone.device.sign(
        CHALLENGE_PREFIX + base64.b64decode(given["challenge"]), ec.ECDSA(hashes.SHA256())
    )
    body = {"device": device, **given, "signature": base64.b64encode(proof).decode()}

    statuses = [requests.post(url + "/session", json=body, timeout=5).status_code for _ in "ab"]

    assert statuses == [200, 401]


def test_a_fourth_request_at_once_is_not_delivered(service: Service, handset: Handset) -> None:
    for _ in range(3):
        ask(service, handset)

    with pytest.raises(Refused, match=r"mobile\.delivery"):
        service.client().poll(ask(service, handset))
