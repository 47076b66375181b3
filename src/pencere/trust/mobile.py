"""The relying party's side of mobile signing: a person signs in or signs with their phone.

Nothing that comes back is believed before it is verified here: the signature over the very hash
that was sent, the certificate's path, purpose and status, and that it is the person who was
asked. Who the person is stands in the certificate, not in the answer.
"""

import base64
import binascii
import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Invalid, Refused, Unavailable
from pencere.kernel.identifiers import Fin, Phone, parse_fin
from pencere.trust.sessions import is_signed
from pencere.trust.validation import OcspClient, StatusSource, is_self_issued, validate_chain

LANGUAGES = {"az": "AZE", "en": "ENG", "ru": "RUS"}
ENDINGS = {
    "USER_CANCELLED": "mobile.cancelled",
    "TIMEOUT": "mobile.timeout",
    "PHONE_ABSENT": "mobile.phone_absent",
    "NOT_MID_CLIENT": "mobile.no_client",
    "SIGNATURE_HASH_MISMATCH": "mobile.signature_false",
    "SIM_ERROR": "mobile.pin_blocked",
    "DELIVERY_ERROR": "mobile.delivery",
}
Kind = Literal["authentication", "signature"]


@dataclass(frozen=True)
class RelyingParty:
    """As it is registered with the certification centre; people see `name` on the phone."""

    uuid: uuid.UUID
    name: str


@dataclass(frozen=True)
class Identity:
    """Who signed, from the certificate."""

    fin: Fin
    surname: str
    given_name: str


@dataclass(frozen=True)
class Session:
    """A question that is on its way. Texts only, so it can be kept in a web session as JSON."""

    id: str
    verification_code: str
    kind: Kind
    fin: str
    digest: str

    def as_json(self) -> dict[str, str]:
        """Return the fields; `Session(**fields)` makes it again."""
        return {
            "id": self.id,
            "verification_code": self.verification_code,
            "kind": self.kind,
            "fin": self.fin,
            "digest": self.digest,
        }


@dataclass(frozen=True)
class Waiting:
    """The person has not answered yet."""


@dataclass(frozen=True)
class Signed:
    """A verified answer; `signature` is a DER Ecdsa-Sig-Value over the session's digest.

    `chain` is the certificate's path without the anchor: for a CMS or a container.
    """

    identity: Identity
    certificate: x509.Certificate
    signature: bytes
    chain: tuple[x509.Certificate, ...]


def verification_code(digest: bytes) -> str:
    """Return the four digits that phone and page show: six first and seven last bits."""
    return f"{(digest[0] >> 2) << 7 | digest[-1] & 0x7F:04d}"


