"""Seals over the wire: unmodified pyHanko signs; activation opens a key once."""

import asyncio
import base64
import hashlib
import io
from typing import Any

import aiohttp
import psycopg
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import csc_signer
from tests.trust.conftest import Service

ECDSA = "1.2.840.10045.4.3.2"


def call(service: Service, path: str, token: str | None = None, **content: Any) -> Any:
    return requests.post(
        f"{service.base_url}/csc/v1/{path}",
        json=content,
        headers={"Authorization": f"Bearer {token or service.seal_token}"},
        timeout=10,
    )


def authorize(service: Service, *digests: bytes, token: str | None = None) -> str:
    given = [base64.b64encode(one).decode() for one in digests]
    answer = call(
        service,
        "credentials/authorize",
        token,
        credentialID="seal-dyp",
        numSignatures=len(given),
        hash=given,
    )
    return answer.json()["SAD"]


def sign(service: Service, activation: str, *digests: bytes, **changes: Any) -> Any:
    content = {
        "credentialID": "seal-dyp",
        "SAD": activation,
        "hash": [base64.b64encode(one).decode() for one in digests],
        "signAlgo": ECDSA,
        **changes,
    }
    return call(service, "signatures/signHash", **content)


def test_authorised_digests_are_signed_in_their_order(service: Service) -> None:
    digests = [hashlib.sha256(bytes([n])).digest() for n in range(5)]

    signatures = sign(service, authorize(service, *digests), *digests).json()["signatures"]

    key = service.centre.keystore.certificates("seal-dyp")[0].public_key()
    for digest, signature in zip(digests, signatures, strict=True):
        key.verify(base64.b64decode(signature), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_activation_is_used_once(service: Service) -> None:
    activation = authorize(service, b"\1" * 32)

    answers = [sign(service, activation, b"\1" * 32) for _ in "ab"]

    assert [one.status_code for one in answers] == [200, 403]
    assert answers[1].json() == {
        "error": "access_denied",
        "error_description": "credential.activation",
    }


def test_activation_is_for_its_digests_alone_and_is_gone_after_a_trial(service: Service) -> None:
    activation = authorize(service, b"\1" * 32)

    statuses = [
        sign(service, activation, b"\2" * 32).status_code,
        sign(service, activation, b"\1" * 32).status_code,
    ]

    assert statuses == [403, 403]


@pytest.mark.parametrize(
    "content",
    [
        {"credentialID": "seal-other", "numSignatures": 1, "hash": ["AQ=="]},
        {"credentialID": "seal-dyp", "numSignatures": 2, "hash": ["AQ=="]},
        {"credentialID": "seal-dyp", "numSignatures": 1, "hash": ["AQ=="]},
        {"credentialID": "seal-dyp", "numSignatures": 1, "hash": ["not base64"]},
        {"credentialID": "seal-dyp", "numSignatures": 0, "hash": []},
        {},
    ],
)
def test_malformed_requests_are_told_so(service: Service, content: dict[str, Any]) -> None:
    answer = call(service, "credentials/authorize", **content)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_stranger_sees_and_signs_nothing(service: Service) -> None:
    paths = ("credentials/list", "credentials/info", "credentials/authorize", "signatures/signHash")

    assert [
        call(service, path, "x" * 43, credentialID="seal-dyp").status_code for path in paths
    ] == [401] * 4


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_unmodified_pyhanko_seals_a_pdf(service: Service, version: str) -> None:
    info = csc_signer.CSCServiceSessionInfo(
        service.base_url, "seal-dyp", oauth_token=service.seal_token, api_ver=version
    )

    class Activation(csc_signer.CSCAuthorizationManager):
        async def authorize_signature(self, hash_b64s: list[str]) -> Any:
            request = self.format_csc_auth_request(
                num_signatures=len(hash_b64s), hash_b64s=hash_b64s
            )
            async with session.post(
                info.endpoint_url("credentials/authorize"), json=request, headers=self.auth_headers
            ) as response:
                return self.parse_csc_auth_response(await response.json())

    async def seal() -> bytes:
        nonlocal session
        async with aiohttp.ClientSession() as session:
            credential = await csc_signer.fetch_certs_in_csc_credential(session, info)
            signer = csc_signer.CSCSigner(session, Activation(info, credential))
            metadata = signers.PdfSignatureMetadata(
                field_name="Seal", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
            )
            stamper = timestamps.HTTPTimeStamper(service.base_url + "/tsa")
            output = await signers.async_sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(empty_pdf())),
                metadata,
                signer=signer,
                timestamper=stamper,
            )
            return output.read()

    session: aiohttp.ClientSession
    sealed = asyncio.run(seal())

    assert b"/ETSI.CAdES.detached" in sealed


def empty_pdf() -> bytes:
    writer = PdfFileWriter()
    stream = writer.add_object(StreamObject(stream_data=b""))
    writer.insert_page(PageObject(contents=stream, media_box=(0, 0, 200, 200)))
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_each_use_of_a_seal_is_a_leaf(service: Service) -> None:
    digest = hashlib.sha256(b"leaf").digest()
    sign(service, authorize(service, digest), digest)

    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        row = connection.execute(
            "select count(*) from ledger.pending where kind = 'seal' and position(%s in entry) > 0",
            (digest.hex().encode(),),
        ).fetchone()
    assert row == (1,)


def test_the_credential_tells_its_certificates_signer_first(service: Service) -> None:
    answer = call(service, "credentials/info", credentialID="seal-dyp", certificates="chain").json()

    subjects = [
        x509.load_der_x509_certificate(base64.b64decode(one))
        .subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0]
        .value
        for one in answer["cert"]["certificates"]
    ]
    assert (subjects, answer["key"]["algo"], answer["SCAL"]) == (
        ["Baş Dövlət Yol Polisi İdarəsi", "Pəncərə Hüquqi Şəxslər Sertifikat Xidməti"],
        [ECDSA],
        "2",
    )
