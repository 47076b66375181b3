"""SİMA at the portal: the page, the application's two calls, and what is refused."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from tests.trust.conftest import Enrolee, Service, service

from pencere.kernel.clock import FixedClock, SystemClock
from pencere.kernel.errors import Refused, Unavailable
from pencere.kernel.identifiers import Fin
from pencere.trust import advanced, der
from pencere.trust.store import Reason
from pencere.web.identity import signing_in
from pencere.web.identity.sima import calls, operations
from pencere.web.people.models import Person, Session, SignIn
from pencere.web.people.models.sima_operation import SimaOperation

__all__ = ["service"]

pytestmark = pytest.mark.django_db

Key = ec.EllipticCurvePrivateKey
_numbers = iter(range(1000, 9999))


@pytest.fixture(autouse=True)
def centre(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The portal believes the certification centre of the tests."""
    monkeypatch.setattr(calls, "anchors_of_sima", lambda: tuple(service.anchors))
    return service


@pytest.fixture
def aydan(service: Service) -> Enrolee:
    return service.enrol(f"1SM{next(_numbers)}", "")


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@dataclass
class App:
    """SİMA's application as another writer would make it."""

    who: Enrolee
    client: Client = field(default_factory=Client)

    def keys(self, kind: str) -> tuple[Key, x509.Certificate]:
        if kind == "Auth":
            return self.who.phone.authentication, self.who.authentication
        return self.who.phone.signature, self.who.signature

    def headers(self, kind: str, signed: bytes, **changes: str) -> dict[str, str]:
        key, certificate = self.keys(kind)
        return {
            "ts-cert": b64(certificate.public_bytes(serialization.Encoding.DER)),
            "ts-sign": b64(key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "ts-sign-alg": "SHA256withECDSA",
            **changes,
        }

    def fetch(self, address: str, kind: str = "Auth", **changes: str) -> Any:
        parts = urlsplit(address)
        signed = f"{parts.path}?{parts.query}".encode()
        headers = self.headers(kind, signed, **changes)
        return self.client.get(f"{parts.path}?{parts.query}", headers=headers)

    def answer(
        self, begun: operations.Begun, data: bytes, kind: str = "Auth", **changes: Any
    ) -> Any:
        key, _certificate = self.keys(kind)
        body = {
            "Type": kind,
            "OperationId": begun.operation,
            "DataSignature": b64(key.sign(data, ec.ECDSA(hashes.SHA256()))),
            "SignedDataHash": b64(hashlib.sha256(data).digest()),
            "AlgName": "SHA256withECDSA",
            **changes,
        }
        return self.send(json.dumps(body).encode(), kind)

    def send(self, body: bytes, kind: str = "Auth", **changes: str) -> Any:
        headers = self.headers(kind, body, **changes)
        return self.client.post(
            "/sima/Callback/", body, content_type="application/json", headers=headers
        )

    def sign_in(self, begun: operations.Begun) -> Any:
        given = self.fetch(begun.address).json()
        return self.answer(begun, base64.b64decode(given["data"]))


@pytest.fixture
def app(aydan: Enrolee) -> App:
    return App(aydan)


def begin(document: operations.Document | None = None) -> operations.Begun:
    return operations.begin(document=document, back="/az/", at=settings.CLOCK.now())


def outcome(begun: operations.Begun) -> operations.Answered | None:
    return operations.outcome(begun.operation, at=settings.CLOCK.now())


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("errormessage", "")


# Signing in


def test_a_person_signs_in_with_the_application(
    client: Client, app: App, clock: FixedClock
) -> None:
    page = client.post("/az/sign-in/sima/", {"next": "/az/devices/"})
    wait = client.get(page["Location"])
    begun = begun_of(client)

    assert (page.status_code, page["Location"]) == (302, "/az/sign-in/wait/")
    assert '<svg role="img"' in wait.content.decode()
    assert begun.code in wait.content.decode()
    assert app.sign_in(begun).json() == {"status": "success"}
    clock.advance(signing_in.ASK_EVERY)
    state = client.get("/az/sign-in/state/").json()
    done = client.get(state["address"])
    assert done["Location"] == "/az/devices/"
    session = Session.objects.get()
    assert (session.assurance, session.person.identity.fin) == ("high", app.who.person.fin)
    assert client.get("/az/devices/").status_code == 200
    assert SignIn.objects.count() == 0


def begun_of(client: Client) -> operations.Begun:
    token = client.cookies[settings.SIGN_IN_COOKIE].value
    progress = signing_in.current(token, at=settings.CLOCK.now())
    assert progress is not None
    row = SimaOperation.objects.latest("pk")
    return operations.Begun(row.operation, progress.address, progress.verification_code)


def test_an_account_keeps_its_telephone_when_its_owner_comes_with_sima(
    client: Client, app: App, make_person: Callable[..., Person]
) -> None:
    person = make_person(app.who.person.fin)
    client.post("/az/sign-in/sima/", {"next": "/"})
    app.sign_in(begun_of(client))

    client.get("/az/sign-in/wait/")

    assert Person.objects.get(pk=person.pk).phone == "+994501234567"


def test_another_browser_does_not_get_in(client: Client, app: App) -> None:
    client.post("/az/sign-in/sima/", {"next": "/"})
    app.sign_in(begun_of(client))

    other = Client().get("/az/sign-in/wait/")

    assert other["Location"] == "/az/sign-in/"
    assert Session.objects.count() == 0


def test_after_five_minutes_the_page_says_so(client: Client, clock: FixedClock, app: App) -> None:
    client.post("/en/sign-in/sima/", {"next": "/"})
    begun = begun_of(client)
    clock.advance(timedelta(minutes=5))

    late = app.fetch(begun.address)
    answer = client.get("/en/sign-in/wait/", follow=True)

    assert said(late) == (403, "sima.expired")
    assert "The code has expired" in answer.content.decode()
    assert answer.redirect_chain == [("/en/sign-in/sima/", 302)]


def test_who_cancels_does_not_get_in(client: Client, app: App) -> None:
    client.post("/en/sign-in/sima/", {"next": "/"})
    begun = begun_of(client)

    back = client.post("/en/sign-in/cancel/")
    app.sign_in(begun)

    assert back["Location"] == "/en/sign-in/sima/"
    assert client.get("/en/sign-in/wait/")["Location"] == "/en/sign-in/sima/"
    assert Session.objects.count() == 0


def test_attempts_from_one_address_are_counted(
    client: Client, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = signing_in.limits.Limit("sign-in from", most=2, window=timedelta(minutes=10))
    monkeypatch.setattr(signing_in, "PER_ADDRESS", few)

    answers = [client.post("/az/sign-in/sima/").status_code for _ in range(3)]

    assert answers == [302, 302, 403]


def test_the_office_asks_anew_and_comes_back(
    person: Person, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(person)

    page = client.get("/az/sign-in/sima/", {"next": "/id/authorize/?x=1", "again": "1"})

    assert page.status_code == 200
    assert "again=1" in page.content.decode()
    assert client.get("/az/sign-in/sima/")["Location"] == "/az/"


# The application's calls


def test_no_personal_number_stands_in_the_address(aydan: Enrolee) -> None:
    document = operations.Document(b"{}", "A.json", Fin(aydan.person.fin))
    query = urlsplit(begin(document).address).query

    assert aydan.person.fin.encode() not in base64.b64decode(
        query.removeprefix("tsquery=").replace("%3D", "=").replace("%2B", "+").replace("%2F", "/")
    )


def test_an_operation_is_answered_once(app: App) -> None:
    begun = begin()
    given = base64.b64decode(app.fetch(begun.address).json()["data"])
    first = app.answer(begun, given)

    assert first.status_code == 200
    assert said(app.answer(begun, given)) == (409, "sima.used")
    assert said(app.fetch(begun.address)) == (409, "sima.used")


def test_what_is_signed_names_the_site_and_the_operation(app: App) -> None:
    begun = begin()

    data = base64.b64decode(app.fetch(begun.address).json()["data"]).decode().split("\n")

    assert data[:3] == [
        "pencere sima authentication v1",
        urlsplit(settings.INSTALLATION.address("portal")).netloc,
        begun.operation,
    ]
    assert len(bytes.fromhex(data[3])) == 32


def test_a_repeated_fetch_gets_the_same(app: App) -> None:
    begun = begin(operations.Document(b"{}", "A.json", Fin(app.who.person.fin)))

    assert app.fetch(begun.address, "Sign").json() == app.fetch(begun.address, "Sign").json()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("no headers", (400, "sima.call")),
        ("signature over another address", (403, "sima.signature_false")),
        ("no query", (400, "sima.container")),
        ("hostile query", (400, "sima.container")),
        ("too long", (400, "sima.container")),
        ("unknown operation", (404, "sima.missing")),
        ("container of another secret", (403, "sima.header")),
        ("signature key", (403, "certificate.purpose")),
    ],
)
def test_a_fetch_that_does_not_prove_itself_gets_nothing(
    app: App, fault: str, expected: tuple[int, str]
) -> None:
    begun = begin()
    if fault == "no headers":
        answer = app.client.get(begun.address.removeprefix(settings.INSTALLATION.address("portal")))
    elif fault == "signature over another address":
        sign = app.headers("Auth", b"/elsewhere")["ts-sign"]
        answer = app.fetch(begun.address, **{"ts-sign": sign})
    elif fault == "no query":
        answer = app.fetch("/sima/GetFile/?x=1")
    elif fault == "hostile query":
        answer = app.fetch("/sima/GetFile/?tsquery=" + b64(b"[" * 3000))
    elif fault == "too long":
        answer = app.fetch("/sima/GetFile/?tsquery=" + "A" * 20_000)
    elif fault == "unknown operation":
        SimaOperation.objects.all().delete()
        answer = app.fetch(begun.address)
    elif fault == "container of another secret":
        document = base64.b64decode(urlsplit(begun.address).query[8:].replace("%3D", "="))
        said_by = json.loads(document)
        said_by["Header"]["Signature"] = b64(b"\0" * 32)
        answer = app.fetch("/sima/GetFile/?tsquery=" + b64(json.dumps(said_by).encode()))
    else:
        answer = app.fetch(begun.address, "Sign")

    assert said(answer) == expected
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("not fetched", (403, "sima.not_fetched")),
        ("other data", (403, "sima.signature_false")),
        ("other body", (403, "sima.signature_false")),
        ("other type", (400, "sima.call")),
        ("other operation", (404, "sima.missing")),
        ("other person", (403, "sima.another_certificate")),
        ("too large", (400, "sima.call")),
        ("not JSON", (400, "sima.call")),
        ("too late", (403, "sima.expired")),
    ],
)
def test_an_answer_that_does_not_prove_itself_changes_nothing(
    app: App, service: Service, clock: FixedClock, fault: str, expected: tuple[int, str]
) -> None:
    begun = begin()
    data = b"x" if fault == "not fetched" else fetched(app, begun)
    if fault == "other data":
        answer = app.answer(begun, b"other data")
    elif fault == "other body":
        sign = app.headers("Auth", b"{}")["ts-sign"]
        body = json.dumps({"Type": "Auth", "OperationId": begun.operation,
                           "DataSignature": b64(b"x"), "SignedDataHash": b64(b"x"),
                           "AlgName": "SHA256withECDSA"}).encode()  # fmt: skip
        answer = app.send(body, **{"ts-sign": sign})
    elif fault == "other type":
        answer = app.answer(begun, data, Type="Sign")
    elif fault == "other operation":
        answer = app.answer(begun, data, OperationId="b" * 32)
    elif fault == "other person":
        answer = App(service.enrol(f"1SM{next(_numbers)}", "")).answer(begun, data)
    elif fault == "too large":
        answer = app.send(b" " * 5000)
    elif fault == "not JSON":
        answer = app.send(b"\xff\x00")
    else:
        if fault == "too late":
            clock.advance(timedelta(minutes=6))
        answer = app.answer(begun, data)

    assert said(answer) == expected
    assert SimaOperation.objects.get().outcome == ""


