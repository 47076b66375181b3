"""A founded certification centre on a real database, with people, phones and a seal."""

import itertools
import os
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import sql
from tests.ports import free_port

from pencere.kernel.clock import FixedClock, SystemClock
from pencere.ops.databases import make_database as create_database
from pencere.trust.ceremony import Centre, Enrolled, Enrolment, Person
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.mobile import MobileIdClient, RelyingParty
from pencere.trust.profile import load_authority
from pencere.trust.validation import load_hierarchy

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
        return self.centre.keystore.certificates(name)[0]

    @property
    def root(self) -> x509.Certificate:
        return self.certificate("root")


PASSPHRASE = "the passphrase of the tests"


def centre_at(conninfo: str, folder: Path, clock: object, base_url: str = BASE_URL) -> Centre:
    issuance = Issuance(conninfo, load_authority(), base_url, clock, b"k" * 32)
    stores = (Keystore(folder / name, PASSPHRASE, "test") for name in ("keys", "root", "approvers"))
    keys, root, approvers = stores
    return Centre(issuance, keys, folder / "pki", root, approvers)


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
    centre = centre_at(url, folder, FixedClock(NOW))
    centre.found()
    centre.issuance.close()  # nobody may be connected to a database that is copied
    return name, folder


class Copies:
    """Copies of the founded centre. One that a test left as it was serves the next test too."""

    def __init__(self, postgres: object, template: str, made: Path, base: Path) -> None:
        self._postgres, self._template, self._made, self._base = postgres, template, made, base
        self._clean: tuple[str, Path, str] | None = None

    def take(self) -> tuple[str, Path]:
        """Return the connection string of a database and the folder of its keys."""
        if self._clean is None:
            number = next(_numbers)
            name, folder = f"trust_copy_{os.getpid()}_{number}", self._base / str(number)
            with self._server() as server:
                # Copying files takes a third of the time of copying through the log.
                server.execute(
                    sql.SQL(
                        "create database {} owner trust_owner template {} strategy file_copy"
                    ).format(sql.Identifier(name), sql.Identifier(self._template))
                )
            shutil.copytree(self._made, folder)
            self._clean = (name, folder, self._state(name, folder))
        name, folder, _ = self._clean
        return self._url(name), folder

    def give_back(self) -> None:
        """Keep the copy for the next test unless this one changed it."""
        name, folder, before = self._clean
        if self._state(name, folder) != before:
            self._clean = None
            with self._server() as server:
                server.execute(
                    sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
                )
            shutil.rmtree(folder)

    def _state(self, name: str, folder: Path) -> str:
        """Return rows and newest transaction of each table, and every file with its time."""
        files = sorted(
            (str(path.relative_to(folder)), path.stat().st_mtime_ns)
            for path in folder.rglob("*")
            if path.is_file()
        )
        with psycopg.connect(self._postgres.superuser_url(name)) as connection:
            tables = connection.execute(
                "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
                " where schemaname not in ('pg_catalog', 'information_schema') order by 1"
            ).fetchall()
            counts = connection.execute(
                " union all ".join(
                    f"select count(*), max(xmin::text::int8), max(xmax::text::int8) from {one}"
                    for (one,) in tables
                )
            ).fetchall()
        return repr((files, tables, counts))

    def _server(self) -> psycopg.Connection:
        return psycopg.connect(self._postgres.superuser_url(), autocommit=True)

    def _url(self, name: str) -> str:
        url = self._postgres.installation.database_url("trust", "app")
        return url.replace("/trust?", f"/{name}?")


@pytest.fixture(scope="session")
def _copies(
    postgres: object, _foundation: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Copies:
    return Copies(postgres, *_foundation, tmp_path_factory.mktemp("copies"))


@pytest.fixture
def founded(_copies: Copies) -> Iterator[Founded]:
    url, folder = _copies.take()
    clock = FixedClock(NOW)
    yield Founded(centre_at(url, folder, clock), clock, url, folder)
    _copies.give_back()


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


@dataclass
class Service:
    """The centre as real server processes."""

    centre: Centre
    base_url: str
    relying_party: RelyingParty
    secret: str
    seal_token: str
    log: Path

    @property
    def anchors(self) -> list[x509.Certificate]:
        return load_hierarchy(self.centre.pki)

    def client(self, **changes: object) -> MobileIdClient:
        values = {"secret": self.secret, "anchors": self.anchors, **changes}
        return MobileIdClient(self.base_url, self.relying_party, **values)

    def enrol(self, fin: str, phone_number: str) -> Enrolee:
        person, phone = Person(fin, "Quliyeva", "Aydan", phone_number), TestPhone.make()
        return Enrolee(person, phone, self.centre.issue_person(person, phone.enrolment()))


@pytest.fixture(scope="session")
def service(
    postgres: object, _templates: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    installation, port = postgres.installation, free_port()
    name = f"trust_service_{os.getpid()}_{port}"  # several folders of tests have one each
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        create_database(server, name, owner="trust_owner", template=_templates("trust"))
    url = installation.database_url("trust", "app").replace("/trust?", f"/{name}?")
    base_url = f"http://127.0.0.1:{port}"
    centre = centre_at(url, folder, SystemClock(), base_url)
    centre.found()
    party, secret = RelyingParty(uuid.uuid4(), "Pəncərə portalı"), secrets.token_urlsafe(32)
    centre.register_relying_party(party.uuid, party.name, secret)
    token = secrets.token_urlsafe(32)
    centre.issue_seal(body="dyp", organization="Baş Dövlət Yol Polisi İdarəsi", token=token)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "TRUST_TEST_CONNINFO": url,
        "TRUST_TEST_FOLDER": str(folder),
        "TRUST_TEST_URL": base_url,
    }
    command = [sys.executable, str(Path(__file__).with_name("serve_trust.py")), str(port)]
    log = folder / "trust.log"
    with running("", port, log, environment, command):
        yield Service(centre, base_url, party, secret, token, log)


@contextmanager
def running(
    target: str,
    port: int,
    log: Path,
    environment: dict[str, str],
    command: list[str] | None = None,
) -> Iterator[None]:
    """Run a server in a process of its own until it is not needed.

    `target` is an ASGI factory for Granian, unless there is a `command`.
    """
    granian = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
        *("--host", "127.0.0.1", "--port", str(port), "--no-ws", target),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command or granian, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(300):
            try:
                if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200:
                    break
            except requests.RequestException:
                pass
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            pytest.fail(log.read_text())
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(15)
