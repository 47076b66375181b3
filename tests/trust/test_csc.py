"""A person's key in the centre: two factors, one use, and nothing else opens it."""

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from tests.trust.conftest import Service
from tests.trust.remote_world import (
    PIN,
    Holder,
    begin,
    enrol,
    holder_of,
    leaves,
    portal,
    register_clients,
)

from pencere.kernel.errors import Invalid
from pencere.trust.remote import vault
from pencere.trust.remote.wrapping import KEY_NAME, WrappingKey
from pencere.trust.signers import SoftwareSigner
from pencere.trust.store import Reason

ONE, TWO = hashlib.sha256(b"one").digest(), hashlib.sha256(b"two").digest()


@pytest.fixture(scope="module", autouse=True)
def _clients(service: Service) -> None:
    register_clients(service)


@pytest.fixture(scope="module")
def aydan(service: Service, _clients: None) -> Holder:
    return holder_of(service, "5REM001", "+994501110001")


def certificate_of(holder: Holder) -> x509.Certificate:
    answer = holder.call(
        "credentials/info", credentialID=holder.credential, certificates="chain"
    ).json()
    return x509.load_der_x509_certificate(base64.b64decode(answer["cert"]["certificates"][0]))


def test_pin_and_code_let_exactly_the_authorised_digests_be_signed(aydan: Holder) -> None:
    sad = aydan.authorize(ONE, TWO).json()["SAD"]

    signatures = aydan.sign(sad, ONE, TWO).json()["signatures"]

    key = certificate_of(aydan).public_key()
    for digest, signature in zip((ONE, TWO), signatures, strict=True):
        key.verify(base64.b64decode(signature), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_the_certificate_names_the_person_and_claims_no_device(aydan: Holder) -> None:
    certificate = certificate_of(aydan)
    subject = {one.oid: one.value for one in certificate.subject}
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value

    assert (
        subject[x509.NameOID.SERIAL_NUMBER],
        usage.content_commitment,
        usage.digital_signature,
    ) == (
        "PNOAZ-5REM001",
        True,
        False,
    )
    statements = certificate.extensions.get_extension_for_oid(
        x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
    ).value.value
    assert bytes.fromhex("06060400 8e460104") not in statements


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_list_has_the_persons_keys_and_no_others(aydan: Holder, version: str) -> None:
    answer = aydan.call("credentials/list", version=version).json()

    assert answer == {"credentialIDs": [aydan.credential]}


def test_activation_is_used_once_by_whoever_comes_first(aydan: Holder) -> None:
    sad = aydan.authorize(ONE).json()["SAD"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: aydan.sign(sad, ONE).status_code, range(8)))

    assert sorted(answers) == [200] + [403] * 7


def test_other_digests_use_the_activation_up(aydan: Holder) -> None:
    sad = aydan.authorize(ONE).json()["SAD"]

    assert [aydan.sign(sad, TWO).status_code, aydan.sign(sad, ONE).status_code] == [403, 403]


def test_the_order_of_digests_is_part_of_what_was_authorised(aydan: Holder) -> None:
    sad = aydan.authorize(ONE, TWO).json()["SAD"]

    assert aydan.sign(sad, TWO, ONE).status_code == 403


def _row(service: Service, sad: str) -> bytes | None:
    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        row = connection.execute(
            "select sealed from trust.activation where sha256 = %s",
            (hashlib.sha256(sad.encode()).digest(),),
        ).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def test_what_opens_the_key_is_gone_after_its_use(aydan: Holder, service: Service) -> None:
    sad = aydan.authorize(ONE).json()["SAD"]
    before = _row(service, sad)
    aydan.sign(sad, ONE)

    assert (before is not None, _row(service, sad)) == (True, None)


def test_activation_of_one_person_opens_no_key_of_another(aydan: Holder, service: Service) -> None:
    other = holder_of(service, "5REM002", "+994501110002")
    sad = aydan.authorize(ONE).json()["SAD"]

    assert [
        other.sign(sad, ONE).status_code,
        other.sign(sad, ONE, credentialID=aydan.credential).status_code,
        aydan.sign(sad, ONE).status_code,
    ] == [403, 400, 200]


def test_a_person_does_not_learn_whether_a_key_is_there(aydan: Holder, service: Service) -> None:
    answers = [
        aydan.call("credentials/info", credentialID=one)
        for one in ("seal-dyp", "r-AAAAAAAAAAAAAAAAAAAAAA", "nothing")
    ]

    assert {(one.status_code, one.text) for one in answers} == {
        (400, '{"error":"invalid_request","error_description":"credential.other"}')
    }