def fetched(app: App, begun: operations.Begun) -> bytes:
    return base64.b64decode(app.fetch(begun.address).json()["data"])


def test_a_revoked_certificate_ends_the_operation_and_the_page_says_why(
    client: Client, app: App, service: Service
) -> None:
    client.post("/en/sign-in/sima/", {"next": "/"})
    begun = begun_of(client)
    data = fetched(app, begun)
    service.centre.issuance.revoke(app.who.authentication, Reason.KEY_COMPROMISE)

    answer = app.answer(begun, data)

    assert said(answer) == (403, "certificate.revoked")
    page = client.get("/en/sign-in/wait/", follow=True).content.decode()
    assert "Your certificate was revoked" in page
    assert Session.objects.count() == 0


def test_without_a_status_answer_nothing_is_decided(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def check(self, *_arguments: object) -> None:
            raise Unavailable("ocsp.unavailable")

    begun = begin()
    data = fetched(app, begun)
    with monkeypatch.context() as silence:
        silence.setattr(calls, "status_source", Silent)
        assert said(app.answer(begun, data)) == (503, "ocsp.unavailable")

    assert app.answer(begun, data).status_code == 200


def test_calls_about_one_operation_are_counted(app: App, clock: FixedClock) -> None:
    begun = begin()
    for _ in range(calls.PER_OPERATION.most):
        app.fetch(begun.address, **{"ts-sign": b64(b"x")})

    assert said(app.fetch(begun.address)) == (403, "limit.reached")


def test_only_the_calls_of_the_protocol_are_taken(client: Client) -> None:
    assert client.post("/sima/GetFile/").status_code == 405
    assert client.get("/sima/Callback/").status_code == 405


# Signing a document

APPLICATION = b'{"number":"DL-2026-000001"}'


def test_a_signature_is_the_same_kind_as_the_telephones(app: App, service: Service) -> None:
    begun = begin(operations.Document(APPLICATION, "A.json", Fin(app.who.person.fin)))
    given = app.fetch(begun.address, "Sign").json()
    data = base64.b64decode(given["data"])

    app.answer(begun, data, "Sign")
    answered = outcome(begun)

    assert base64.b64decode(given["document"]["data"]) == APPLICATION
    assert answered is not None
    digest = hashlib.sha256(der.tlv(der.SET, answered.attributes)).digest()
    prepared = advanced.Prepared(answered.attributes, digest)
    cades = advanced.assemble(prepared, answered.signature, answered.chain)
    signature = advanced.verify(cades, APPLICATION, service.anchors, SystemClock().now())
    assert signature.signer.fin == app.who.person.fin


def test_nobody_but_the_applicant_gets_or_signs_the_document(app: App) -> None:
    begun = begin(operations.Document(APPLICATION, "A.json", Fin("1SM0000")))

    assert said(app.fetch(begun.address, "Sign")) == (403, "sima.another_person")
    assert outcome(begun) is None


def test_a_stranger_with_a_revoked_certificate_does_not_end_the_applicants_operation(
    app: App, service: Service
) -> None:
    begun = begin(operations.Document(APPLICATION, "A.json", Fin("1SM0000")))
    service.centre.issuance.revoke(app.who.signature, Reason.KEY_COMPROMISE)

    assert said(app.fetch(begun.address, "Sign")) == (403, "certificate.revoked")
    assert outcome(begun) is None


def test_an_operation_that_nobody_knows_is_over() -> None:
    with pytest.raises(Refused):
        operations.outcome("nobody", at=settings.CLOCK.now())
