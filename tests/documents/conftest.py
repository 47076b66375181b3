"""The certification centre as it runs in production, on real sockets, with a seal for a body."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import requests
from cryptography import x509
from hypothesis import settings
from tests.documents.formats_world import make_world
from tests.ports import free_port

from pencere.documents.make import make_pdf
from pencere.documents.remote import SealService
from pencere.documents.seal import seal_pdf
from pencere.kernel.clock import SystemClock
from pencere.ops.databases import make_database
from pencere.trust.ceremony import Centre
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

PASSPHRASE = "the passphrase of the tests"

SERVER = """
import sys
from pathlib import Path
from pencere.kernel.clock import SystemClock
from pencere.trust.issuance import Issuance
from pencere.trust.keystore import Keystore
from pencere.trust.profile import load_authority
from pencere.trust.server.app import create_app
from pencere.trust.server.config import TrustConfig
import os
def create():
    issuance = Issuance(
        os.environ["CONNINFO"], load_authority(), os.environ["BASE_URL"], SystemClock(), b"k" * 32
    )
    folder = Path(os.environ["FOLDER"])
    keystore = Keystore(folder / "keys", os.environ["PASSPHRASE"])
    return create_app(TrustConfig(issuance, keystore, folder / "pki"))
"""


@dataclass(frozen=True)
class TrustCentre:
    centre: Centre
    service: SealService | None
    base_url: str

    @property
    def tsa_url(self) -> str:
        return f"{self.base_url}/tsa"

    @property
    def root(self) -> x509.Certificate:
        return self.centre.keystore.certificates("root")[0]

    def seal_of(self, body: str) -> SealService:
        token = secrets.token_urlsafe(16)
        credential = self.centre.issue_seal(
            body=body, organization="Sınaq idarəsi", token=token, names="Sınaq idarəsi"
        )
        return SealService(f"{self.base_url}/csc/v1", token, credential)


@pytest.fixture(scope="session")
def trust_centre(postgres, _templates, tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("centre"), free_port()
    name = f"trust_documents_{os.getpid()}_{port}"  # several folders of tests have one each
    installation = postgres.installation
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        make_database(server, name, owner="trust_owner", template=_templates("trust"))
    url = installation.database_url("trust", "app").replace("/trust?", f"/{name}?")
    base_url = f"http://127.0.0.1:{port}"
    issuance = Issuance(url, load_authority(), base_url, SystemClock(), b"k" * 32)
    centre = Centre(
        issuance,
        Keystore(folder / "keys", PASSPHRASE),
        folder / "pki",
        Keystore(folder / "root", PASSPHRASE, "test"),
        Keystore(folder / "approvers", PASSPHRASE),
    )
    centre.found()
    (folder / "trust_for_tests.py").write_text(SERVER)
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
            *("--host", "127.0.0.1", "--port", str(port), "--no-ws", "trust_for_tests:create"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "CONNINFO": url,
            "BASE_URL": base_url,
            "FOLDER": str(folder),
            "PASSPHRASE": PASSPHRASE,
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        },
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(f"{base_url}/healthz", process, folder / "log")
        made = TrustCentre(centre, None, base_url)
        yield replace(made, service=made.seal_of("sinaq"))
    finally:
        process.terminate()
        process.wait(10)
        log.close()


TEMPLATE = """
#import "@pencere/letterhead:1.0.0": *
#show: letter.with(title: say(az: "Arayış", en: "Certificate", ru: "Справка"))
#rows((say(az: "Adı", en: "Given name", ru: "Имя"), facts.given))
"""
URL = "https://pencere.az/v/7QK2M9XH4TB6W0Z3NFPA"


@pytest.fixture(scope="session")
def certificate_template(tmp_path_factory):
    file = tmp_path_factory.mktemp("template") / "certificate.typ"
    file.write_text(TEMPLATE)
    return file


@pytest.fixture(scope="session")
def plain(certificate_template):
    """A document before its seal."""
    return make_pdf(certificate_template, {"given": "Gülşən"}, "az", URL)


@pytest.fixture(scope="session")
def sealed(trust_centre, plain):
    """The same with the seal, at level B-LT."""
    return seal(trust_centre, plain)


def seal(trust_centre, pdf, **choices):
    anchors = [trust_centre.root]
    return seal_pdf(pdf, trust_centre.service, trust_centre.tsa_url, anchors=anchors, **choices)


def tool(name):
    """Return the path of a program of poppler-utils or libnss3-tools; CI must have them."""
    path = shutil.which(name)
    if path is None and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed")
    assert path is not None, f"{name} is not installed"
    return path


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def world(trust_centre, tmp_path_factory):
    """People with keys in files, and the services that signing needs."""
    return make_world(trust_centre, tmp_path_factory.mktemp("people"))
