"""A desk with a real case on it: made by the portal's own steps, registers answer over HTTP.

The gateway client is the real one. It speaks to a node on this machine that answers as the
agencies' node does and remembers what it was asked.
"""

import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.conf import settings
from django.urls import clear_url_caches, set_urlconf
from PIL import Image
from tests.servers import serving

from pencere.kernel.clock import FixedClock
from pencere.kernel.identifiers import Fin
from pencere.web.cases.domain import drafts, files
from pencere.web.cases.domain.submission import Signed, document_to_sign, fee_of, subject_of, submit
from pencere.web.cases.models import Attachment, Case
from pencere.web.exchange import Gateway
from pencere.web.office.batch import views as batch
from pencere.web.office.case import deciding, showing
from pencere.web.payments.domain import charges
from pencere.web.payments.models import Charge
from pencere.web.people.domain import accounts
from pencere.web.people.models import Person
from pencere.web.people.vault import Identity

NOON = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday
SERVICE = "driving-licence-replace"


@dataclass
class Node:
    """Registers by id as the node gives them, per person; `asked` is (register, headers)."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def says(self, register: str, **data: Any) -> None:
        self.records[register] = [
            {"id": "1", "version": 3, "state": "valid", "valid_from": "2020-01-01", "data": data}
        ]

    def asked_by(self, person: Person) -> list[str]:
        """Return the registers this person asked, in order."""
        return [name for name, sent in self.asked if sent["X-Road-UserId"] == f"AZ{person.fin}"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    fixed = FixedClock(NOON)
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


@pytest.fixture(autouse=True)
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "ROLE", "office")
    monkeypatch.setattr(settings, "ROOT_URLCONF", "pencere.web.urls.office")
    clear_url_caches()
    set_urlconf(None)
    yield
    clear_url_caches()


@pytest.fixture
def node() -> Node:
    node = Node()
    node.says(
        "population/person",
        family="Quliyeva", given="Aydan", patronymic="Rauf qızı", born="1991-05-12",
    )  # fmt: skip
    node.says(
        "dyp/driving-licence",
        number="AB 123456", family="Quliyeva", given="Aydan", categories=["B"],
        issued="2017-01-12", expires="2027-01-12",
    )  # fmt: skip
    node.says("health/medical-certificate", kind="driver", categories=["B"],
              valid_until="2027-03-14")  # fmt: skip
    return node


@pytest.fixture
def gateway(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """The client of the gateway, at a node of this test; the desk's views use it too."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            register = "/".join(self.path.split("/")[5:7])
            if register in node.silent:
                self._answer(503, {"type": "Server.ServerProxy.ServiceFailed"})
                return
            node.asked.append((register, dict(self.headers.items())))
            self._answer(200, {"records": node.records.get(register, [])})

        def _answer(self, status: int, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as port:
        client = Gateway(address=f"http://127.0.0.1:{port}", key="k")
        for module in (showing, deciding, batch):
            monkeypatch.setattr(module, "gateway", lambda: client)
        yield client


# Two characters of a personal number, a thousand of them.
_fins = map("".join, itertools.product("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", repeat=2))


@pytest.fixture
def make_officer(db: None, clock: FixedClock) -> Callable[[str], Person]:
    """Open an account of somebody who may hold an office."""

    def make(given: str = "Rəşad", surname: str = "Əliyev") -> Person:
        identity = Identity(Fin(f"2RSA{next(_fins)}7"), given, surname)
        return accounts.open_account(identity, at=clock.now(), phone="+994501000004")

    return make


@pytest.fixture
def applicant(db: None, clock: FixedClock) -> Person:
    identity = Identity(Fin("6AYDN47"), "Aydan", "Quliyeva")
    return accounts.open_account(identity, at=clock.now(), phone="+994501000001")


MakeCase = Callable[..., Case]


@pytest.fixture
def make_case(applicant: Person, gateway: Gateway, clock: FixedClock) -> MakeCase:
    """Send an application for a new licence: written, paid, signed, with a photograph."""

    def make(person: Person = applicant, cades: bytes = b"cades", damage: str = "") -> Case:
        at = clock.now()
        draft = drafts.start_draft(person=person, service=SERVICE, at=at)
        picture = _photograph()
        photo = Attachment.objects.create(
            draft=draft, question="photo", name="mənim şəklim.jpg", media_type="image/jpeg",
            size_bytes=len(picture), width=413, height=531, sha256=files.keep(picture),
            added_at=at,
        )  # fmt: skip
        shown = {
            "id": str(photo.id), "name": photo.name, "media_type": photo.media_type,
            "size_bytes": photo.size_bytes, "width": 413, "height": 531,
        }  # fmt: skip
        answers = {"reason": "damaged", "damage": damage or None, "phone": "+994501000001",
                   "photo": shown}  # fmt: skip
        for question, value in answers.items():
            drafts.answer(draft=draft, question=question, value=value, at=at)
        told = drafts.tell_facts(draft=draft, gateway=gateway, at=at)
        writing = drafts.writing(draft=draft, told=told, at=at)
        charge = charges.request_charge(
            payer=person, subject=subject_of(draft), beneficiary="dyp",
            amount=fee_of(writing, at=at).amount, basis={}, at=at,
            description={"az": "a", "en": "a", "ru": "a"},
        )  # fmt: skip
        Charge.objects.filter(pk=charge.pk).update(state="started")
        Charge.objects.filter(pk=charge.pk).update(state="paid", settled_at=at)
        document = document_to_sign(writing=writing, language="az", at=at)
        return submit(draft=draft, application=document, signed=Signed(cades, at),
                      gateway=gateway, at=at)  # fmt: skip

    return make


def _photograph() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (413, 531), "#c99f7d").save(written, "JPEG")
    return written.getvalue()
