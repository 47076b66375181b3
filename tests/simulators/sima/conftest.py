"""SİMA as a process, and a relying party made of `pencere.trust` alone that it speaks to."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from tests.servers import serving
from tests.trust.conftest import Service, free_port, running, service

from pencere.kernel.clock import SystemClock
from pencere.simulators.phones import sim
from pencere.simulators.phones.sim import Card, Pins
from pencere.trust import advanced, der, sima, sima_calls
from pencere.trust.ceremony import Person
from pencere.trust.sima import Client, Data, Operation, OperationType

__all__ = ["service"]

SECRET = "the secret of the tests"


@dataclass
class Site:
    """A relying party: gives data, takes answers; `faults` make it lie or fail."""

    address: str
    given: list[x509.Certificate] = field(default_factory=list)
    answers: list[tuple[x509.Certificate, sima_calls.Answer]] = field(default_factory=list)
    document: bytes | None = None
    data: bytes = b""
    fault: str = ""

    def link(
        self, kind: OperationType, *, document: bytes | None = None, secret: str = SECRET,
        begins_in_s: int = -30, lasts_s: int = 300, assignee: tuple[str, ...] = (), **client: str,
    ) -> str:  # fmt: skip
        self.document = document
        now = SystemClock().now()
        operation = Operation(
            kind, "f" * 32, now + timedelta(seconds=begins_in_s),
            now + timedelta(seconds=lasts_s), assignee,
        )  # fmt: skip
        host = self.address.removeprefix("http://")
        about = {
            "id": "portal", "name": "Sınaq saytı", "icon": "", "host": host,
            "callback": f"{self.address}/Callback/", "redirect": f"{self.address}/back", **client,
        }  # fmt: skip
        said = None if document is None else Data("", hashlib.sha256(document).digest())
        written = sima.write(operation, Client(**about), secret, said)
        return sima.file_address(f"{self.address}/GetFile/", written)

    def give(self, path: str, headers: Any) -> tuple[int, dict[str, Any]]:
        if self.fault == "refuses":
            return 403, {"status": "error", "errormessage": "sima.expired"}
        certificate = sima_calls.certificate_of(headers, path.encode())
        self.given.append(certificate)
        self.data = sima.authentication_data("f" * 32, "site", b"\1" * 32)
        answer: dict[str, Any] = {"filename": "challenge.txt"}
        if self.document is not None:
            prepared = advanced.prepare(self.document, certificate, SystemClock().now())
            self.data = der.tlv(der.SET, prepared.attributes)
            shown = b"{}" if self.fault == "shows another" else self.document
            answer = {"filename": "A.json",
                      "document": {"filename": "A.json", "data": encode(shown)}}  # fmt: skip
            if self.fault == "signs another":
                other = advanced.prepare(b"another", certificate, SystemClock().now())
                self.data = der.tlv(der.SET, other.attributes)
        return 200, answer | {"data": "%" if self.fault == "garbage" else encode(self.data)}

    def take(self, body: bytes, headers: Any) -> tuple[int, dict[str, Any]]:
        certificate = sima_calls.certificate_of(headers, body)
        answer = sima_calls.read_answer(body)
        answer.refuse_false(certificate, self.data)
        self.answers.append((certificate, answer))
        return 200, {"status": "success"}


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*made.give(self.path, self.headers))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(*made.take(body, self.headers))

        def _send(self, status: int, content: dict[str, Any]) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

    with serving(Handler) as port:
        made.address = f"http://127.0.0.1:{port}"
        yield made


@pytest.fixture(scope="session")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder, port = tmp_path_factory.mktemp("sima"), free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "SIMA_TEST_FOLDER": str(folder / "sima"),
        "SIMA_TEST_SECRET": SECRET,
    }
    with running("serve_sima:create", port, folder / "sima.log", environment):
        yield f"http://127.0.0.1:{port}", folder / "sima"


@dataclass
class Owner:
    """A person with the application, who reads its pages as they are."""

    page: str
    fin: str

    def open(self, link: str) -> requests.Response:
        return requests.get(self.page, params={"data": link}, timeout=5)

    def act(self, act: str, **fields: str) -> requests.Response:
        return requests.post(f"{self.page}/{act}", data=fields, timeout=10)

    def sign(self, link: str, pin: str) -> requests.Response:
        page = self.act("open", data=link, pin=pin)
        handle = re.search(r'name="handle" value="([^"]+)"', page.text)
        assert handle is not None, page.text
        return self.act("sign", handle=handle.group(1))


_numbers = iter(range(4000000, 4999999))


@pytest.fixture
def owner(service: Service, applications: tuple[str, Path]) -> Owner:
    url, folder = applications
    number = str(next(_numbers))
    card = Card(f"p{number}", "Quliyeva", "Aydan", "", "87654321")
    made = sim.provision(folder, card, Pins("1234", "12345"), "app pass")
    certified = service.centre.certify_person(
        Person(number, "Quliyeva", "Aydan", ""),
        made.authentication_request,
        made.signature_request,
        "sima",
    )
    sim.store_certificates(
        folder,
        card.name,
        device="",
        authentication=certified.authentication,
        signature=certified.signature,
    )
    return Owner(f"{url}/en/apps/{card.name}", number)
