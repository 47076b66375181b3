"""`pencere verify-certificate CERT`: path, policies and status of one certificate."""

import json
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.cli.commands.verify import certificates, content, instant
from pencere.cli.options import installation_of, parser
from pencere.documents.validation.path import Checking, Outcome, validate
from pencere.documents.validation.policies import ANY, PolicyInputs
from pencere.documents.validation.processing import Demands
from pencere.documents.validation.signatures import Strength
from pencere.documents.validation.trust_store import TrustStore


def run(arguments: Sequence[str]) -> int:
    """Say whether the certificate may be believed; exit 0 when it may, 1 when not."""
    options = parser(
        "verify-certificate", "Validate the path of a certificate (RFC 5280) from given material."
    )
    options.add_argument("certificate", metavar="CERT", help="PEM or DER")
    for name, what in (
        ("--intermediates", "certificates that may lie between"),
        ("--crls", "revocation lists"),
        ("--ocsp", "OCSP answers, DER"),
    ):
        options.add_argument(name, metavar="FILE", nargs="*", default=[], help=what)
    options.add_argument(
        "--anchors", metavar="FILE", nargs="*", help="trusted roots (default: the installation's)"
    )
    options.add_argument("--policy", metavar="OID", action="append", default=[])
    options.add_argument("--explicit-policy", action="store_true")
    options.add_argument("--inhibit-mapping", action="store_true")
    options.add_argument("--inhibit-any", action="store_true")
    options.add_argument("--purpose", metavar="OID", action="append", default=[])
    options.add_argument("--status", choices=[one.value for one in Checking], default="all")
    options.add_argument(
        "--any-algorithm", action="store_true", help="rely on weak algorithms too, for tests"
    )
    options.add_argument("--at", metavar="INSTANT", help="judge as of then, ISO 8601")
    options.add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    anchors = (
        _all(given.anchors, "--anchors")
        if given.anchors
        else TrustStore(installation_of(given).pki).anchors()
    )
    found = validate(
        _one(given.certificate),
        intermediates=_ders(given.intermediates),
        crls=[_list(content(name, "--crls")) for name in given.crls],
        ocsps=[content(name, "--ocsp") for name in given.ocsp],
        anchors=anchors,
        at=instant(given.at),
        demands=Demands(
            PolicyInputs(
                frozenset(given.policy or [ANY]),
                given.explicit_policy,
                given.inhibit_mapping,
                given.inhibit_any,
            ),
            strength=None if given.any_algorithm else Strength(),
            purposes=frozenset(given.purpose),
        ),
        checking=Checking(given.status),
    )
    print(json.dumps(as_json(found), indent=1) if given.json else _in_words(found))
    return 0 if found.passed else 1


def as_json(found: Outcome) -> dict[str, Any]:
    """Return what was found as JSON can hold it."""
    return {
        "valid": found.passed,
        "indication": found.indication.value,
        "sub_indication": None if found.sub_indication is None else found.sub_indication.value,
        "code": found.code,
        "depth": found.depth,
        "revoked_at": None if found.revoked_at is None else found.revoked_at.isoformat(),
        "reason": found.reason,
        "policies": sorted(found.policies),
        "path": [
            {"subject": one.x509.subject.rfc4514_string(), "sha256": one.sha256.hex()}
            for one in found.path
        ],
        "statuses": [{"state": one.state.value, "code": one.code} for one in found.statuses],
    }


def _in_words(found: Outcome) -> str:
    if found.passed:
        names = [one.x509.subject.rfc4514_string() for one in found.path]
        return "\n".join(["valid", *(f"  {name}" for name in names)])
    where = "" if found.depth is None else f" at depth {found.depth}"
    return f"{found.indication.value} {found.sub_indication or ''}: {found.code}{where}"


def _one(name: str) -> bytes:
    encoded = content(name, "CERT")
    if b"-----BEGIN" not in encoded:
        return encoded  # one that cannot be read gets its verdict, as any other
    return certificates(name, "CERT")[0].public_bytes(Encoding.DER)


def _all(names: Sequence[str], key: str) -> list[x509.Certificate]:
    return [one for name in names for one in certificates(name, key)]


def _ders(names: Sequence[str]) -> list[bytes]:
    found = []
    for name in names:
        encoded = content(name, "--intermediates")
        is_pem = b"-----BEGIN" in encoded
        some = certificates(name, "--intermediates") if is_pem else []
        found += [one.public_bytes(Encoding.DER) for one in some] if is_pem else [encoded]
    return found


def _list(encoded: bytes) -> bytes:
    if b"-----BEGIN" not in encoded:
        return encoded
    return x509.load_pem_x509_crl(encoded).public_bytes(Encoding.DER)