@dataclass
class MobileIdClient:
    """Asks people's phones through the certification centre at `base_url`.

    `anchors` holds the roots and the issuing authorities of persons; a path ends at a root.

    Raises, in every method:
        Unavailable: `mobile.unavailable`, the service does not answer; ask again later.
        Refused: `mobile.refused`, it does not know this relying party.
        Invalid: what was asked cannot be asked.
    """

    base_url: str
    relying_party: RelyingParty
    secret: str
    anchors: Sequence[x509.Certificate]
    clock: Clock = field(default_factory=SystemClock)
    ocsp: StatusSource = field(default_factory=OcspClient)
    timeout_s: float = 10.0

    def authenticate(self, fin: Fin, phone: Phone, text: str, language: str) -> Session:
        """Ask the person to sign in; the session's code is shown beside the phone's."""
        digest = hashlib.sha256(secrets.token_bytes(64)).digest()
        return self._start("authentication", fin, phone, digest, text, language)

    def sign(self, fin: Fin, phone: Phone, digest: bytes, text: str, language: str) -> Session:
        """Ask the person to sign a SHA-256 digest, such as that of `advanced.prepare`."""
        return self._start("signature", fin, phone, digest, text, language)

    def certificate(self, fin: Fin, phone: Phone) -> x509.Certificate:
        """Return the person's signature certificate, validated.

        Raises:
            Refused: `mobile.no_client`: no such phone, or what `validate_chain` raises.
        """
        answer = self._call(
            "POST",
            "/mid/certificate",
            {**self._about_us(), "phoneNumber": phone, "nationalIdentityNumber": fin},
        )
        if answer.get("result") != "OK":
            raise Refused("mobile.no_client")
        certificate = _certificate(answer.get("cert"))
        self._validate(certificate, "signature", fin)
        return certificate

    def poll(self, session: Session, *, wait_s: float = 0.0) -> Waiting | Signed:
        """Return what became of a session, after waiting up to `wait_s` for the person.

        Raises:
            Refused: `mobile.cancelled`, `mobile.timeout`, `mobile.phone_absent`,
                `mobile.no_client`, `mobile.signature_false`, `mobile.pin_blocked`,
                `mobile.delivery`, `mobile.another_person`; `mobile.session_over`, it is not
                known any more; what `validate_chain` raises.
        """
        path = f"/mid/{session.kind}/session/{session.id}?timeoutMs={int(wait_s * 1000)}"
        answer = self._call("GET", path, None, wait_s=wait_s)
        if answer.get("state") != "COMPLETE":
            return Waiting()
        result = answer.get("result")
        if result != "OK":
            raise Refused(ENDINGS.get(str(result), "mobile.failed"))
        certificate = _certificate(answer.get("cert"))
        signature = _signature(answer.get("signature"))
        digest = bytes.fromhex(session.digest)
        if not is_signed(certificate, digest, "SHA256", signature):
            raise Refused("mobile.signature_false")
        path_found = self._validate(certificate, session.kind, session.fin)
        return Signed(identity_of(certificate), certificate, signature, path_found[:-1])

    def _start(  # noqa: PLR0913, PLR0917 -- the fields of one question
        self, kind: Kind, fin: Fin, phone: Phone, digest: bytes, text: str, language: str
    ) -> Session:
        answer = self._call(
            "POST",
            f"/mid/{kind}",
            {
                **self._about_us(),
                "phoneNumber": phone,
                "nationalIdentityNumber": fin,
                "hash": base64.b64encode(digest).decode(),
                "hashType": "SHA256",
                "language": LANGUAGES[language],
                "displayText": text,
                "displayTextFormat": "UCS-2",
            },
        )
        try:
            identifier = str(uuid.UUID(str(answer.get("sessionID"))))
        except ValueError as error:
            raise Unavailable("mobile.unavailable", reason="answer") from error
        return Session(identifier, verification_code(digest), kind, fin, digest.hex())

    def _about_us(self) -> dict[str, str]:
        return {
            "relyingPartyUUID": str(self.relying_party.uuid),
            "relyingPartyName": self.relying_party.name,
        }

    def _validate(
        self, certificate: x509.Certificate, kind: Kind, fin: str
    ) -> tuple[x509.Certificate, ...]:
        path = validate_chain(
            certificate,
            [one for one in self.anchors if not is_self_issued(one)],
            [one for one in self.anchors if is_self_issued(one)],
            self.clock.now(),
            f"person-{kind}",
            self.ocsp,
        )
        if identity_of(certificate).fin != fin:
            raise Refused("mobile.another_person")
        return path

    def _call(
        self, method: str, path: str, content: dict[str, str] | None, *, wait_s: float = 0.0
    ) -> dict[str, Any]:
        try:
            response = requests.request(
                method,
                self.base_url + path,
                json=content,
                headers={
                    "Authorization": f"Bearer {self.secret}",
                    "Relying-Party-UUID": str(self.relying_party.uuid),
                },
                timeout=self.timeout_s + wait_s,
                allow_redirects=False,
            )
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("mobile.unavailable", reason=type(error).__name__) from error
        if response.status_code == 200 and isinstance(answer, dict):
            return answer
        code = str(answer.get("error", "")) if isinstance(answer, dict) else ""
        if response.status_code == 404:
            raise Refused("mobile.session_over")
        if response.status_code == 401:
            raise Refused("mobile.refused", reason=code)
        if response.status_code == 400:
            raise Invalid("mobile.invalid", reason=code)
        raise Unavailable("mobile.unavailable", reason=f"status {response.status_code}")


def identity_of(certificate: x509.Certificate) -> Identity:
    """Return who a person's certificate is about.

    Raises:
        Refused: `certificate.untrusted`, it is not a person's.
    """
    values = {attribute.oid: str(attribute.value) for attribute in certificate.subject}
    identifier = values.get(NameOID.SERIAL_NUMBER, "")
    try:
        fin = parse_fin(identifier.partition("-")[2])
        if not identifier.startswith("PNO"):
            raise Refused("certificate.untrusted", reason="not a person")
        return Identity(fin, values[NameOID.SURNAME], values[NameOID.GIVEN_NAME])
    except (Invalid, KeyError) as error:
        raise Refused("certificate.untrusted", reason="not a person") from error


def _certificate(given: object) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(str(given), validate=True))
    except (ValueError, binascii.Error) as error:
        raise Refused("mobile.signature_false", reason="certificate") from error


def _signature(given: object) -> bytes:
    if not isinstance(given, dict) or given.get("algorithm") != "SHA256WithECEncryption":
        raise Refused("mobile.signature_false", reason="algorithm")
    try:
        raw = base64.b64decode(str(given.get("value")), validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refused("mobile.signature_false", reason="encoding") from error
    if len(raw) != 64:
        raise Refused("mobile.signature_false", reason="length")
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
