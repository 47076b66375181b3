"""Certificates and the directory are in force for a while yet, and their status is answered."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pencere.kernel.clock import Clock
from pencere.ops.health import Check
from pencere.ops.installation import Installation

RENEW_BEFORE = timedelta(days=14)
LIST_RENEWED_BEFORE = timedelta(hours=6)
TIMEOUT_S = 5.0


def check_certificates(installation: Installation, clock: Clock) -> Iterator[Check]:
    """Expiry of every certificate of our own, the directory, one status question."""
    now = clock.now()
    files = [
        path
        for folder in (installation.data / "trust", installation.data / "keys")
        for path in sorted(folder.rglob("*.crt"))
    ]
    yield _expiry(files, now)
    yield _lists(sorted((installation.data / "pki").glob("*.crl")), now)
    yield _directory(installation.data / "run" / "directory.jws", now)
    nodes = sorted((installation.data / "keys").rglob("node.crt"))
    yield _status(installation, nodes[0] if nodes else None)


def _expiry(files: list[Path], now: datetime) -> Check:
    if not files:
        return Check("certificates", False, "there are none; pencere up founds the centre")
    ends = {
        path.relative_to(path.parents[1]): x509.load_pem_x509_certificate(
            path.read_bytes()
        ).not_valid_after_utc
        for path in files
    }
    first, when = min(ends.items(), key=lambda item: item[1])
    detail = f"{len(ends)} in force; {first} ends first, on {when:%Y-%m-%d}"
    return Check("certificates", when - now > RENEW_BEFORE, detail)


def _lists(files: list[Path], now: datetime) -> Check:
    """Revocation lists are renewed at half of their life: one near its end has no publisher."""
    if not files:
        return Check("revocation lists", False, "there are none; pencere ca crl makes them")
    ends = {}
    for path in files:
        try:
            ends[path.name] = x509.load_der_x509_crl(path.read_bytes()).next_update_utc
        except (OSError, ValueError) as reason:
            return Check("revocation lists", False, f"{path.name}: {reason}")
    first, when = min(ends.items(), key=lambda item: item[1] or now)
    if when is None:
        return Check("revocation lists", False, f"{first} does not say when it ends")
    detail = f"{len(ends)} published; {first} ends first, on {when:%Y-%m-%d %H:%M}Z"
    return Check("revocation lists", when - now > LIST_RENEWED_BEFORE, detail)


def _directory(file: Path, now: datetime) -> Check:
    try:
        part = file.read_text(encoding="ascii").split(".")[1]
        payload = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        expires = datetime.fromisoformat(payload["expires_at"])
        version = payload["version"]
    except (OSError, ValueError, IndexError, KeyError, TypeError) as reason:
        return Check("directory", False, f"{file.name}: {reason}")
    return Check("directory", expires > now, f"version {version}, until {expires:%Y-%m-%d %H:%M}Z")


def _status(installation: Installation, file: Path | None) -> Check:
    """Ask for the status of a node's certificate, as a relying party would."""
    if file is None:
        return Check("OCSP", False, "there is no node certificate to ask about")
    chain = x509.load_pem_x509_certificates(file.read_bytes())
    asked = ocsp.OCSPRequestBuilder().add_certificate(chain[0], chain[1], hashes.SHA256())
    try:
        answer = requests.post(
            f"{installation.address('trust')}/ocsp",
            data=asked.build().public_bytes(Encoding.DER),
            headers={"Content-Type": "application/ocsp-request"},
            timeout=TIMEOUT_S,
        )
        answer.raise_for_status()
        told = ocsp.load_der_ocsp_response(answer.content)
        if told.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Check("OCSP", False, f"answered {told.response_status.name}")
        good = told.certificate_status is ocsp.OCSPCertStatus.GOOD
        took = answer.elapsed.total_seconds() * 1000
        return Check("OCSP", good, f"{told.certificate_status.name.lower()} in {took:.0f} ms")
    except (requests.RequestException, ValueError) as reason:
        return Check("OCSP", False, str(reason))
