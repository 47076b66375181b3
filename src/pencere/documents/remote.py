"""The services that a seal needs, over HTTP: signing (CSC v1), time-stamps, certificate status.

Connections are kept open; what may be remembered is remembered for minutes, never the status of
the key that seals.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from pencere.kernel.errors import Refused, Unavailable

TIMEOUT_S = 5.0
_LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
_REMEMBERED_S = 300.0

_SHA256 = "2.16.840.1.101.3.4.2.1"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"


class Http:
    """Kept connections, bounded answers, and errors of our own family."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sessions = threading.local()

    def post(
        self, url: str, *, content: bytes | None = None, value: object = None, **headers: str
    ) -> bytes:
        """POST bytes, or a value as JSON, and return the body of a 200.

        Raises:
            Refused: `<name>.refused` for an answer of 4xx.
            Unavailable: `<name>.unavailable` for anything else that is no answer.
        """
        return self._ask("POST", url, content, value, headers)

    def get(self, url: str) -> bytes:
        """GET and return the body of a 200; errors as `post`."""
        return self._ask("GET", url, None, None, {})

    def _ask(
        self,
        method: str,
        url: str,
        content: bytes | None,
        value: object,
        headers: Mapping[str, str],
    ) -> bytes:
        session = self._session()
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        try:
            with session.request(
                method,
                url,
                data=content,
                json=value,
                headers=named,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = answer.raw.read(_LARGEST_ANSWER_BYTES + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError) as error:
            raise Unavailable(f"{self._name}.unavailable", error=type(error).__name__) from error
        if 400 <= status < 500:
            raise Refused(f"{self._name}.refused", status=status)
        if status != 200 or len(body) > _LARGEST_ANSWER_BYTES:
            raise Unavailable(f"{self._name}.unavailable", status=status)
        return bytes(body)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            # Neither proxies nor passwords of the machine's user belong in here.
            session.trust_env = False
        return session


@dataclass
class SealService:
    """The seal of a body, kept by the trust service and used through CSC API v1.

    `base_url` ends in `/csc/v1`; `token` is the body's bearer token; `credential` its seal.
    """

    base_url: str
    token: str = field(repr=False)
    credential: str
    _http: Http = field(default_factory=lambda: Http("seal"), init=False, repr=False)
    _chain: tuple[float, list[x509.Certificate]] | None = field(
        default=None, init=False, repr=False
    )
    _most: int = field(default=1, init=False, repr=False)

    def certificates(self) -> list[x509.Certificate]:
        """Return the certificate of the seal and the chain above it."""
        if self._chain is None or time.monotonic() > self._chain[0]:
            answer = self._call(
                "credentials/info",
                {"credentialID": self.credential, "certificates": "chain", "certInfo": False},
            )
            try:
                found = [
                    x509.load_der_x509_certificate(base64.b64decode(one, validate=True))
                    for one in answer["cert"]["certificates"]  # type: ignore[index]
                ]
            except (KeyError, TypeError, ValueError) as error:
                raise Unavailable("seal.unavailable", error="certificates") from error
            if not found:
                raise Refused("seal.refused", error="no certificate")
            most = answer.get("multisign")
            self._most = max(1, min(most, 1000)) if isinstance(most, int) else 1
            self._chain = (time.monotonic() + _REMEMBERED_S, found)
        return self._chain[1]

    def most_digests(self) -> int:
        """Return how many digests one activation may cover (`multisign`)."""
        self.certificates()
        return self._most

    def sign(self, data: bytes) -> bytes:
        """Return a DER ECDSA signature over `data`, checked with the seal's certificate.

        Raises:
            Refused: `seal.refused`, or `seal.signature` when what came back does not verify.
            Unavailable: `seal.unavailable`.
        """
        digest = hashlib.sha256(data).digest()
        (signature,) = self.sign_digests([digest], _ECDSA_SHA256)
        try:
            key = self.certificates()[0].public_key()
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise Refused("seal.signature")
            key.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        except (ValueError, InvalidSignature) as error:
            self._chain = None  # the seal may have a new key: ask again next time
            raise Refused("seal.signature") from error
        return signature

    def sign_digests(
        self,
        digests: Sequence[bytes],
        algorithm: str,
        *,
        digest_algorithm: str = _SHA256,
        pin: str | None = None,
        otp: str | None = None,
    ) -> list[bytes]:
        """Return signatures in the same order, under one activation; they are not verified here.

        `algorithm`, `digest_algorithm`: dotted. `pin`, `otp`: where the credential asks for them.

        Raises:
            Refused: `seal.refused`, `seal.signature`: not as many came back as were asked for.
            Unavailable: `seal.unavailable`.
        """
        encoded = [base64.b64encode(one).decode() for one in digests]
        named: dict[str, object] = {"credentialID": self.credential, "hash": encoded}
        secrets = {"PIN": pin, "OTP": otp}
        asked = named | {"numSignatures": len(encoded)}
        asked |= {key: value for key, value in secrets.items() if value is not None}
        activation = self._call("credentials/authorize", asked).get("SAD")
        answer = self._call(
            "signatures/signHash",
            named | {"SAD": activation, "hashAlgo": digest_algorithm, "signAlgo": algorithm},
        )
        try:
            return _as_many(answer["signatures"], len(encoded))
        except (KeyError, TypeError, ValueError) as error:
            self._chain = None
            raise Refused("seal.signature") from error

    def _call(self, method: str, content: object) -> dict[str, object]:
        url = f"{self.base_url.rstrip('/')}/{method}"
        body = self._http.post(url, value=content, Authorization=f"Bearer {self.token}")
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise Unavailable("seal.unavailable", error="not JSON") from error
        if not isinstance(answer, dict):
            raise Unavailable("seal.unavailable", error="not an object")
        return answer


def _as_many(values: object, number: int) -> list[bytes]:
    if not isinstance(values, list) or len(values) != number:
        raise TypeError("as many signatures as digests were asked for")
    return [base64.b64decode(one, validate=True) for one in values]


class StatusEvidence:
    """Signed statements about the status of certificates: OCSP answers and revocation lists."""

    def __init__(self) -> None:
        self._http = Http("status")
        self._kept: dict[bytes, tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def ocsp(
        self, certificate: x509.Certificate, issuer: x509.Certificate, *, fresh: bool
    ) -> bytes:
        """Return a DER OCSPResponse; `fresh` asks the responder even if one is remembered.

        Raises:
            Unavailable: `status.unavailable`.
            Refused: `status.refused` when the responder does not answer for the certificate.
        """
        key = certificate.public_bytes(Encoding.DER)
        if not fresh and (kept := self._recall(key)) is not None:
            return kept
        url = _ocsp_url(certificate)
        # RFC 5019 wants SHA-1 in a CertID, RFC 6960 allows others; ours answers SHA-256 alike.
        asked = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(certificate, issuer, hashes.SHA256())
            .build()
            .public_bytes(Encoding.DER)
        )
        answer = self._http.post(url, content=asked, Content_Type="application/ocsp-request")
        try:
            status = ocsp.load_der_ocsp_response(answer).response_status
        except ValueError as error:
            raise Unavailable("status.unavailable", error="malformed") from error
        if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Refused("status.refused", status=status.name)
        self._remember(key, answer)
        return answer

    def _recall(self, key: bytes) -> bytes | None:
        with self._lock:
            until, answer = self._kept.get(key, (0.0, b""))
        return answer if time.monotonic() < until else None

    def _remember(self, key: bytes, answer: bytes) -> None:
        with self._lock:
            self._kept[key] = (time.monotonic() + _REMEMBERED_S, answer)


def _ocsp_url(certificate: x509.Certificate) -> str:
    try:
        access = certificate.extensions.get_extension_for_oid(
            ExtensionOID.AUTHORITY_INFORMATION_ACCESS
        ).value
    except x509.ExtensionNotFound as error:
        raise Unavailable("status.unavailable", error="no address") from error
    if isinstance(access, x509.AuthorityInformationAccess):
        for description in access:
            location = description.access_location
            if description.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
                location, x509.UniformResourceIdentifier
            ):
                return location.value
    raise Unavailable("status.unavailable", error="no address")
