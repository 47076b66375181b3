"""SİMA's container and the calls of its application: what is believed, and what never is."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.trust.conftest import AYDAN, Enrolee, Service

from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid, PencereError, Refused, Unavailable
from pencere.trust import sima, sima_calls
from pencere.trust.sima import Client, Data, Operation, OperationType
from pencere.trust.store import Reason
from pencere.trust.validation import OcspClient

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = "the secret of the tests"
OPERATION = Operation(OperationType.AUTH, "a" * 32, NOW, NOW + timedelta(minutes=5))
CLIENT = Client(
    "7",
    "Pəncərə",
    "https://portal.example/icon.svg",
    "https://portal.example/sima/Callback/",
    "https://portal.example/az/",
    "portal.example",
)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def document_with(signable: str, name: str = "AlgName", algorithm: str = "HMACSHA256") -> bytes:
    """Write a document as another integration does, with the header over its own spacing."""
    header = hmac.digest(
        SECRET.encode(), hashlib.sha256(signable.encode()).digest(), hashlib.sha256
    )
    return (
        f'{{"Header": {{"{name}": "{algorithm}", "Signature": "{b64(header)}"}},'
        f' "SignableContainer" : {signable} }}'
    ).encode()


def signable(**changes: Any) -> str:
    said = json.loads(sima.write(OPERATION, CLIENT, SECRET))["SignableContainer"]
    for path, value in changes.items():
        part, _, name = path.partition("__")
        said[part][name] = value
    return json.dumps(said, indent=1)


def test_what_is_written_is_read_again() -> None:
    data = Data("https://portal.example/x", b"\1" * 32)

    container = sima.read(sima.write(OPERATION, CLIENT, SECRET, data), {"7": SECRET}.__getitem__)

    assert (container.operation, container.client, container.data) == (OPERATION, CLIENT, data)
    assert len(container.code) == 4


def test_a_document_is_written_as_the_public_integration_writes_it() -> None:
    said = json.loads(sima.write(OPERATION, CLIENT, SECRET))

    assert said["SignableContainer"]["ProtoInfo"] == {"Name": "web2app", "Version": "1.3"}
    assert said["SignableContainer"]["OperationInfo"] == {
        "Type": "Auth",
        "OperationId": "a" * 32,
        "NbfUTC": 1795338000,
        "ExpUTC": 1795338300,
        "Assignee": [],
    }
    text = json.dumps(said["SignableContainer"], ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    assert said["Header"] == {
        "AlgName": "HMACSHA256",
        "Signature": b64(hmac.digest(SECRET.encode(), digest, hashlib.sha256)),
    }


@pytest.mark.parametrize("name", ["AlgName", "AlgorithmName"])
def test_both_names_of_the_algorithm_and_any_spacing_are_understood(name: str) -> None:
    container = sima.read(document_with(signable(), name), lambda _client: SECRET)

    assert container.operation == OPERATION


@pytest.mark.parametrize("fault", ["another secret", "changed", "another algorithm"])
def test_a_header_that_is_not_the_clients_is_refused(fault: str) -> None:
    document = document_with(signable())
    if fault == "changed":
        document = document.replace(b"portal.example/sima", b"elsewhere.example/s")
    if fault == "another algorithm":
        document = document_with(signable(), algorithm="HMACMD5")
    secret = "another" if fault == "another secret" else SECRET

    with pytest.raises(Refused) as refusal:
        sima.read(document, lambda _client: secret)

    assert refusal.value.code == "sima.header"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 4000,
        b'{"SignableContainer":' + b"[" * 4000,
        document_with(signable(ProtoInfo__Name="app2app")),
        document_with(signable(ProtoInfo__Version="2.0")),
        document_with(signable(OperationInfo__Type="Transfer")),
        document_with(signable(OperationInfo__NbfUTC="now")),
        document_with(signable(OperationInfo__ExpUTC=1 << 62)),
        document_with(signable(OperationInfo__ExpUTC=float("nan"))),
        document_with(signable(OperationInfo__Assignee="5KQ2R7A")),
        document_with(signable(OperationInfo__Assignee=["x"] * 21)),
        document_with(signable(ClientInfo__ClientName="two\nlines")),
        document_with(signable(ClientInfo__ClientName="x" * 501)),
        document_with(signable()) + b"x",
        document_with(signable()).replace(b'"Signature": "', b'"Signature": "%%'),
        document_with(signable()[:-1] + ', "ProtoInfo": {}}'),
        b"{" + b" " * 5000 + b"}",
    ],
)
def test_what_is_not_a_container_is_refused_with_a_reason(document: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        sima.read(document, lambda _client: SECRET)

    assert refusal.value.code == "sima.container"


def test_a_document_too_large_for_a_link_is_not_written() -> None:
    client = Client("7", "x" * 5000, "", "", "", "")

    with pytest.raises(Invalid):
        sima.write(OPERATION, client, SECRET)


@pytest.mark.parametrize(
    ("after", "code"),
    [(-1, "sima.early"), (0, None), (299, None), (300, "sima.expired"), (10**9, "sima.expired")],
)
def test_an_operation_has_a_beginning_and_an_end(after: int, code: str | None) -> None:
    at = NOW + timedelta(seconds=after)
    if code is None:
        OPERATION.refuse_other_time(at)
        return
    with pytest.raises(Refused) as refusal:
        OPERATION.refuse_other_time(at)
    assert refusal.value.code == code


def test_the_document_comes_back_out_of_the_address_however_the_plus_travelled() -> None:
    document = bytes(range(256))

    address = sima.file_address("https://portal.example/sima/GetFile/", document)
    query = address.partition("?")[2]

    assert sima.document_of(query) == document
    assert sima.document_of("tsquery=" + b64(document)) == document
    assert sima.link("sima://web-to-app", address).startswith("sima://web-to-app?data=https%3A%2F")


@pytest.mark.parametrize("query", ["", "tsquery=%%%", "tsquery=" + "A" * 9000, "a=1&" * 9, "x=AA"])
def test_a_query_without_a_document_is_refused(query: str) -> None:
    with pytest.raises(Invalid):
        sima.read(sima.document_of(query), lambda _client: SECRET)


# The application's calls


def call(key: Any, certificate: x509.Certificate, signed: bytes, **changes: str) -> dict[str, str]:
    return {
        "ts-cert": b64(certificate.public_bytes(serialization.Encoding.DER)),
        "ts-sign": b64(key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        "ts-sign-alg": "SHA256withECDSA",
        **changes,
    }


def body(key: ec.EllipticCurvePrivateKey, data: bytes, **changes: Any) -> bytes:
    said = {
        "Type": "Auth",
        "OperationId": "a" * 32,
        "DataSignature": b64(key.sign(data, ec.ECDSA(hashes.SHA256()))),
        "SignedDataHash": b64(hashlib.sha256(data).digest()),
        "AlgName": "SHA256withECDSA",
    }
    return json.dumps({**said, **changes}).encode()


def self_made(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Make a certificate that says what a person's says, issued by nobody."""
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, f"PNOAZ-{AYDAN.fin}"),
            x509.NameAttribute(x509.NameOID.SURNAME, AYDAN.surname),
            x509.NameAttribute(x509.NameOID.GIVEN_NAME, AYDAN.given_name),
        ]
    )
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


