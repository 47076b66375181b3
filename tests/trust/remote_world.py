"""People with remote keys, and applications that ask for them, at the running service."""

import base64
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tests.trust.conftest import Enrolee, Service

from pencere.trust.devices import CHALLENGE_PREFIX
from pencere.trust.remote import clients
from pencere.trust.remote.tokens import challenge_of

PIN = "270519"
CLIENT, BACK = "desk.test", "https://desk.test/back?from=centre"
VERIFIER = "v" * 50


@dataclass
class Phone:
    """The person's phone, answering over the wire what it is told to."""

    service: Service
    owner: Enrolee

    def __post_init__(self) -> None:
        url = f"{self.service.base_url}/mid/device"
        device = self.owner.enrolled.device_id
        challenge = requests.post(f"{url}/challenge", json={"device": device}, timeout=10).json()
        given = base64.b64decode(challenge["challenge"])
        proof = self.owner.phone.device.sign(CHALLENGE_PREFIX + given, ec.ECDSA(hashes.SHA256()))
        opened = requests.post(
            f"{url}/session",
            json={
                "device": device,
                "challenge": challenge["challenge"],
                "signature": base64.b64encode(proof).decode(),
            },
            timeout=10,
        ).json()
        self._headers = {"Authorization": f"Bearer {opened['token']}"}
        self._url = url

    def waiting(self, *, wait_ms: int = 5000) -> list[dict[str, Any]]:
        answer = requests.get(
            f"{self._url}/requests?known=&timeoutMs={wait_ms}", headers=self._headers, timeout=10
        ).json()
        return answer.get("requests", [])

    def answer(self, *, result: str = "OK") -> dict[str, Any]:
        """Answer the newest request; return it."""
        found = self.waiting()[-1]
        content = {"result": result}
        if result == "OK":
            key = getattr(self.owner.phone, found["kind"])
            signature = key.sign(
                base64.b64decode(found["hash"]), ec.ECDSA(utils.Prehashed(hashes.SHA256()))
            )
            content["signature"] = base64.b64encode(signature).decode()
        answered = requests.post(
            f"{self._url}/requests/{found['id']}", json=content, headers=self._headers, timeout=10
        )
        assert answered.status_code == 200, answered.text
        return found

    @contextmanager
    def answering(self, result: str = "OK") -> Iterator[None]:
        """Answer one request in the background."""
        thread = threading.Thread(target=self.answer, kwargs={"result": result})
        thread.start()
        yield
        thread.join(15)


@dataclass
class Holder:
    """A person with a remote key; `token` is a client's for the scope `service`."""

    service: Service
    enrolee: Enrolee
    phone: Phone
    credential: str
    puk: str
    token: str

    @property
    def fin(self) -> str:
        return self.enrolee.person.fin

    def call(self, path: str, *, version: str = "v1", token: str | None = None, **content: Any):
        return requests.post(
            f"{self.service.base_url}/csc/{version}/{path}",
            json=content,
            headers={"Authorization": f"Bearer {token or self.token}"},
            timeout=30,
        )

    def code(self) -> str:
        """Have a code sent and read it on the phone."""
        answer = self.call("credentials/sendOTP", credentialID=self.credential)
        assert answer.status_code == 204, answer.text
        found = re.search(r"\b\d{6}\b", self.phone.waiting()[-1]["text"])
        assert found is not None
        return found[0]

    def authorize(self, *digests: bytes, pin: str = PIN, code: str | None = None) -> Any:
        code = code if code is not None else self.code()
        try:
            return self.call(
                "credentials/authorize",
                credentialID=self.credential,
                numSignatures=len(digests),
                hash=[base64.b64encode(one).decode() for one in digests],
                PIN=pin,
                OTP=code,
            )
        finally:
            # So that the phone does not fill up with requests of a test.
            with psycopg.connect(self.service.centre.issuance.conninfo) as connection:
                connection.execute(
                    "update trust.session set result = 'TIMEOUT', completed_at = now()"
                    " where device = %s and result is null",
                    (self.enrolee.enrolled.device_id,),
                )

    def sign(self, sad: str, *digests: bytes, **changes: Any) -> Any:
        return self.call(
            "signatures/signHash",
            **{
                "credentialID": self.credential,
                "SAD": sad,
                "hash": [base64.b64encode(one).decode() for one in digests],
                "signAlgo": "1.2.840.10045.4.3.2",
                **changes,
            },
        )


def register_clients(service: Service, *, seals: tuple[str, ...] = ()) -> str:
    """Register the portal, a public client and one with a secret; return the secret."""
    secret = secrets.token_urlsafe(32)
    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        for one in (
            clients.Registration(
                "portal",
                "Pəncərə portalı",
                secret,
                ("https://portal.test/az/remote-keys/",),
                relying_party=service.relying_party.uuid,
            ),
            clients.Registration(CLIENT, "Masaüstü imza", None, (BACK,)),
            clients.Registration("body.test", "Qurum sistemi", secret, (BACK,), seals),
        ):
            clients.register(connection, one)
    return secret


