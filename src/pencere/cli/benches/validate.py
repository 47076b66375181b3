"""`pencere bench validate`: NIST PKITS, our path validation beside certvalidator and openssl.

The certificates are those of the package cryptography-vectors, and the table of verdicts is the
one the tests read: both come with a checkout and its development packages, not with a service.
"""

import asyncio
import base64
import importlib.util
import logging
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.policy_decl import PKIXValidationParams

from pencere.documents.validation import certificate as certificates
from pencere.documents.validation import crl
from pencere.documents.validation.path import validate
from pencere.documents.validation.policies import ANY, PolicyInputs
from pencere.documents.validation.processing import Demands
from pencere.kernel.errors import Misconfigured

# It writes a traceback for every list it does not believe.
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

RUNS = 3
AT = datetime(2020, 6, 1, tzinfo=UTC)
_POLICY = "2.16.840.1.101.3.2.1.48"
_ANCHOR = "TrustAnchorRootCertificate"
_OPENSSL_CASES = 60  # each is a process of its own; a part of them tells the time of one


@dataclass(frozen=True)
class Case:
    """One case with its files, DER, and what the document expects."""

    name: str
    end: bytes
    others: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    valid: bool
    inputs: PolicyInputs


@dataclass(frozen=True)
class Score:
    """How many were right, how many wrongly believed, and the median time of one in ms."""

    right: int
    false_accepts: int
    cases: int
    ms: float


def bench_validate() -> list[dict[str, object]]:
    """Return a row for each figure, with its limit, their ratio and the target.

    Raises:
        Misconfigured: the suite is not installed.
    """
    anchor, cases = _suite()
    ours = _best([_measure(cases, lambda case: _ours(case, anchor)) for _ in range(RUNS)])
    theirs = _measure(cases, lambda case: _certvalidator(case, anchor))
    with tempfile.TemporaryDirectory() as folder:
        some = cases[:: max(1, len(cases) // _OPENSSL_CASES)]
        openssl = _measure(some, lambda case: _openssl(case, anchor, Path(folder)))
    common = {"runs": RUNS, "cases": ours.cases}
    return [
        {
            "name": "PKITS cases answered as the document says",
            "value": ours.right,
            "unit": "cases",
            "limit": ours.cases,
            "limit_name": "all cases",
            "ratio": round(ours.right / ours.cases, 4),
            "target": round(248 / 249, 4),
            "false_accepts": ours.false_accepts,
            **common,
        },
        _row("pyhanko-certvalidator alone", ours, theirs, common),
        _row("openssl verify, a process each", ours, openssl, common),
    ]


def _row(name: str, ours: Score, peer: Score, common: dict[str, int]) -> dict[str, object]:
    return {
        "name": f"time of a case beside {name}",
        "value": round(ours.ms, 3),
        "unit": "ms",
        "limit": round(peer.ms, 3),
        "limit_name": name,
        # How many of ours fit into one of theirs: 1 is as fast.
        "ratio": round(peer.ms / ours.ms, 2),
        "target": 1.0,
        "peer_right": peer.right,
        "peer_cases": peer.cases,
        "peer_false_accepts": peer.false_accepts,
        **common,
    }


def _best(scores: list[Score]) -> Score:
    return min(scores, key=lambda one: one.ms)


def _measure(cases: list[Case], judge: Callable[[Case], bool]) -> Score:
    right = false_accepts = 0
    times = []
    for case in cases:
        certificates.load.cache_clear()
        crl.load.cache_clear()
        began = time.perf_counter()
        found = judge(case)
        times.append((time.perf_counter() - began) * 1000)
        right += found is case.valid
        false_accepts += found and not case.valid
    return Score(right, false_accepts, len(cases), median(times))


def _ours(case: Case, anchor: bytes) -> bool:
    return validate(
        case.end,
        intermediates=case.others,
        crls=case.lists,
        anchors=[anchor],
        at=AT,
        demands=Demands(case.inputs, strength=None),
    ).passed


def _certvalidator(case: Case, anchor: bytes) -> bool:
    inputs = case.inputs
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(anchor)],
        other_certs=[asn1_x509.Certificate.load(one) for one in case.others],
        crls=[asn1_crl.CertificateList.load(one) for one in case.lists],
        ocsps=[],
        moment=AT,
        revocation_mode="require",
        weak_hash_algos=set(),
    )
    parameters = PKIXValidationParams(
        user_initial_policy_set=frozenset(
            {"any_policy"} if ANY in inputs.acceptable else inputs.acceptable
        ),
        initial_policy_mapping_inhibit=inputs.inhibit_mapping,
        initial_explicit_policy=inputs.require_explicit,
        initial_any_policy_inhibit=inputs.inhibit_any,
    )
    validator = CertificateValidator(
        asn1_x509.Certificate.load(case.end),
        validation_context=context,
        pkix_params=parameters,
    )
    try:
        asyncio.run(validator.async_validate_path())
    except Exception:  # every refusal of it is an exception, and so are its faults
        return False
    return True


def _openssl(case: Case, anchor: bytes, folder: Path) -> bool:
    inputs = case.inputs
    files = {"anchor": [anchor], "others": case.others, "end": [case.end]}
    for name, some in files.items():
        pem = b"".join(_pem(one) for one in some)
        (folder / name).write_bytes(pem)
    lists = [x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in case.lists]
    (folder / "lists").write_bytes(b"".join(lists))
    policies = sorted(inputs.acceptable)
    flags = [
        *(part for one in policies for part in ("-policy", one)),
        *(["-explicit_policy"] if inputs.require_explicit else []),
        *(["-inhibit_map"] if inputs.inhibit_mapping else []),
        *(["-inhibit_any"] if inputs.inhibit_any else []),
    ]
    done = subprocess.run(  # noqa: S603 - a fixed program, options of our own
        [
            *("openssl", "verify", "-attime", str(int(AT.timestamp()))),
            *("-CAfile", "anchor", "-untrusted", "others", "-CRLfile", "lists"),
            *("-policy_check", "-crl_check_all", "-use_deltas", "-extended_crl", *flags, "end"),
        ],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode == 0


def _pem(encoded: bytes) -> bytes:
    # Two DSA certificates are refused by the usual loader.
    body = base64.encodebytes(encoded)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def _suite() -> tuple[bytes, list[Case]]:
    found = importlib.util.find_spec("cryptography_vectors")
    table = Path(__file__).parents[4] / "tests" / "documents" / "pkits" / "cases.yaml"
    if found is None or found.origin is None or not table.is_file():
        raise Misconfigured(
            file=table,
            key="NIST PKITS",
            value="not here",
            example="a checkout with the packages of requirements/dev.txt",
        )
    files = Path(found.origin).parent / "x509" / "PKITS_data"
    cases = []
    for test in yaml.safe_load(table.read_text(encoding="utf-8")):
        end = (files / "certs" / f"{test['end']}.crt").read_bytes()
        others = tuple((files / "certs" / f"{o}.crt").read_bytes() for o in test["certificates"])
        lists = tuple((files / "crls" / f"{one}.crl").read_bytes() for one in test["lists"])
        cases += [
            Case(test["test"], end, others, lists, case["valid"], _inputs(case))
            for case in test["cases"]
        ]
    return (files / "certs" / f"{_ANCHOR}.crt").read_bytes(), cases


def _inputs(case: dict[str, Any]) -> PolicyInputs:
    policies = frozenset(f"{_POLICY}.{number}" for number in case.get("policies", ()))
    return PolicyInputs(
        policies or frozenset({ANY}),
        case.get("explicit", False),
        case.get("inhibit_mapping", False),
        case.get("inhibit_any", False),
    )
