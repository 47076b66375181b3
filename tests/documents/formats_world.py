"""People with keys of every kind, and the services that signing needs, for the format tests."""

import os
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs12

from pencere.documents.formats import cades
from pencere.documents.formats.cades import Choices
from pencere.documents.formats.pkcs12 import Pkcs12Signer, open_pkcs12
from pencere.documents.formats.reading import read
from pencere.documents.formats.services import NetworkServices
from pencere.documents.formats.signer import sign_one
from pencere.kernel.clock import SystemClock
from pencere.trust.ceremony import Enrolment, Person

NOTE = b"The whole content of a note.\n"
OTHER = b"The whole content of a vote.\n"
PASSWORD = "a password of the tests"


@dataclass
class World:
    trust_centre: object
    signer: Pkcs12Signer
    second: Pkcs12Signer
    files: dict
    services: NetworkServices

    @property
    def root_pem(self) -> bytes:
        return self.trust_centre.root.public_bytes(serialization.Encoding.PEM)


def make_world(trust_centre, folder) -> World:
    files = {
        name: enrolled(trust_centre, folder / f"{name}.p12", fin, phone)
        for name, fin, phone in (
            ("first", "5ABCDE2", "+994501230001"),
            ("second", "6ABCDE2", "+994501230002"),
        )
    }
    return World(
        trust_centre,
        open_pkcs12(files["first"], PASSWORD),
        open_pkcs12(files["second"], PASSWORD),
        files,
        services_of(trust_centre),
    )


def services_of(trust_centre, **changes) -> NetworkServices:
    given = {"tsa_url": trust_centre.tsa_url, "anchors": [trust_centre.root]}
    return NetworkServices(SystemClock(), **(given | changes))


def enrolled(trust_centre, file, fin, phone):
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    device = (
        keys[2]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    enrolment = Enrolment(request(keys[0]), request(keys[1]), device)
    issued = trust_centre.centre.issue_person(Person(fin, "Quliyeva", "Aydan", phone), enrolment)
    certificate = x509.load_der_x509_certificate(issued.signature)
    issuing = trust_centre.centre.keystore.signer("issuing-person").certificate
    file.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"first",
            keys[1],
            certificate,
            [issuing, trust_centre.root],
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        )
    )
    return file


def request(key) -> bytes:
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def signed_at(world, content, level, *, enveloped=False) -> bytes:
    choices = Choices(level, enveloped=enveloped, signing_time=SystemClock().now())
    return sign_one(world.signer, cades.prepare(content, world.signer, world.services, choices))


def holding(made, files=None) -> bool:
    return read(made, files=files or {"note.txt": NOTE}).holds


def opened(signed, **changes) -> bytes:
    return replace(signed, **changes).encoded()


def private_key(world):
    """Return the key itself, for other libraries."""
    content = world.files["first"].read_bytes()
    return pkcs12.load_key_and_certificates(content, PASSWORD.encode())[0]


def tool(name):
    """Return the path of a program; CI must have it."""
    path = shutil.which(name)
    if path is None and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed")
    assert path is not None, f"{name} is not installed"
    return path


def self_signed(key) -> x509.Certificate:
    """Return a certificate of a key for itself, in force today."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sınaq")])
    now = SystemClock().now()
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, digest)
    )