def test_the_third_wrong_pin_blocks_and_the_puk_opens_again(service: Service) -> None:
    holder = holder_of(service, "5REM003", "+994501110003")

    wrong = [holder.authorize(ONE, pin="999999").json()["error_description"] for _ in range(3)]
    blocked = holder.authorize(ONE)
    answer = requests.post(
        f"{service.base_url}/remote/pin",
        data={
            "credential": holder.credential,
            "puk": holder.puk,
            "pin": "314159",
            "again": "314159",
        },
        timeout=20,
    )
    opened = holder.authorize(ONE, pin="314159")

    assert wrong == ["remote.pin_wrong", "remote.pin_wrong", "remote.pin_blocked"]
    assert (blocked.status_code, blocked.json()) == (
        400,
        {"error": "invalid_pin", "error_description": "remote.pin_blocked"},
    )
    assert (answer.status_code, opened.status_code) == (200, 200)
    assert holder.authorize(ONE).json()["error"] == "invalid_pin"


def test_an_act_gives_three_tries_again_and_leaves_the_pin(service: Service) -> None:
    holder = holder_of(service, "5REM004", "+994501110004")
    for _ in range(3):
        holder.authorize(ONE, pin="999999")
    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        at = service.centre.issuance.clock.now()
        vault.unblock(connection, holder.credential, act="act-1", at=at)

    assert holder.authorize(ONE).status_code == 200


def test_many_wrong_pins_at_once_are_three_tries(service: Service) -> None:
    holder = holder_of(service, "5REM005", "+994501110005")
    conninfo, keys = service.centre.issuance.conninfo, service.centre.keystore
    wrapping = WrappingKey(keys.signer(KEY_NAME))

    def guess(pin: str) -> str:
        with psycopg.connect(conninfo) as connection:
            try:
                vault.open_with_pin(connection, wrapping, holder.credential, pin)
            except Exception as error:
                return getattr(error, "code", "?")
        return "open"

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(guess, [f"80000{n}" for n in range(8)]))

    assert found == ["remote.pin_blocked"] * 6 + ["remote.pin_wrong"] * 2


def test_a_wrong_late_used_or_refused_code_is_no_code(aydan: Holder) -> None:
    code = aydan.code()
    wrong = aydan.authorize(ONE, code="000000" if code != "000000" else "000001")
    code = aydan.code()
    right = aydan.authorize(ONE, code=code)
    again = aydan.authorize(ONE, code=code)
    code = aydan.code()
    aydan.phone.answer(result="USER_CANCELLED")
    refused = aydan.authorize(ONE, code=code)

    assert [one.status_code for one in (wrong, right, again, refused)] == [400, 200, 400, 400]
    assert {one.json()["error"] for one in (wrong, again, refused)} == {"invalid_otp"}


def test_an_extension_is_for_the_same_digests_or_some_of_them(aydan: Holder) -> None:
    def extend(sad: str, *digests: bytes) -> requests.Response:
        given = {"hash": [base64.b64encode(one).decode() for one in digests]} if digests else {}
        return aydan.call(
            "credentials/extendTransaction", credentialID=aydan.credential, SAD=sad, **given
        )

    first = aydan.authorize(ONE, TWO).json()["SAD"]
    second = extend(first).json()["SAD"]
    third = extend(second, TWO).json()["SAD"]
    beyond = extend(third, ONE)

    assert [aydan.sign(one, ONE, TWO).status_code for one in (first, second)] == [403, 403]
    assert (beyond.status_code, aydan.sign(third, TWO).status_code) == (403, 200)


def test_a_revoked_certificate_signs_nothing_and_its_key_is_destroyed(service: Service) -> None:
    holder = holder_of(service, "5REM006", "+994501110006")
    sad = holder.authorize(ONE).json()["SAD"]
    service.centre.issuance.revoke(certificate_of(holder), Reason.KEY_COMPROMISE)

    signing, authorizing = holder.sign(sad, ONE), holder.authorize(ONE, code="123456")

    assert (signing.status_code, authorizing.status_code) == (400, 400)
    for _ in range(50):
        with psycopg.connect(service.centre.issuance.conninfo) as connection:
            row = connection.execute(
                "select sealed_key is null from trust.remote_credential where id = %s",
                (holder.credential,),
            ).fetchone()
        if row == (True,):
            break
        time.sleep(0.1)
    assert row == (True,)


