"""The service as a whole: what it publishes, refuses and tells of itself."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from starlette.routing import Route
from tests.trust.conftest import Service, openssl, write_pem

from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Refused
from pencere.trust import signed_json
from pencere.trust.server import (
    consent,
    csc,
    csc_v2,
    device,
    log,
    mid,
    oauth2,
    practice,
    ra,
    remote,
    status,
    trusted_list,
)
from pencere.trust.server.app import openapi_document
from pencere.trust.validation import OcspClient, validate_chain


def certificates(service: Service, name: str) -> list[x509.Certificate]:
    return service.centre.keystore.certificates(name)


def test_openssl_asks_the_running_service(service: Service, tmp_path: Path) -> None:
    leaf, issuer = certificates(service, "seal-dyp")
    root = write_pem(tmp_path / "root.pem", certificates(service, "root")[0])
    above = write_pem(tmp_path / "issuer.pem", issuer)

    said = openssl(
        *("ocsp", "-issuer", above, "-cert", write_pem(tmp_path / "leaf.pem", leaf)),
        *("-url", service.base_url + "/ocsp", "-CAfile", root, "-verify_other", above),
    )

    assert ("Response verify OK" in said, "leaf.pem: good" in said) == (True, True)


def test_a_request_in_the_address_is_answered_too(service: Service) -> None:
    leaf, issuer = certificates(service, "seal-dyp")
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).build()
    text = base64.b64encode(request.public_bytes(Encoding.DER)).decode()

    answers = [
        requests.get(f"{service.base_url}/ocsp/{one}", timeout=5)
        for one in (text, requests.utils.quote(text, safe=""))
    ]

    assert [ocsp.load_der_ocsp_response(one.content).certificate_status for one in answers] == [
        ocsp.OCSPCertStatus.GOOD
    ] * 2


def test_openssl_verifies_with_the_published_lists(service: Service, tmp_path: Path) -> None:
    leaf, issuer = certificates(service, "seal-dyp")
    lists = tmp_path / "lists.pem"
    lists.write_bytes(
        b"".join(
            x509.load_der_x509_crl(
                requests.get(f"{service.base_url}/crl/{name}.crl", timeout=5).content
            ).public_bytes(Encoding.PEM)
            for name in ("root", "issuing-seal")
        )
    )
    root = x509.load_der_x509_certificate(
        requests.get(f"{service.base_url}/ca/root.crt", timeout=5).content
    )

    openssl(
        *("verify", "-x509_strict", "-crl_check_all", "-CRLfile", str(lists)),
        *("-CAfile", write_pem(tmp_path / "root.pem", root)),
        *("-untrusted", write_pem(tmp_path / "issuer.pem", issuer)),
        write_pem(tmp_path / "leaf.pem", leaf),
    )


def test_the_service_is_healthy_and_counts(service: Service) -> None:
    health = requests.get(service.base_url + "/healthz", timeout=5).json()
    figures = requests.get(service.base_url + "/metrics", timeout=5).text

    assert health["healthy"] is True
    assert 'pencere_trust_answers_total{route="healthz",status="200"}' in figures


PUBLIC = (
    *(consent, csc, csc_v2, device, log, mid, oauth2, practice, ra),
    *(remote, status, trusted_list),
)


def test_the_document_names_every_route() -> None:
    served = {
        (route.path.replace(":path", ""), method.lower())
        for module in PUBLIC
        for route in module.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    documented = {
        (path, method) for path, item in openapi_document()["paths"].items() for method in item
    }

    assert documented - served == {
        ("/healthz", "get"),
        ("/metrics", "get"),
        ("/openapi.json", "get"),
    }
    assert served - documented == set()


@pytest.mark.parametrize(
    ("path", "body", "content_type", "expected"),
    [
        ("/ocsp", b"x" * 20_000, "application/ocsp-request", 413),
        ("/tsa", b"x" * 20_000, "application/timestamp-query", 413),
        ("/tsa", b"x", "text/plain", 400),
        ("/mid/authentication", b"{", "application/json", 400),
        ("/mid/authentication", b"[" * 100_000, "application/json", 400),
        ("/mid/authentication", b"x" * 300_000, "application/json", 413),
        ("/csc/v1/credentials/info", b"null", "application/json", 400),
    ],
)
def test_hostile_bodies_are_refused(
    service: Service, path: str, body: bytes, content_type: str, expected: int
) -> None:
    answer = requests.post(
        service.base_url + path,
        data=body,
        headers={"Content-Type": content_type, "Authorization": f"Bearer {service.seal_token}"},
        timeout=5,
    )

    assert (answer.status_code, "error" in answer.json()) == (expected, True)


def test_a_list_of_nobody_is_missing(service: Service) -> None:
    assert [
        requests.get(service.base_url + path, timeout=5).status_code
        for path in ("/crl/x.crl", "/ca/tsa.crt", "/nothing")
    ] == [404, 404, 404]


def test_the_directory_is_signed_and_verified_with_status(service: Service) -> None:
    signer, now = service.centre.keystore.signer("directory"), SystemClock().now()
    root = service.anchors[0]

    jws = signed_json.sign({"members": ["idda"]}, signer)
    payload, certificate = signed_json.verify(jws, [root], now, "directory", OcspClient())

    assert (payload, certificate) == ({"members": ["idda"]}, signer.certificate)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_letter_breaks_signed_json(service: Service, part: int) -> None:
    jws = signed_json.sign({"a": 1}, service.centre.keystore.signer("directory"))
    parts = jws.split(".")
    middle = len(parts[part]) // 2
    letter = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]

    with pytest.raises(Exception, match=r"signed_json|certificate"):
        signed_json.verify(".".join(parts), service.anchors[:1], SystemClock().now(), "directory")


def test_a_certificate_serves_its_own_purpose_only(service: Service) -> None:
    leaf, issuer = certificates(service, "seal-dyp")

    with pytest.raises(Refused, match=r"certificate\.purpose"):
        validate_chain(leaf, [issuer], service.anchors[:1], SystemClock().now(), "person-signature")


def test_without_the_issuer_there_is_no_path(service: Service) -> None:
    leaf, _ = certificates(service, "seal-dyp")

    with pytest.raises(Refused, match=r"certificate\.untrusted"):
        validate_chain(leaf, [], service.anchors[:1], SystemClock().now(), "seal")


def test_an_end_entity_issues_nothing(service: Service) -> None:
    signer = service.centre.keystore.signer("seal-dyp")
    root, issuer = service.anchors[0], signer.chain[0]
    key = ec.generate_private_key(ec.SECP256R1())
    forged = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(signer.certificate.subject)
        .issuer_name(signer.certificate.subject)
        .public_key(key.public_key())
        .not_valid_before(signer.certificate.not_valid_before_utc)
        .not_valid_after(signer.certificate.not_valid_after_utc)
        .sign(signer._key, hashes.SHA256())
    )

    with pytest.raises(Refused, match=r"certificate\.untrusted"):
        validate_chain(forged, [signer.certificate, issuer], [root], SystemClock().now(), "seal")


def test_pkilint_is_not_loaded_where_nothing_is_issued() -> None:
    script = "import sys, pencere.trust.server; print('pkilint' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "False"