KEY = ec.generate_private_key(ec.SECP256R1())
SELF_MADE = self_made(KEY)


def test_a_call_proves_that_its_sender_holds_the_key() -> None:
    assert sima_calls.certificate_of(call(KEY, SELF_MADE, b"/x?y"), b"/x?y") == SELF_MADE


@pytest.mark.parametrize(
    ("changes", "signed", "kind"),
    [
        ({}, b"/x?z", Refused),
        ({"ts-sign": b64(b"0")}, b"/x?y", Refused),
        ({"ts-sign": ""}, b"/x?y", Invalid),
        ({"ts-sign": "A" * 600}, b"/x?y", Invalid),
        ({"ts-sign-alg": ""}, b"/x?y", Invalid),
        ({"ts-sign-alg": "NONEwithECDSA"}, b"/x?y", Invalid),
        ({"ts-cert": ""}, b"/x?y", Invalid),
        ({"ts-cert": "not base64!"}, b"/x?y", Invalid),
        ({"ts-cert": b64(b"\x30\x84\xff\xff\xff\xff")}, b"/x?y", Invalid),
        ({"ts-cert": b64(b"\x30\x80" * 1000)}, b"/x?y", Invalid),
        ({"ts-cert": "A" * 9000}, b"/x?y", Invalid),
    ],
)
def test_a_call_that_proves_nothing_is_refused(
    changes: dict[str, str], signed: bytes, kind: type[PencereError]
) -> None:
    with pytest.raises(kind):
        sima_calls.certificate_of(call(KEY, SELF_MADE, b"/x?y", **changes), signed)


