"""Version 2: its names and those of version 1, the phone alone, and whole signatures."""

import asyncio
import base64
import hashlib
import io
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import csc_signer
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from tests.trust.conftest import Service, openssl, write_pem
from tests.trust.remote_world import PIN, Holder, holder_of, leaves, register_clients
from tests.trust.test_seals import empty_pdf

SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA = "1.2.840.10045.4.3.2"
ONE = hashlib.sha256(b"one").digest()


@pytest.fixture(scope="module")
def leyla(service: Service) -> Holder:
    register_clients(service)
    return holder_of(service, "7CSC001", "+994501130001")


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def authorize(holder: Holder, *digests: bytes, **changes: Any) -> Any:
    content = {
        "credentialID": holder.credential,
        "numSignatures": len(digests),
        "hashes": [b64(one) for one in digests],
        "hashAlgorithmOID": SHA256,
        **changes,
    }
    return holder.call("credentials/authorize", version="v2", **content)


def sad_of(holder: Holder, *digests: bytes) -> str:
    """Authorise with the PIN here and the phone there."""
    asked = authorize(holder, *digests, authData=[{"id": "PIN", "value": PIN}])
    assert asked.status_code == 202, asked.text
    holder.phone.answer()
    answer = check(holder, asked.json()["handle"])
    return str(answer.json()["SAD"])


def check(holder: Holder, handle: str) -> Any:
    return holder.call("credentials/authorizeCheck", version="v2", handle=handle)


def sign_doc(holder: Holder, sad: str, **content: Any) -> Any:
    return holder.call(
        "signatures/signDoc", version="v2", credentialID=holder.credential, SAD=sad, **content
    )


def document(content: bytes, kind: str, **changes: str) -> dict[str, str]:
    return {
        "document": b64(content),
        "signature_format": kind,
        "conformance_level": "Ades-B-B",
        "signAlgo": ECDSA,
        **changes,
    }


def test_a_credential_is_described_in_the_words_of_version_2(leyla: Holder) -> None:
    answer = leyla.call(
        "credentials/list", version="v2", credentialInfo=True, certInfo=True, authInfo=True
    ).json()

    (one,) = answer["credentialInfos"]
    assert (answer["credentialIDs"], one["credentialID"], one["SCAL"], one["multisign"]) == (
        [leyla.credential],
        leyla.credential,
        "2",
        1000,
    )
    assert (one["auth"]["mode"], [each["id"] for each in one["auth"]["objects"]]) == (
        "explicit",
        ["PIN", "OTP", "PHONE"],
    )
    assert (one["key"]["algo"], one["cert"]["status"], one["signatureQualifier"]) == (
        [ECDSA],
        "valid",
        "az_qes",
    )


@pytest.mark.parametrize(
    ("version", "methods"), [("v1", ("credentials/sendOTP",)), ("v2", ("signatures/signDoc",))]
)
def test_the_service_says_what_it_can(
    leyla: Holder, version: str, methods: tuple[str, ...]
) -> None:
    answer = leyla.call("info", version=version).json()

    assert set(methods) <= set(answer["methods"])
    assert answer["specs"] == {"v1": "1.0.4.0", "v2": "2.0.0.2"}[version]


def test_the_phone_confirms_instead_of_a_code(leyla: Holder) -> None:
    asked = authorize(leyla, ONE, authData=[{"id": "PIN", "value": PIN}])
    handle = asked.json()["handle"]
    before = check(leyla, handle)
    request = leyla.phone.answer()
    after, again = check(leyla, handle), check(leyla, handle)

    digest = base64.b64decode(request["hash"])
    code = f"{(digest[0] >> 2) << 7 | digest[-1] & 0x7F:04d}"
    assert (asked.status_code, asked.json()["verificationCode"]) == (202, code)
    assert [one.status_code for one in (before, after, again)] == [202, 200, 400]
    assert leyla.sign(after.json()["SAD"], ONE).status_code == 200


def test_a_refusal_on_the_phone_gives_no_activation(leyla: Holder) -> None:
    asked = authorize(leyla, ONE, authData=[{"id": "PIN", "value": PIN}])
    leyla.phone.answer(result="USER_CANCELLED")

    refused = check(leyla, asked.json()["handle"])
    again = check(leyla, asked.json()["handle"])

    assert (refused.status_code, refused.json()) == (
        403,
        {"error": "access_denied", "error_description": "remote.refused"},
    )
    assert again.status_code == 400
    assert b'"reason":"remote.refused"' in leaves(leyla.service, "activation")[-1]


