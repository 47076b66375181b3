"""One person's application: a link is looked at, a key is opened, the data fetched and signed."""

import base64
import hashlib
import json
import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Missing, Refused, Unavailable
from pencere.simulators.phones.sim import Purpose, Sim
from pencere.simulators.sima.container import Question, read_link

log = logging.getLogger(__name__)

ALGORITHM = "SHA256withECDSA"
LARGEST_DATA = 1_000_000
TIMEOUT_S = 10
PURPOSES: dict[str, Purpose] = {"Auth": "authentication", "Sign": "signature"}
_SET, _OCTETS_OF_32 = b"\x31", b"\x04\x20"


@dataclass(frozen=True)
class Fetched:
    """What the relying party gave, and the key that was opened for it."""

    question: Question
    data: bytes
    name: str
    document: bytes | None
    key: ec.EllipticCurvePrivateKey

    @property
    def text(self) -> str:
        """The document as a person reads it."""
        try:
            said = json.loads(self.document or b"{}")
            return json.dumps(said, ensure_ascii=False, indent=2)
        except (ValueError, RecursionError):
            return (self.document or b"").decode(errors="replace")


class Wallet:
    """The application of one person. Safe to share between threads."""

    def __init__(self, sim: Sim, clients: Mapping[str, str], clock: Clock) -> None:
        self.sim = sim
        self._clients = clients
        self._clock = clock
        self._fetched: dict[str, Fetched] = {}
        self._lock = threading.Lock()

    def look(self, link: str) -> Question:
        """Return what a link asks of this person.

        Raises:
            Invalid, Refused: as `read_link`; `link.early`, `link.over`, `link.other_person`.
        """
        question = read_link(link, self._clients)
        now = int(self._clock.now().timestamp())
        if now < question.begins:
            raise Refused("link.early")
        if now >= question.ends:
            raise Refused("link.over")
        if question.assignee and self._number not in question.assignee:
            raise Refused("link.other_person")
        return question

    def open(self, link: str, pin: str) -> str:
        """Fetch the data with the key that the PIN opens; return a handle for `sign`.

        Raises:
            Refused: `pin.wrong`, `pin.blocked`, `site.refused` with the site's `reason`,
                `site.lied`: the data is not what the link says.
            Unavailable: `site.silent`.
        """
        question = self.look(link)
        purpose = PURPOSES[question.kind]
        key = self.sim.unlock(purpose, pin)
        headers = self._proof(key, purpose, question.path_and_query.encode())
        said = _call("GET", question.address, headers, None)
        fetched = _read(question, said, key)
        handle = secrets.token_urlsafe(16)
        with self._lock:
            now = int(self._clock.now().timestamp())
            self._fetched = {
                name: one for name, one in self._fetched.items() if one.question.ends > now
            }
            self._fetched[handle] = fetched
        return handle

    def fetched(self, handle: str) -> Fetched:
        """Return what waits for the last press.

        Raises:
            Missing: `link.over`: signed, refused, or too old.
        """
        with self._lock:
            found = self._fetched.get(handle)
        if found is None or found.question.ends <= int(self._clock.now().timestamp()):
            raise Missing("link.over")
        return found

    def sign(self, handle: str) -> Question:
        """Sign, send the answer, and let the key go.

        Raises:
            Refused: `site.refused`. Unavailable: `site.silent`; the same press may be tried again.
        """
        fetched = self.fetched(handle)
        question, purpose = fetched.question, PURPOSES[fetched.question.kind]
        body = json.dumps(
            {
                "Type": question.kind,
                "OperationId": question.operation,
                "DataSignature": _sign(fetched.key, fetched.data),
                "SignedDataHash": _encode(hashlib.sha256(fetched.data).digest()),
                "AlgName": ALGORITHM,
            }
        ).encode()
        headers = self._proof(fetched.key, purpose, body)
        _call("POST", question.callback, headers | {"Content-Type": "application/json"}, body)
        self.forget(handle)
        log.info("sima_signed kind=%s", question.kind)
        return question

    def forget(self, handle: str) -> None:
        """Let a key go that was opened for an answer."""
        with self._lock:
            self._fetched.pop(handle, None)

    def certificate_ends(self) -> datetime:
        """Return when the certificate to sign in ends."""
        return self.sim.certificate("authentication").not_valid_after_utc

    @property
    def _number(self) -> str:
        (found,) = self.sim.certificate("authentication").subject.get_attributes_for_oid(
            NameOID.SERIAL_NUMBER
        )
        return str(found.value).partition("-")[2]

    def _proof(
        self, key: ec.EllipticCurvePrivateKey, purpose: Purpose, signed: bytes
    ) -> dict[str, str]:
        certificate = self.sim.certificate(purpose).public_bytes(Encoding.DER)
        return {
            "ts-cert": _encode(certificate),
            "ts-sign": _sign(key, signed),
            "ts-sign-alg": ALGORITHM,
        }


def _read(question: Question, said: dict[str, object], key: ec.EllipticCurvePrivateKey) -> Fetched:
    """Take the data only if it is about the document that the link names and that is shown."""
    try:
        data = base64.b64decode(str(said["data"]), validate=True)
        name = str(said["filename"])[:100]
        beside = said.get("document")
        document = (
            base64.b64decode(str(beside["data"]), validate=True)
            if isinstance(beside, dict)
            else None
        )
    except (ValueError, KeyError) as error:
        raise Refused("site.lied") from error
    if question.kind == "Sign":
        digest = hashlib.sha256(document if document is not None else data).digest()
        if digest != question.sha256:
            raise Refused("site.lied")
        if document is not None and not _is_about(data, digest):
            raise Refused("site.lied")
        document = data if document is None else document
    return Fetched(question, data, name, document, key)


def _is_about(attributes: bytes, digest: bytes) -> bool:
    """Say whether these are the signed attributes (CMS) of content with this digest."""
    return attributes.startswith(_SET) and _OCTETS_OF_32 + digest in attributes


def _call(
    method: str, address: str, headers: Mapping[str, str], body: bytes | None
) -> dict[str, object]:
    try:
        with requests.request(
            method,
            address,
            headers=dict(headers),
            data=body,
            timeout=TIMEOUT_S,
            allow_redirects=False,
            stream=True,
        ) as response:
            content = response.raw.read(LARGEST_DATA + 1, decode_content=True)
        said = json.loads(content) if len(content) <= LARGEST_DATA else None
    except (requests.RequestException, OSError, ValueError) as error:
        raise Unavailable("site.silent") from error
    if not isinstance(said, dict):
        raise Unavailable("site.silent")
    if response.status_code >= 500:
        raise Unavailable("site.silent")
    if response.status_code != 200:
        raise Refused("site.refused", reason=str(said.get("errormessage", ""))[:60])
    return said


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> str:
    return _encode(key.sign(data, ec.ECDSA(hashes.SHA256())))


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
