"""`pencere bench ocsp`: status answers against bare signing and against `openssl ocsp`."""

import os
import secrets
from collections.abc import Callable
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pencere.cli.benches.centre import CLIENT_CORE, Trial, trial_centre
from pencere.cli.benches.load import Rate, keep_alive, middle, one_each, post
from pencere.cli.benches.openssl_responder import openssl_responder
from pencere.cli.benches.signing import bare_rate

RUNS, SECONDS = 3, 0.8
_KIND = "application/ocsp-request"
_NONCES = 64
_Way = Callable[[], Rate]


def bench_ocsp() -> list[dict[str, object]]:
    """Return a row for each figure, with its limit, their ratio and the target."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    bare: list[float] = []
    figures: dict[str, list[Rate]] = {}
    with (
        trial_centre() as trial,
        openssl_responder(trial.installation.data) as (peer, peer_pid, asked),
    ):
        live = [_request(trial, nonce=secrets.token_bytes(32)) for _ in range(_NONCES)]
        plain = _request(trial, nonce=None)
        ways: dict[str, _Way] = {
            "live": lambda: keep_alive(
                trial.port, [post("/ocsp", _KIND, one) for one in live], SECONDS, trial.pid
            ),
            "presigned": lambda: keep_alive(
                trial.port, [post("/ocsp", _KIND, plain)], SECONDS, trial.pid
            ),
            "live, one each": lambda: one_each(
                trial.port,
                [post("/ocsp", _KIND, one, close=True) for one in live],
                SECONDS,
                trial.pid,
            ),
            "presigned, one each": lambda: one_each(
                trial.port, [post("/ocsp", _KIND, plain, close=True)], SECONDS, trial.pid
            ),
            "peer": lambda: one_each(
                peer, [post("/", _KIND, asked, close=True)], SECONDS, peer_pid
            ),
        }
        for _ in range(RUNS):
            bare.append(bare_rate(SECONDS / 2))
            for name, way in ways.items():
                figures.setdefault(name, []).append(way())
    found = {name: middle(rates) for name, rates in figures.items()}
    signing = median(bare)
    return [
        _row("ocsp live-signed, keep-alive", found["live"], signing, "bare P-256 signing", 0.40),
        _row(
            "ocsp live-signed, one connection a request", found["live, one each"],
            found["peer"].per_core_s, "openssl ocsp", 1.0,
        ),
        _row(
            "ocsp pre-signed, one connection a request", found["presigned, one each"],
            found["peer"].per_core_s, "openssl ocsp", 1.0,
        ),
        _row(
            "ocsp pre-signed, keep-alive", found["presigned"], found["live"].per_core_s,
            "live-signed", 4.0,
        ),
    ]  # fmt: skip


def _request(trial: Trial, *, nonce: bytes | None) -> bytes:
    """Return a request about the certificate of the time-stamping service."""
    keystore = trial.centre.keystore
    leaf = keystore.certificates("tsa")[0]
    issuer = keystore.certificates("issuing-infrastructure")[0]
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _row(name: str, rate: Rate, limit: float, limit_name: str, target: float) -> dict[str, object]:
    return {
        "name": name,
        "value": round(rate.per_core_s),
        "unit": "answers per second of one core",
        "limit": round(limit),
        "limit_name": limit_name,
        "ratio": round(rate.per_core_s / limit, 3),
        "target": target,
        "per_s_as_seen": round(rate.per_s),
        "runs": RUNS,
    }