def test_a_certificate_cut_or_bent_at_any_byte_is_refused_and_never_a_fault() -> None:
    good = SELF_MADE.public_bytes(serialization.Encoding.DER)
    bent = [good[:n] + bytes([good[n] ^ 0x41]) + good[n + 1 :] for n in range(len(good))]

    for encoded in [*bent, *(good[:n] for n in range(1, len(good), 7))]:
        headers = call(KEY, SELF_MADE, b"/", **{"ts-cert": b64(encoded)})
        try:
            sima_calls.certificate_of(headers, b"/")
        except (Invalid, Refused):
            continue
        # Bent where the signature of the issuer covers it: the chain refuses it later.


def test_a_key_of_another_kind_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048)
    now = SystemClock().now()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(Invalid):
        sima_calls.certificate_of(call(KEY, certificate, b"/"), b"/")


def test_an_answer_is_over_the_very_data() -> None:
    answer = sima_calls.read_answer(body(KEY, b"data"))

    answer.refuse_false(SELF_MADE, b"data")
    with pytest.raises(Refused):
        answer.refuse_false(SELF_MADE, b"other data")
    lying = sima_calls.read_answer(
        body(KEY, b"other data", SignedDataHash=b64(hashlib.sha256(b"data").digest()))
    )
    with pytest.raises(Refused):
        lying.refuse_false(SELF_MADE, b"data")


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 4000,
        b" " * 5000,
        b"\xff",
        body(KEY, b"", Type="Pay"),
        body(KEY, b"", OperationId=7),
        body(KEY, b"", OperationId="x" * 101),
        body(KEY, b"", DataSignature=None),
        body(KEY, b"", DataSignature="%"),
        body(KEY, b"", DataSignature="A" * 600),
        body(KEY, b"", SignedDataHash=7),
        body(KEY, b"", AlgName="MD5withRSA"),
        body(KEY, b"", AlgName=None),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(given: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        sima_calls.read_answer(given)

    assert refusal.value.code == "sima.call"


def test_a_person_of_the_centre_is_identified_by_the_key_of_the_purpose(service: Service) -> None:
    aydan = service.enrol("1SMA111", "+994502000001")

    identity, chain = identified(service, aydan.authentication)

    assert (identity.fin, identity.surname) == ("1SMA111", "Quliyeva")
    assert [one.subject for one in chain] == [
        aydan.authentication.subject,
        aydan.authentication.issuer,
    ]


def identified(
    service: Service,
    certificate: x509.Certificate,
    kind: OperationType = OperationType.AUTH,
    **changes: Any,
) -> Any:
    values = {"anchors": service.anchors, "at": SystemClock().now(), "ocsp": OcspClient()}
    return sima_calls.identify(certificate, kind, **{**values, **changes})


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("self made", "certificate.untrusted"),
        ("no anchors", "certificate.untrusted"),
        ("signature key for signing in", "certificate.purpose"),
        ("authentication key for a document", "certificate.purpose"),
        ("expired", "certificate.expired"),
        ("revoked", "certificate.revoked"),
    ],
)
def test_a_certificate_that_samples_would_believe_is_refused(
    service: Service, fault: str, code: str
) -> None:
    aydan = service.enrol("1SMA112", "+994502000002")
    certificate, kind, changes = faulty(service, aydan, fault)

    with pytest.raises(Refused) as refusal:
        identified(service, certificate, kind, **changes)

    assert refusal.value.code == code


def faulty(
    service: Service, aydan: Enrolee, fault: str
) -> tuple[x509.Certificate, OperationType, dict[str, Any]]:
    if fault == "self made":
        return SELF_MADE, OperationType.AUTH, {}
    if fault == "no anchors":
        return aydan.authentication, OperationType.AUTH, {"anchors": []}
    if fault == "signature key for signing in":
        return aydan.signature, OperationType.AUTH, {}
    if fault == "authentication key for a document":
        return aydan.authentication, OperationType.SIGN, {}
    if fault == "expired":
        at = aydan.signature.not_valid_after_utc + timedelta(seconds=1)
        return aydan.signature, OperationType.SIGN, {"at": at}
    service.centre.issuance.revoke(aydan.signature, Reason.KEY_COMPROMISE)
    return aydan.signature, OperationType.SIGN, {}


def test_without_a_status_answer_nobody_gets_in(service: Service) -> None:
    aydan = service.enrol("1SMA113", "+994502000003")

    class Silent:
        def check(self, *_arguments: object) -> None:
            raise Unavailable("ocsp.unavailable")

    with pytest.raises(Unavailable):
        identified(service, aydan.authentication, ocsp=Silent())