def test_a_certificate_on_hold_signs_nothing_until_it_is_released(service: Service) -> None:
    holder = holder_of(service, "5REM007", "+994501110007")
    sad = holder.authorize(ONE).json()["SAD"]
    serial = certificate_of(holder).serial_number.to_bytes(16, "big")

    def act(name: str, reason: int | None) -> None:
        with psycopg.connect(service.centre.issuance.conninfo) as connection:
            connection.execute(
                "insert into trust.status_event (serial, act, at, reason)"
                " values (%s, %s, now(), %s)",
                (serial, name, reason),
            )

    act("held", 6)
    held = holder.sign(sad, ONE)
    status = holder.call("credentials/info", credentialID=holder.credential).json()["cert"][
        "status"
    ]
    act("released", None)
    released = holder.sign(holder.authorize(ONE).json()["SAD"], ONE)

    assert (held.status_code, status, released.status_code) == (400, "suspended", 200)


def test_an_rsa_key_signs_with_each_scheme_it_offers(service: Service) -> None:
    holder = holder_of(service, "5REM008", "+994501110008", algorithm="RSA-3072")
    key, digest = certificate_of(holder).public_key(), hashlib.sha512(b"rsa").digest()

    plain = holder.sign(
        holder.authorize(digest).json()["SAD"], digest, signAlgo="1.2.840.113549.1.1.13"
    ).json()["signatures"][0]
    pss = holder.sign(
        holder.authorize(ONE).json()["SAD"],
        ONE,
        signAlgo="1.2.840.113549.1.1.10",
        hashAlgo="2.16.840.1.101.3.4.2.1",
    ).json()["signatures"][0]

    whole = utils.Prehashed(hashes.SHA512())
    key.verify(base64.b64decode(plain), digest, padding.PKCS1v15(), whole)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.verify(base64.b64decode(pss), ONE, scheme, utils.Prehashed(hashes.SHA256()))
    mixed = holder.sign(holder.authorize(ONE).json()["SAD"], ONE)
    assert (mixed.status_code, mixed.json()["error_description"]) == (400, "request.field signAlgo")


def test_a_thousand_digests_are_signed_in_one_call(aydan: Holder) -> None:
    digests = [hashlib.sha256(b"%d" % n).digest() for n in range(1000)]

    signatures = aydan.sign(aydan.authorize(*digests).json()["SAD"], *digests).json()["signatures"]

    assert (len(signatures), len(set(signatures))) == (1000, 1000)
    too_many = aydan.authorize(*digests, ONE, code="123456")
    assert too_many.status_code == 400


def test_each_step_is_a_leaf_and_none_names_the_person(aydan: Holder, service: Service) -> None:
    before = len(leaves(service, "activation"))
    sad = aydan.authorize(ONE).json()["SAD"]
    aydan.sign(sad, ONE)
    aydan.sign(sad, ONE)
    aydan.authorize(ONE, pin="999999")

    found = [json.loads(one) for one in leaves(service, "activation")[before:]]
    assert [one["event"] for one in found] == ["issued", "refused", "declined"]
    salt = hashlib.sha256(sad.encode()).digest()
    used = json.loads(leaves(service, "signature")[-1])
    assert (used["activation"], used["digests"], used["credential"]) == (
        salt.hex(),
        [hashlib.sha256(salt + ONE).hexdigest()],
        hashlib.sha256(salt + aydan.credential.encode()).hexdigest(),
    )
    said = b"".join(leaves(service, "activation") + leaves(service, "signature"))
    assert [
        word.encode() in said for word in ("5REM001", "Quliyeva", "994501110001", aydan.credential)
    ] == [False] * 4
    assert aydan.authorize(ONE).status_code == 200  # three tries again


def test_neither_database_nor_keystore_alone_opens_a_key(aydan: Holder, service: Service) -> None:
    """What is in the database, with the PIN but another wrapping key; and without the PIN."""
    stranger = WrappingKey(SoftwareSigner(rsa.generate_private_key(65537, 3072), ()))
    ours = WrappingKey(service.centre.keystore.signer(KEY_NAME))
    codes = []
    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        for wrapping, pin in ((stranger, PIN), (ours, "000001")):
            try:
                vault.open_with_pin(connection, wrapping, aydan.credential, pin)
            except Exception as error:
                codes.append(getattr(error, "code", "?"))
        own = vault.open_with_pin(connection, ours, aydan.credential, PIN)
        key = vault.private_key(connection, aydan.credential, own)

    assert codes == ["remote.pin_wrong"] * 2
    assert key.public_key() == certificate_of(aydan).public_key()


