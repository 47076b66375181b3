"""A signature with a key in the centre is the person's signature, without more being said of it."""

import base64
import dataclasses

import pytest
from cryptography import x509
from tests.trust.conftest import Service
from tests.trust.remote_world import Holder, holder_of, register_clients

from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Refused
from pencere.trust import advanced
from pencere.trust.contents import qc_statements
from pencere.trust.profile import load_authority, load_profile
from pencere.trust.validation import OcspClient, validate_chain

CONTENT = b'{"application":"driving licence"}'


@pytest.fixture(scope="module", autouse=True)
def _clients(service: Service) -> None:
    register_clients(service)


def sign(holder: Holder, algorithm: str) -> tuple[bytes, x509.Certificate]:
    answer = holder.call("credentials/info", credentialID=holder.credential, certificates="chain")
    chain = [
        x509.load_der_x509_certificate(base64.b64decode(one))
        for one in answer.json()["cert"]["certificates"]
    ]
    prepared = advanced.prepare(CONTENT, chain[0], SystemClock().now())
    sad = holder.authorize(prepared.digest).json()["SAD"]
    signed = holder.sign(
        sad, prepared.digest, signAlgo=algorithm, hashAlgo="2.16.840.1.101.3.4.2.1"
    )
    value = base64.b64decode(signed.json()["signatures"][0])
    with pytest.raises(Refused, match=r"signature\.false"):
        advanced.assemble(dataclasses.replace(prepared, digest=bytes(32)), value, chain)
    return advanced.assemble(prepared, value, chain), chain[0]


@pytest.mark.parametrize(
    ("algorithm", "oid", "fin", "number"),
    [
        ("P-256", "1.2.840.10045.4.3.2", "6RSGN21", "+994503330021"),
        ("RSA-3072", "1.2.840.113549.1.1.11", "6RSGN22", "+994503330022"),
    ],
)
def test_a_key_in_the_centre_signs_an_application(
    service: Service, algorithm: str, oid: str, fin: str, number: str
) -> None:
    encoded, certificate = sign(holder_of(service, fin, number, algorithm=algorithm), oid)
    now = SystemClock().now()

    found = advanced.verify(encoded, CONTENT, service.anchors, now, OcspClient())

    assert (found.signer.fin, found.certificate) == (fin, certificate)
    for content, bytes_ in ((CONTENT + b" ", encoded), (CONTENT, encoded[:-1] + b"\x00")):
        with pytest.raises(Refused):
            advanced.verify(bytes_, content, service.anchors, now)


def test_it_is_no_key_to_sign_in_with_and_no_officers_key(service: Service) -> None:
    encoded, certificate = sign(
        holder_of(service, "6RSGN23", "+994503330023"), "1.2.840.10045.4.3.2"
    )
    roots = [one for one in service.anchors if one.issuer == one.subject]
    for purpose in ("person-authentication", "person-signature", ("seal", "person-signature")):
        with pytest.raises(Refused, match=r"certificate\.purpose"):
            validate_chain(certificate, service.anchors, roots, SystemClock().now(), purpose)
    assert encoded


def test_its_certificate_does_not_speak_of_a_qualified_device() -> None:
    authority = load_authority()
    said = {
        name: bytes.fromhex("060604008e460104")
        in qc_statements(load_profile(name).statements, authority)
        for name in advanced.PURPOSES
    }

    assert said == {"person-signature": True, "person-remote": False}