def test_a_code_from_get_challenge_is_taken_at_once(leyla: Holder) -> None:
    sent = leyla.call("credentials/getChallenge", version="v2", credentialID=leyla.credential)
    found = re.search(r"\b\d{6}\b", leyla.phone.waiting()[-1]["text"])
    assert found is not None
    both = [{"id": "PIN", "value": PIN}, {"id": "OTP", "value": found[0]}]
    answer = authorize(leyla, ONE, authData=both)
    leyla.phone.answer()

    assert (sent.status_code, answer.status_code) == (201, 200)
    signed = leyla.call(
        "signatures/signHash",
        version="v2",
        credentialID=leyla.credential,
        SAD=answer.json()["SAD"],
        hashes=[b64(ONE)],
        hashAlgorithmOID=SHA256,
        signAlgo=ECDSA,
    )
    assert len(signed.json()["signatures"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"numSignatures": 2},
        {"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"},
        {"hashAlgorithmOID": "1.2.3"},
        {"hashes": []},
        {"hashes": ["AQ=="]},
        {"hashes": [1]},
        {"authData": "PIN"},
        {"authData": [{"id": "FACE", "value": "x"}]},
        {"credentialID": None},
        {"description": "x" * 501, "authData": [{"id": "PIN", "value": PIN}]},
    ],
)
def test_malformed_requests_ask_no_phone(leyla: Holder, changes: dict[str, Any]) -> None:
    answer = authorize(leyla, ONE, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert leyla.phone.waiting(wait_ms=0) == []


def test_a_missing_or_wrong_pin_is_named(leyla: Holder) -> None:
    wrong = authorize(leyla, ONE, authData=[{"id": "PIN", "value": "999999"}])

    for answer in (authorize(leyla, ONE), wrong):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_pin")
    sad_of(leyla, ONE)  # the tries are three again


def test_unmodified_pyhanko_signs_with_a_persons_key(leyla: Holder, service: Service) -> None:
    """The client's own requests, those of version 1, at the address of version 2."""
    info = csc_signer.CSCServiceSessionInfo(
        service.base_url, leyla.credential, oauth_token=leyla.token, api_ver="v2"
    )

    class Activation(csc_signer.CSCAuthorizationManager):
        async def authorize_signature(self, hash_b64s: list[str]) -> Any:
            request = self.format_csc_auth_request(
                num_signatures=len(hash_b64s), hash_b64s=hash_b64s, pin=PIN, otp=code
            )
            async with session.post(
                info.endpoint_url("credentials/authorize"), json=request, headers=self.auth_headers
            ) as response:
                return self.parse_csc_auth_response(await response.json())

    async def sign() -> bytes:
        nonlocal session
        async with aiohttp.ClientSession() as session:
            credential = await csc_signer.fetch_certs_in_csc_credential(session, info)
            signer = csc_signer.CSCSigner(session, Activation(info, credential))
            metadata = signers.PdfSignatureMetadata(
                field_name="Person", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
            )
            output = await signers.async_sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(empty_pdf())), metadata, signer=signer
            )
            return bytes(output.read())

    session: aiohttp.ClientSession
    code = leyla.code()
    signed = asyncio.run(sign())
    leyla.phone.answer()

    assert judged(signed, service) == [("Quliyeva Aydan", True, True)]


def judged(pdf: bytes, service: Service) -> list[tuple[str, bool, bool]]:
    """Return signer, wholeness and trust of each signature, as pyHanko judges it."""
    context = ValidationContext(
        trust_roots=[
            asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in service.anchors
        ],
        allow_fetching=False,
    )
    found = []
    for signature in PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures:
        status = validate_pdf_signature(signature, context)
        name = status.signing_cert.subject.native["common_name"]
        found.append((name, status.intact and status.valid, status.trusted))
    return found


@pytest.mark.parametrize("level", ["Ades-B-B", "AdES-B-T", "Ades-B-LT", "Ades-B-LTA"])
def test_sign_doc_makes_pades_of_each_level(leyla: Holder, service: Service, level: str) -> None:
    pdf = empty_pdf()
    sad = sad_of(leyla, hashlib.sha256(pdf).digest())

    answer = sign_doc(leyla, sad, documents=[document(pdf, "P", conformance_level=level)])

    assert answer.status_code == 200, answer.text
    signed = base64.b64decode(answer.json()["DocumentWithSignature"][0])
    assert judged(signed, service) == [("Quliyeva Aydan", True, True)]
    assert (b"/DSS" in signed, b"/DocTimeStamp" in signed) == (
        level[-3:] in ("-LT", "LTA"),
        level.endswith("LTA"),
    )