def enrol(
    service: Service, fin: str, number: str, *, algorithm: str = "P-256", pin: str = PIN
) -> tuple[Enrolee, str, str]:
    """Bring a person to a remote key the way a portal does; return credential id and PUK."""
    enrolee = service.enrol(fin, number)
    page = begin(service, enrolee, algorithm)
    made = requests.post(page, data={"pin": pin, "again": pin}, timeout=30)
    assert made.status_code == 200, made.text
    puk = re.search(r"<strong>([0-9 ]{11})</strong>", made.text)
    credential = re.search(r"<code>(r-[^<]+)</code>", made.text)
    assert puk is not None
    assert credential is not None
    return enrolee, credential[1], puk[1].replace(" ", "")


def begin(service: Service, enrolee: Enrolee, algorithm: str = "P-256") -> str:
    """Take an enrolment to the page where the PIN is chosen."""
    begun = portal(
        service,
        "enrolments",
        nationalIdentityNumber=enrolee.person.fin,
        keyAlgorithm=algorithm,
        language="az",
        returnURI="https://portal.test/az/remote-keys/",
    )
    assert begun.status_code == 201, begun.text
    digest = base64.b64decode(begun.json()["hash"])
    signature = enrolee.phone.signature.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    proven = portal(
        service,
        f"enrolments/{begun.json()['enrolmentID']}/proof",
        certificate=base64.b64encode(enrolee.enrolled.signature).decode(),
        signature=base64.b64encode(signature).decode(),
    )
    assert proven.status_code == 200, proven.text
    return str(proven.json()["page"])


def portal(service: Service, path: str, **content: Any) -> requests.Response:
    return requests.post(
        f"{service.base_url}/remote/{path}",
        json={"relyingPartyUUID": str(service.relying_party.uuid), **content},
        headers={"Authorization": f"Bearer {service.secret}"},
        timeout=30,
    )


@dataclass
class Browser:
    """A person's browser on the centre's pages."""

    service: Service

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self.page: requests.Response | None = None

    def open(self, **parameters: str) -> requests.Response:
        """Follow a client's link to the centre, up to the page or back to the client."""
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "state": "s1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **parameters,
        }
        answer = self._session.get(
            f"{self.service.base_url}/oauth2/authorize",
            params={name: value for name, value in asked.items() if value},
            timeout=10,
            allow_redirects=False,
        )
        return self._follow(answer)

    def send(self, **fields: str) -> requests.Response:
        """Send the form of the page."""
        assert self.page is not None
        return self._follow(
            self._session.post(
                self.page.url, data={"answer": "agree", **fields}, timeout=30, allow_redirects=False
            )
        )

    def wait(self) -> dict[str, str]:
        """Wait with the page until it goes back to the client; return what it brings."""
        for _ in range(50):
            assert self.page is not None
            url = self.page.url.split("?")[0] + "?wait=1"
            answer = self._session.get(url, timeout=40, allow_redirects=False)
            if answer.status_code == 303:
                return back_of(answer)
            assert answer.status_code == 200, answer.text
            time.sleep(0.1)
        raise AssertionError

    def _follow(self, answer: requests.Response) -> requests.Response:
        while answer.status_code == 303 and answer.headers["location"].startswith("/"):
            answer = self._session.get(
                self.service.base_url + answer.headers["location"],
                timeout=10,
                allow_redirects=False,
            )
        self.page = answer
        return answer


def back_of(answer: requests.Response) -> dict[str, str]:
    """Return the parameters with which the browser is sent back to the client."""
    place = answer.headers["location"]
    assert place.startswith("https://desk.test/back?"), place
    return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}


def redeem(service: Service, code: str, **changes: str) -> requests.Response:
    """Bring a code to the token endpoint, as the public client."""
    fields = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    return requests.post(
        f"{service.base_url}/oauth2/token",
        data={name: value for name, value in fields.items() if value},
        timeout=20,
    )


def holder_of(service: Service, fin: str, number: str, *, algorithm: str = "P-256") -> Holder:
    """Return a person with a remote key, who has let the public client see it."""
    enrolee, credential, puk = enrol(service, fin, number, algorithm=algorithm)
    phone, browser = Phone(service, enrolee), Browser(service)
    browser.open(scope="service")
    sent = browser.send(fin=fin, number=number)
    assert sent.status_code == 200, sent.text
    phone.answer()
    token = redeem(service, browser.wait()["code"]).json()["access_token"]
    return Holder(service, enrolee, phone, credential, puk, token)


def leaves(service: Service, kind: str) -> list[bytes]:
    """Return the entries of a kind in the order in which they came."""
    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        rows = connection.execute(
            "select entry from ledger.pending where kind = %s order by id", (kind,)
        ).fetchall()
    return [bytes(row[0]) for row in rows]
