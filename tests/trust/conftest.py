"""A founded certification centre on a real database, with people, phones and a seal."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import sql

from pencere.kernel.clock import FixedClock
from pencere.ops.databases import make_database as create_database
from pencere.trust.ceremony import Centre, Enrolled, Enrolment, Person
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BASE_URL = "http://127.0.0.1:9390"


@dataclass
class Founded:
    """The centre and what tests need beside it."""

    centre: Centre
    clock: FixedClock
    conninfo: str
    folder: Path

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.conninfo)

    def certificate(self, name: str) -> x509.Certificate:
        return self.centre.keystore.signer(name).certificate

    @property
    def root(self) -> x509.Certificate:
        return self.certificate("root")


PASSPHRASE = "the passphrase of the tests"


def centre_at(conninfo: str, folder: Path, clock: object, base_url: str = BASE_URL) -> Centre:
    issuance = Issuance(conninfo, load_authority(), base_url, clock, b"k" * 32)
    return Centre(issuance, Keystore(folder / "keys", PASSPHRASE), folder / "pki")


@pytest.fixture(scope="session")
def _foundation(
    postgres: object, _templates: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Found one centre for the whole run; each test is given a copy of its database and keys."""
    folder, name = tmp_path_factory.mktemp("foundation"), f"trust_founded_{os.getpid()}"
    installation = postgres.installation
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        create_database(server, name, owner="trust_owner", template=_templates("trust"))
    url = installation.database_url("trust", "app").replace("/trust?", f"/{name}?")
    centre_at(url, folder, FixedClock(NOW)).found()
    return name, folder


@pytest.fixture
def founded(postgres: object, _foundation: tuple[str, Path], tmp_path: Path) -> Iterator[Founded]:
    template, made = _foundation
    installation, name = postgres.installation, f"trust_copy_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        create_database(server, name, owner="trust_owner", template=template)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    url = installation.database_url("trust", "app").replace("/trust?", f"/{name}?")
    clock = FixedClock(NOW)
    yield Founded(centre_at(url, tmp_path, clock), clock, url, tmp_path)
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


_numbers = itertools.count(1)


def csr(key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@dataclass
class TestPhone:
    """The keys of one person, without a PIN."""

    __test__ = False

    authentication: ec.EllipticCurvePrivateKey
    signature: ec.EllipticCurvePrivateKey
    device: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls) -> "TestPhone":
        return cls(*(ec.generate_private_key(ec.SECP256R1()) for _ in range(3)))

    def enrolment(self) -> Enrolment:
        spki = self.device.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return Enrolment(csr(self.authentication), csr(self.signature), spki)


AYDAN = Person("1ABCDE2", "Quliyeva", "Aydan", "+994501234567")


@dataclass
class Enrolee:
    person: Person
    phone: TestPhone
    enrolled: Enrolled

    @property
    def authentication(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.enrolled.authentication)

    @property
    def signature(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.enrolled.signature)


@pytest.fixture
def aydan(founded: Founded) -> Enrolee:
    phone = TestPhone.make()
    return Enrolee(AYDAN, phone, founded.centre.issue_person(AYDAN, phone.enrolment()))


def openssl(*arguments: str, given: bytes | None = None) -> str:
    """Run openssl, fail with what it said unless it agrees; it must be installed."""
    done = subprocess.run(
        ["openssl", *arguments], input=given, capture_output=True, check=False, timeout=30
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    return output


def write_pem(path: Path, *certificates: x509.Certificate) -> str:
    path.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates))
    return str(path)
