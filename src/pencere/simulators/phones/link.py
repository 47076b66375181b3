"""A phone's line to the certification centre: it waits there for requests and sends answers.

Wire: docs/specs/mobile-signing.md, "The phone". One thread a phone, ended with the process.
"""

import base64
import binascii
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused, Unavailable
from pencere.simulators.phones.sim import PURPOSES, Purpose
from pencere.simulators.phones.split import SplitSim
from pencere.simulators.phones.vault import Half

log = logging.getLogger(__name__)

CHALLENGE_PREFIX = b"pencere device challenge v1\x00"
WAIT_S = 25
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Request:
    """A request that waits on the phone."""

    id: str
    purpose: Purpose
    relying_party: str
    text: str
    language: str
    digest: bytes
    hash_type: str
    expires_at: datetime

    @property
    def code(self) -> str:
        """The four digits to compare with the page: six first and seven last bits."""
        return f"{(self.digest[0] >> 2) << 7 | self.digest[-1] & 0x7F:04d}"


class Link:
    """One phone's requests and answers."""

    def __init__(self, sim: SplitSim, trust_url: str) -> None:
        self._sim = sim
        self._url = trust_url + "/mid/device"
        self._session = requests.Session()
        self._token: str | None = None
        self._requests: dict[str, Request] = {}
        self._answered: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.is_connected = False

    def start(self) -> None:
        """Begin to wait for requests."""
        threading.Thread(target=self._run, name="phone", daemon=True).start()

    def stop(self) -> None:
        """Stop waiting; a wait under way ends by itself or with the process."""
        self._stop.set()

    def reopen(self) -> None:
        """Prove the phone anew: it has another number at the centre."""
        self._token = None

    def requests(self, at: datetime) -> list[Request]:
        """Return what waits, oldest first."""
        with self._lock:
            return [one for one in self._requests.values() if one.expires_at > at]

    def find(self, identifier: str, at: datetime) -> Request:
        """Return one that waits.

        Raises:
            Missing: `request.over`: answered, expired, or never there.
        """
        for one in self.requests(at):
            if one.id == identifier:
                return one
        raise Missing("request.over")

    def answer(self, request: Request, result: str, signature: bytes | None = None) -> None:
        """Send an answer.

        Raises:
            Missing: `request.over`. Refused: `request.refused`, the centre does not accept it.
            Unavailable: `phone.offline`; the request still waits.
        """
        content = {"result": result}
        if signature is not None:
            content["signature"] = base64.b64encode(signature).decode()
        try:
            response = requests.post(
                f"{self._url}/requests/{request.id}",
                json=content,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=10,
            )
        except requests.RequestException as error:
            raise Unavailable("phone.offline") from error
        if response.status_code in {401, 503} or response.status_code >= 500:
            raise Unavailable("phone.offline")
        with self._lock:
            self._answered.add(request.id)
            self._requests.pop(request.id, None)
        if response.status_code in {404, 409}:
            raise Conflict("request.over")
        if response.status_code != 200:
            raise Refused("request.refused")

    def pin(self, purpose: Purpose, proof: bytes, request: Request | None = None) -> bytes:
        """Return the centre's share for the proof of a PIN.

        Raises:
            Refused: `pin.wrong` with `left`, `pin.blocked`. Missing: `request.over`.
            Unavailable: `phone.offline`.
        """
        content = {"purpose": purpose, "proof": _text(proof)}
        if request is not None:
            content["request"] = request.id
        return base64.b64decode(self._ask("/pin", content)["share"])

    def puk(self, proof: bytes) -> bytes:
        """Return the centre's share for the proof of the PUK.

        Raises:
            Refused: `puk.wrong` with `left`, `puk.blocked`. Unavailable: `phone.offline`.
        """
        return base64.b64decode(self._ask("/puk", {"proof": _text(proof)})["share"])

    def new_pin(self, purpose: Purpose, proof: bytes, half: Half) -> None:
        """Hand over the centre's half of a new PIN, with the PUK's proof."""
        self._ask("/puk", {"proof": _text(proof), "purpose": purpose, "pin": half.as_json()})

    def new_puk(self, code: str, proofs: dict[Purpose, bytes], half: Half) -> None:
        """Hand over the centre's half of a new PUK, with a code and the proofs of both PINs.

        Raises:
            Refused: `enrolment.code` and its kin, `pin.wrong`, `pin.blocked`.
        """
        given = {one: _text(proofs[one]) for one in PURPOSES}
        self._ask("/puk/renewal", {"code": code, "proofs": given, "puk": half.as_json()})

    def _ask(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        try:
            response = requests.post(
                self._url + path,
                json=content,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=10,
            )
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("phone.offline") from error
        return answer_of(response.status_code, answer)

    def _look_at_tries(self, token: str) -> None:
        response = self._session.get(
            self._url + "/pins", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        response.raise_for_status()
        self._sim.note_tries({name: int(left) for name, left in response.json()["pins"].items()})

    def _run(self) -> None:
        pause_s = 0.5
        while not self._stop.is_set():
            try:
                token = self._token
                if token is None:
                    token = self._token = self._open()
                self._look_at_tries(token)
                self._wait(token)
                self.is_connected, pause_s = True, 0.5
            except (requests.RequestException, Invalid, ValueError, KeyError, TypeError) as error:
                if self.is_connected:
                    log.warning("phone_offline error=%s", type(error).__name__)
                self.is_connected = False
                self._token = None
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _open(self) -> str:
        """Prove to the centre which phone this is, and return the token for it."""
        device = self._sim.card.device
        if device is None:
            raise Invalid("phone.not_enrolled")
        given = self._post("/challenge", {"device": device})["challenge"]
        proof = self._sim.prove(CHALLENGE_PREFIX + base64.b64decode(given))
        answer = self._post(
            "/session",
            {
                "device": device,
                "challenge": given,
                "signature": base64.b64encode(proof).decode(),
            },
        )
        self.is_connected = True
        return str(answer["token"])

    def _post(self, path: str, content: dict[str, str]) -> dict[str, Any]:
        response = self._session.post(self._url + path, json=content, timeout=10)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def _wait(self, token: str) -> None:
        with self._lock:
            known = ",".join(self._requests)
        began = time.monotonic()
        response = self._session.get(
            self._url + "/requests",
            params={"known": known, "timeoutMs": str(WAIT_S * 1000)},
            headers={"Authorization": f"Bearer {token}"},
            timeout=WAIT_S + 10,
        )
        response.raise_for_status()
        answer = response.json()
        if answer["changed"]:
            found = [_request(one) for one in answer["requests"]]
            with self._lock:
                self._requests = {one.id: one for one in found if one.id not in self._answered}
            if time.monotonic() - began < 0.05:
                # An answer just given may not have reached the list yet; do not spin on it.
                self._stop.wait(0.2)


def answer_of(status: int, answer: object) -> dict[str, Any]:
    """Return what the centre answered, or raise what it refused.

    Raises:
        Refused: its own code, with `left` where tries are counted. Unavailable: `phone.offline`.
    """
    if not isinstance(answer, dict) or status >= 500:
        raise Unavailable("phone.offline")
    if status == 200:
        return answer
    code = str(answer.get("error", "")).split(" ", maxsplit=1)[0]
    if code in {"device.token", "request.bearer", ""}:
        raise Unavailable("phone.offline")
    if code == "session.missing":
        raise Missing("request.over")
    left = answer.get("left")
    raise Refused(code, **({"left": left} if isinstance(left, int) else {}))


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _request(given: dict[str, Any]) -> Request:
    kind: Purpose = "signature" if given["kind"] == "signature" else "authentication"
    try:
        digest = base64.b64decode(given["hash"], validate=True)
    except binascii.Error as error:
        raise Invalid("phone.digest") from error
    return Request(
        str(given["id"]),
        kind,
        str(given["relyingParty"]),
        str(given["text"]),
        str(given["language"]),
        digest,
        str(given["hashType"]),
        datetime.fromisoformat(given["expiresAt"]),
    )
