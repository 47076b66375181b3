"""Asking for evidence that a file does not carry: the OCSP and list addresses of certificates.

Only certificates with a verified path to an anchor are asked about, so the addresses are those
that a trusted authority wrote. What comes back is material like any other: it is believed only
when it verifies.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.limits import LARGEST_LIST_BYTES
from pencere.documents.validation.material import Material

_LARGEST_ANSWER_BYTES = 65_536
_MOST_REQUESTS = 12


@dataclass
class Fetcher:
    """Fetches for one question: `seconds` in all, twelve requests, nothing twice."""

    seconds: float
    timeout_s: float = 3.0
    _asked: set[bytes] = field(default_factory=set, init=False)
    _left: int = field(default=_MOST_REQUESTS, init=False)
    _began: float = field(default_factory=time.monotonic, init=False)

    def fetch(self, certificate: Certificate, issuer: Certificate, at: datetime) -> Material:
        """Return what could be had about a certificate; nothing when nothing could."""
        del at  # answers are dated by who gives them
        if certificate.sha256 in self._asked:
            return Material()
        self._asked.add(certificate.sha256)
        for url in _responders(certificate):
            answer = self._ask(url, certificate, issuer)
            if answer is not None:
                return Material(ocsps=(answer,))
        for url in _lists(certificate):
            found = self._get("GET", url, None, LARGEST_LIST_BYTES)
            if found is not None:
                return Material(crls=(found,))
        return Material()

    def _ask(self, url: str, certificate: Certificate, issuer: Certificate) -> bytes | None:
        try:
            request = (
                ocsp.OCSPRequestBuilder()
                .add_certificate(certificate.x509, issuer.x509, hashes.SHA256())
                .build()
            )
        except (ValueError, TypeError):
            return None
        return self._get("POST", url, request.public_bytes(Encoding.DER), _LARGEST_ANSWER_BYTES)

    def _get(self, method: str, url: str, body: bytes | None, most: int) -> bytes | None:
        left_s = self.seconds - (time.monotonic() - self._began)
        self._left -= 1
        if self._left < 0 or left_s <= 0 or not url.startswith(("http://", "https://")):
            return None
        headers = {"Content-Type": "application/ocsp-request"} if body is not None else {}
        try:
            with requests.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=min(self.timeout_s, left_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                content: bytes = response.raw.read(most + 1, decode_content=True)
        except (requests.RequestException, OSError):
            return None
        return content if response.status_code == 200 and len(content) <= most else None


def _responders(certificate: Certificate) -> list[str]:
    access = certificate.extension(x509.AuthorityInformationAccess)
    return [
        one.access_location.value
        for one in access or ()
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    ][:2]


def _lists(certificate: Certificate) -> list[str]:
    points = certificate.extension(x509.CRLDistributionPoints)
    return [
        name.value
        for point in points or ()
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    ][:2]
