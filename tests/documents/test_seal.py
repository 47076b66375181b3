"""Seals made through the trust service as it runs, and what becomes of them when it does not."""

import asyncio
import base64
import io
import json
import subprocess
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest
from asn1crypto import x509 as asn1_x509
from asn1crypto.ocsp import OCSPResponse
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import DocumentSecurityStore
from pyhanko.sign.validation.ades import ades_with_time_validation
from pyhanko.sign.validation.policy_decl import LocalKnowledge, SignatureValidationSpec
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import OCSPContainer
from tests.documents.conftest import seal, tool
from tests.servers import serving

from pencere.documents.remote import SealService
from pencere.documents.seal import seal_pdf
from pencere.kernel.errors import PencereError
from pencere.trust.store import Reason

NOWHERE = "http://127.0.0.1:9"


def code_of(trust_centre, pdf, **changes):
    arguments = {"service": trust_centre.service, "tsa_url": trust_centre.tsa_url}
    with pytest.raises(PencereError) as refusal:
        seal_pdf(pdf, **(arguments | {"anchors": [trust_centre.root]} | changes))
    return refusal.value.code


@pytest.mark.parametrize("level", ["B-LT", "B-LTA"])
def test_pdfsig_of_poppler_trusts_the_seal(trust_centre, plain, tmp_path, level):
    (tmp_path / "root.pem").write_bytes(trust_centre.root.public_bytes(Encoding.PEM))
    (tmp_path / "sealed.pdf").write_bytes(seal(trust_centre, plain, level=level))
    nss = f"sql:{tmp_path}"
    for command in (
        [tool("certutil"), "-N", "-d", nss, "--empty-password"],
        [*(tool("certutil"), "-A", "-d", nss, "-n", "root", "-t", "CT,C,C"), "-i", "root.pem"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    said = subprocess.run(
        [tool("pdfsig"), "-nssdir", nss, "sealed.pdf"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.partition("Signature #2")[0]

    shown = [line.strip(" -") for line in said.splitlines() if "Validation" in line]
    assert shown == [
        "Signature Validation: Signature is Valid.",
        "Certificate Validation: Certificate is Trusted.",
    ]


def test_a_sealed_document_is_still_archival_and_accessible(sealed):
    assert sealed.count(b"<pdfaid:part>2<") == sealed.count(b"<pdfuaid:part>1<") == 1
    assert b"/SubFilter /ETSI.CAdES.detached" in sealed


def test_what_is_sealed_is_the_document_and_nothing_else(plain, sealed):
    assert sealed.startswith(plain)


def test_a_document_is_not_sealed_twice(trust_centre, sealed):
    assert code_of(trust_centre, sealed) == "seal.sealed_already"


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf_is_not_sealed(trust_centre, content):
    assert code_of(trust_centre, content) == "seal.not_pdf"


def test_a_token_that_is_not_the_bodys_gets_no_seal(trust_centre, plain):
    stranger = replace(trust_centre.service, token="another")

    assert code_of(trust_centre, plain, service=stranger) == "seal.refused"


def test_a_trust_service_that_is_away_can_be_asked_again_later(trust_centre, plain):
    away = SealService(f"{NOWHERE}/csc/v1", "token", "seal-sinaq")

    assert code_of(trust_centre, plain, service=away) == "seal.unavailable"
    assert code_of(trust_centre, plain, tsa_url=f"{NOWHERE}/tsa") == "time_stamp.unavailable"


def test_a_seal_under_another_root_is_not_made(trust_centre, plain):
    other = trust_centre.centre.keystore.signer("issuing-person").certificate

    assert code_of(trust_centre, plain, anchors=[other]) == "seal.untrusted"


def test_a_revoked_seal_makes_no_document(trust_centre, plain):
    service = trust_centre.seal_of("legv")
    trust_centre.centre.issuance.revoke(service.certificates()[0], Reason.KEY_COMPROMISE)

    assert code_of(trust_centre, plain, service=service) == "seal.revoked"


class LyingService(BaseHTTPRequestHandler):
    """Knows the right certificates, and signs with another key."""

    certificates = ()
    signature = b""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        encoded = [base64.b64encode(one.public_bytes(Encoding.DER)) for one in self.certificates]
        answers = {
            "info": {"cert": {"certificates": [one.decode() for one in encoded]}},
            "authorize": {"SAD": "sad"},
            "signHash": {"signatures": [base64.b64encode(self.signature).decode()]},
        }
        content = json.dumps(answers[self.path.rpartition("/")[2]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.mark.parametrize("signature", [b"", b"nonsense", bytes.fromhex("3006020101020101")])
def test_a_signature_of_another_key_is_never_put_into_a_document(trust_centre, plain, signature):
    handler = type(
        "Lying",
        (LyingService,),
        {"certificates": trust_centre.service.certificates(), "signature": signature},
    )
    with serving(handler) as port:
        lying = SealService(f"http://127.0.0.1:{port}/csc/v1", "token", "seal-sinaq")

        assert code_of(trust_centre, plain, service=lying) == "seal.signature"


def test_the_validation_of_pyhanko_with_time_passes(trust_centre, sealed):
    # EN 319 102-1 section 5.5, by an engine that reads the evidence we give it and no more.
    reader = PdfFileReader(io.BytesIO(sealed))
    store = DocumentSecurityStore.read_dss(reader)
    roots = [asn1_x509.Certificate.load(trust_centre.root.public_bytes(Encoding.DER))]
    answers = [
        OCSPContainer.load_multi(OCSPResponse.load(one.get_object().data)) for one in store.ocsps
    ]
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=roots),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy.from_legacy("require")),
    )
    knowledge = LocalKnowledge(
        known_ocsps=[one for found in answers for one in found],
        known_certs=list(store.load_certs()),
    )
    (signature,) = reader.embedded_signatures

    result = asyncio.run(
        ades_with_time_validation(
            signature.signed_data,
            SignatureValidationSpec(policy, local_knowledge=knowledge),
            raw_digest=signature.compute_digest(),
        )
    )

    assert result.ades_subindic is AdESPassed.OK