def test_a_row_of_activation_that_was_changed_opens_nothing(
    aydan: Holder, service: Service, postgres: object
) -> None:
    """Whoever can write the database cannot make old consent into consent to something else."""
    sad = aydan.authorize(ONE).json()["SAD"]
    name = psycopg.conninfo.conninfo_to_dict(service.centre.issuance.conninfo)["dbname"]
    with psycopg.connect(postgres.superuser_url(name)) as connection:
        connection.execute(
            "update trust.activation set digests = %s where sha256 = %s",
            ([TWO], hashlib.sha256(sad.encode()).digest()),
        )

    assert (aydan.sign(sad, TWO).status_code, _row(service, sad)) == (403, None)


def test_the_centre_dates_activation_and_refuses_it_late(
    aydan: Holder, service: Service, postgres: object
) -> None:
    sad = aydan.authorize(ONE).json()["SAD"]
    name = psycopg.conninfo.conninfo_to_dict(service.centre.issuance.conninfo)["dbname"]
    with psycopg.connect(postgres.superuser_url(name)) as connection:
        connection.execute(
            "update trust.activation set expires_at = now() - interval '1 second'"
            " where sha256 = %s",
            (hashlib.sha256(sad.encode()).digest(),),
        )

    assert aydan.sign(sad, ONE).status_code == 403


@pytest.mark.parametrize(
    "pin", ["12345", "1234567890123", "111111", "123456", "654321", "12a456", "٣٤٥٦٧٨"]
)
def test_a_weak_pin_is_not_taken(pin: str) -> None:
    with pytest.raises(Invalid, match=r"^remote\.pin$"):
        vault.refuse_weak_pin(pin)


def test_the_page_of_an_enrolment_tells_what_to_mend_and_is_used_once(service: Service) -> None:
    page = begin(service, service.enrol("5REM009", "+994501110009"))

    shown = requests.get(page, timeout=10)
    differ = requests.post(page, data={"pin": PIN, "again": "270518"}, timeout=20)
    weak = requests.post(f"{page}?lang=en", data={"pin": "111111", "again": "111111"}, timeout=20)
    made = requests.post(page, data={"pin": PIN, "again": PIN}, timeout=20)
    again = requests.post(page, data={"pin": PIN, "again": PIN}, timeout=20)

    assert [one.status_code for one in (shown, differ, weak, made, again)] == [
        200,
        400,
        400,
        200,
        403,
    ]
    assert "İki PIN kodu fərqlidir" in differ.text
    assert "6 to 12 digits, and not like 111111" in weak.text
    assert shown.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
        " frame-ancestors 'none';"
        " form-action 'self'"
    )
    assert [PIN in one.text for one in (differ, weak, made, again)] == [False] * 4


def test_an_enrolment_needs_the_persons_own_signature(service: Service) -> None:
    one, other = (
        service.enrol("5REM010", "+994501110010"),
        service.enrol("5REM011", "+994501110011"),
    )
    begun = portal(
        service,
        "enrolments",
        nationalIdentityNumber="5REM010",
        returnURI="https://portal.test/az/remote-keys/",
    ).json()
    digest = base64.b64decode(begun["hash"])
    prehashed = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
    statuses = []
    for signer, certificate in (
        (other.phone.signature, other.enrolled.signature),
        (other.phone.signature, one.enrolled.signature),
        (one.phone.authentication, one.enrolled.authentication),
        (one.phone.signature, one.enrolled.signature),
        (one.phone.signature, one.enrolled.signature),
    ):
        answer = portal(
            service,
            f"enrolments/{begun['enrolmentID']}/proof",
            certificate=base64.b64encode(certificate).decode(),
            signature=base64.b64encode(signer.sign(digest, prehashed)).decode(),
        )
        statuses.append(answer.status_code)

    assert statuses == [403, 403, 403, 200, 404]


def test_a_portal_may_return_only_to_its_own_address(service: Service) -> None:
    service.enrol("5REM012", "+994501110012")

    answer = portal(
        service,
        "enrolments",
        nationalIdentityNumber="5REM012",
        returnURI="https://portal.test.evil/az/remote-keys/",
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "client.redirect_uri")


def test_the_portal_lists_a_persons_keys(service: Service) -> None:
    enrolee, credential, _ = enrol(service, "5REM013", "+994501110013")

    found = portal(service, "credentials", nationalIdentityNumber=enrolee.person.fin).json()

    (one,) = found["credentials"]
    assert (one["credentialID"], one["status"], one["blocked"], one["keyAlgorithm"]) == (
        credential,
        "valid",
        False,
        "P-256",
    )
