"""A phone asks the certification centre for certificates: with a code, or to renew them."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Unavailable
from pencere.simulators.phones.link import answer_of
from pencere.simulators.phones.sim import Card, Pins, write_durably
from pencere.simulators.phones.split import (
    Made,
    forget_halves,
    made_in,
    make_device,
    make_keys,
    refuse_other_pins,
)

RENEWAL_PREFIX = b"pencere renewal v1\x00"


@dataclass(frozen=True)
class Answer:
    """What the centre answers; certificates are DER."""

    device: str
    person: dict[str, str]
    authentication: bytes
    signature: bytes


@dataclass(frozen=True)
class Enrolling:
    """The line to the centre for phones that are not, or not yet, known there."""

    trust_url: str

    def enrol(self, folder: Path, number: str, code: str, pins: Pins, passphrase: str) -> str:
        """Make a new phone for an application; return its short name.

        Keys are made once for an application: after a wrong code or a broken line the same
        phone asks again, with the same PINs.

        Raises:
            Invalid: `enrolment.number`, `pin.form`, `puk.form`. Refused: `pin.other`,
                `enrolment.code` with `left`, `enrolment.blocked`, `enrolment.expired`,
                `enrolment.used`. Unavailable: `phone.offline`.
        """
        if not (number.isascii() and number.isdigit() and 1 <= len(number) <= 12):
            raise Invalid("enrolment.number")
        staged = folder / f".application-{int(number):08d}"
        if not (staged / "device.pub").exists():
            make_keys(staged, pins)
            make_device(staged, passphrase)
        if not (staged / "card.json").exists():
            refuse_other_pins(staged, pins)
            content = {"number": number, **_fields(made_in(staged))}
            self._keep(staged, self._post("/ra/enrolments", {**content, "code": code}))
        forget_halves(folder, staged.name)
        name = str(json.loads((staged / "card.json").read_text("utf-8"))["name"])
        staged.rename(folder / name)  # a phone is there when its folder has its name
        return name

    @staticmethod
    def _keep(staged: Path, answer: Answer) -> None:
        write_durably(staged / "authentication.crt", answer.authentication)
        write_durably(staged / "signature.crt", answer.signature)
        card = Card(
            f"p-{secrets.token_hex(4)}",
            answer.person["surname"],
            answer.person["given_name"],
            answer.person["phone"],
            "",
            answer.device,
        )
        write_durably(staged / "card.json", canonical_json(asdict(card)))

    def renew(self, device: str, made: Made, key: ec.EllipticCurvePrivateKey) -> Answer:
        """Have new keys certified on the word of the present key to sign in.

        Raises:
            Refused: `renewal.early`, `renewal.certificate`, `renewal.proof`.
        """
        content = {"device": device, **_fields(made)}
        proof = key.sign(RENEWAL_PREFIX + canonical_json(content), ec.ECDSA(hashes.SHA256()))
        return self._post("/mid/device/renewal", {**content, "proof": _text(proof)})

    def _post(self, path: str, content: dict[str, Any]) -> Answer:
        try:
            response = requests.post(self.trust_url + path, json=content, timeout=30)
            body = response.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("phone.offline") from error
        answer = answer_of(response.status_code, body)
        return Answer(
            str(answer["device"]),
            {name: str(value) for name, value in answer["person"].items()},
            base64.b64decode(answer["authentication"]),
            base64.b64decode(answer["signature"]),
        )


def _fields(made: Made) -> dict[str, Any]:
    requests_made = made.requests
    return {
        "authenticationRequest": _text(requests_made.authentication_request),
        "signatureRequest": _text(requests_made.signature_request),
        "deviceKey": _text(requests_made.device_key),
        "pins": {name: one.as_json() for name, one in (made.halves or {}).items()},
    }


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