def test_sign_doc_makes_cades_that_openssl_takes(
    leyla: Holder, service: Service, tmp_path: Path
) -> None:
    content = b"a contract\n"
    digest = hashlib.sha256(content).digest()
    sad = sad_of(leyla, digest, digest)

    answer = sign_doc(
        leyla,
        sad,
        documentDigests=[
            {
                "hashes": [b64(digest)],
                "hashAlgorithmOID": SHA256,
                "signature_format": "C",
                "conformance_level": "Ades-B-T",
                "signAlgo": ECDSA,
            }
        ],
        documents=[document(content, "C", signed_envelope_property="Attached")],
    ).json()

    (tmp_path / "content").write_bytes(content)
    root = write_pem(tmp_path / "root.pem", *service.anchors)
    checks = ("-inform", "DER", "-CAfile", root, "-purpose", "any", "-binary", "-out", "/dev/null")
    for name, more in (
        ("SignatureObject", ("-content", str(tmp_path / "content"))),
        ("DocumentWithSignature", ()),
    ):
        signed = tmp_path / name
        signed.write_bytes(base64.b64decode(answer[name][0]))
        openssl("cms", "-verify", "-cades", "-in", str(signed), *checks, *more)
    stamped = cms.ContentInfo.load((tmp_path / "SignatureObject").read_bytes())
    (info,) = stamped["content"]["signer_infos"]
    assert [one["type"].native for one in info["unsigned_attrs"]] == ["signature_time_stamp_token"]


def test_activation_for_one_document_signs_no_other(leyla: Holder) -> None:
    pdf = empty_pdf()
    sad = sad_of(leyla, hashlib.sha256(pdf).digest())

    other = sign_doc(leyla, sad, documents=[document(pdf + b"\n", "P")])
    late = sign_doc(leyla, sad, documents=[document(pdf, "P")])

    assert [one.status_code for one in (other, late)] == [403, 403]


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"signature_format": "X"}, "signature_format"),
        ({"conformance_level": "Ades-B-Z"}, "conformance_level"),
        ({"signed_envelope_property": "Enveloping"}, "signed_envelope_property"),
        ({"signAlgo": "1.2.840.113549.1.1.11"}, "signAlgo"),
        ({"document": "not base64"}, "document"),
    ],
)
def test_a_wish_that_cannot_be_met_costs_no_activation(
    leyla: Holder, entry: dict[str, str], field: str
) -> None:
    answer = sign_doc(leyla, "x" * 43, documents=[document(b"%PDF-", "P") | entry])

    assert (answer.status_code, answer.json()["error_description"]) == (
        400,
        f"request.field {field}",
    )


def test_what_is_no_pdf_is_said_to_be_none(leyla: Holder) -> None:
    content = b"%PDF-1.7 and then nothing"
    sad = sad_of(leyla, hashlib.sha256(content).digest())

    answer = sign_doc(leyla, sad, documents=[document(content, "P")])

    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": "document.not_pdf"},
    )


def test_a_job_in_the_background_is_polled_by_who_asked(leyla: Holder, service: Service) -> None:
    stranger = holder_of(service, "7CSC002", "+994501130002")
    pdf = empty_pdf()
    sad = sad_of(leyla, hashlib.sha256(pdf).digest())

    begun = sign_doc(leyla, sad, documents=[document(pdf, "P")], operationMode="A")
    identifier = begun.json()["responseID"]
    for _ in range(50):
        answer = leyla.call("signatures/signPolling", version="v2", responseID=identifier)
        if answer.status_code != 202:
            break
        time.sleep(0.1)

    assert begun.status_code == 202
    signed = base64.b64decode(answer.json()["DocumentWithSignature"][0])
    assert judged(signed, service) == [("Quliyeva Aydan", True, True)]
    other = stranger.call("signatures/signPolling", version="v2", responseID=identifier)
    assert other.status_code == 400


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_time_stamps_are_given_that_openssl_takes(
    leyla: Holder, service: Service, tmp_path: Path, version: str
) -> None:
    answer = leyla.call(
        "signatures/timestamp",
        version=version,
        hash=b64(hashlib.sha512(b"stamped").digest()),
        hashAlgo="2.16.840.1.101.3.4.2.3",
        nonce="0a1b2c",
    )

    token, data = tmp_path / "token", tmp_path / "data"
    token.write_bytes(base64.b64decode(answer.json()["timestamp"]))
    data.write_bytes(b"stamped")
    root = write_pem(tmp_path / "root.pem", *service.anchors)
    command = ("ts", "-verify", "-data", str(data), "-in", str(token), "-token_in", "-CAfile", root)
    assert "OK" in openssl(*command)
    wrong = leyla.call("signatures/timestamp", version=version, hash=b64(b"short"), hashAlgo=SHA256)
    assert wrong.status_code == 400


def test_the_certificate_is_one_a_strict_verifier_takes(
    leyla: Holder, service: Service, tmp_path: Path
) -> None:
    answer = leyla.call("credentials/info", version="v2", credentialID=leyla.credential).json()
    certificate = x509.load_der_x509_certificate(
        base64.b64decode(answer["cert"]["certificates"][0])
    )
    roots = write_pem(tmp_path / "roots.pem", *service.anchors)
    leaf = write_pem(tmp_path / "leaf.pem", certificate)

    assert "OK" in openssl("verify", "-x509_strict", "-CAfile", roots, leaf)
