"""`pencere verify FILE`: is this document what it says, from the evidence in it."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from pencere.cli.options import installation_of, parser
from pencere.documents.texts import texts
from pencere.documents.validation.policy import POLICIES
from pencere.documents.validation.report import Report
from pencere.documents.validation.trust_store import TrustStore
from pencere.documents.verify import verify
from pencere.kernel.clock import SystemClock
from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import LANGUAGES


def run(arguments: Sequence[str]) -> int:
    """Say what the file is; exit 0 when valid, 1 when not."""
    options = parser("verify", "Verify a signed document, offline where it carries its evidence.")
    options.add_argument("file", metavar="FILE", help="PDF, ASiC, CAdES or XAdES; - reads it")
    options.add_argument(
        "--anchors", metavar="FILE", help="PEM of trusted roots (default: the installation's)"
    )
    options.add_argument(
        "--detached",
        metavar="FILE",
        action="append",
        default=[],
        help="what a detached signature is over; may be given again",
    )
    options.add_argument("--at", metavar="INSTANT", help="judge as of then, ISO 8601")
    options.add_argument("--offline", action="store_true", help="ask nobody for evidence")
    options.add_argument("--policy", choices=sorted(POLICIES), default="pencere")
    options.add_argument("--language", choices=LANGUAGES, default="en")
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines")
    form.add_argument("--xml", action="store_true", help="the report of ETSI TS 119 102-2")
    given = options.parse_args(arguments)
    report = _report(given)
    if given.xml and report.etsi_xml is not None:
        print(report.etsi_xml)
    elif given.json or given.xml:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        print("\n".join(_in_words(report, given.language)))
    return 0 if report.valid else 1


def _report(given: Namespace) -> Report:
    anchors, lists, signers = _trusted(given)
    return verify(
        _content(given.file),
        anchors,
        instant(given.at),
        detached={Path(one).name: _content(one) for one in given.detached},
        policy=given.policy,
        lists=lists,
        list_signers=signers,
        # Evidence that is asked for now tells nothing of another time.
        online=not given.offline and given.at is None,
        wants_xml=given.xml,
    )


def _trusted(
    given: Namespace,
) -> tuple[list[x509.Certificate], tuple[bytes, ...], list[x509.Certificate]]:
    if given.anchors is not None:
        return certificates(given.anchors, "--anchors"), (), []
    store = TrustStore(installation_of(given).pki)
    return store.anchors(), store.lists(), store.signers()


def instant(written: str | None) -> datetime:
    """Return the instant of an option; now when it was not given."""
    if written is None:
        return SystemClock().now()
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise Misconfigured(
            file="command line", key="--at", value=written, example="2031-05-01T12:00:00+04:00"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _content(name: str) -> bytes:
    return content(name, "FILE")


def content(name: str, key: str) -> bytes:
    """Return the bytes of a file named on the command line; `-` is standard input."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as reason:
        raise Misconfigured(
            file="command line",
            key=key,
            value=f"{name}: {reason.strerror}",
            example="letter.pdf",
        ) from None


def certificates(name: str, key: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM or DER file named on the command line."""
    encoded = content(name, key)
    try:
        if b"-----BEGIN" in encoded:
            return x509.load_pem_x509_certificates(encoded)
        return [x509.load_der_x509_certificate(encoded)]
    except ValueError as reason:
        raise Misconfigured(
            file=name, key=key, value=str(reason), example="root.crt of /ca/root.crt"
        ) from None


def _warning(code: str, language: str) -> str:
    known = texts("warnings").get(code)
    return f"  {code}" if known is None else f"  {known.in_language(language)} ({code})"


def _in_words(report: Report, language: str) -> list[str]:
    reasons = texts("reasons")
    sub_indication = f", {report.sub_indication}" if report.sub_indication else ""
    lines = [f"{report.verdict.value}: {report.indication.value}{sub_indication}"]
    lines += [f"  {reasons[code].in_language(language)} ({code})" for code in report.reasons]
    for one in report.signatures:
        who = "?" if one.signer is None else one.signer.organization or one.signer.name
        when = "" if one.signed_at is None else format_instant(one.signed_at, language)
        lines.append(f"{one.field}: {one.verdict.value}, {one.format} {one.level}, {who}, {when}")
        lines += [f"  {reasons[code].in_language(language)} ({code})" for code in one.reasons]
        if one.quality is not None and one.quality.word is not None:
            lines.append(f"  {texts('report')[one.quality.word].in_language(language)}")
    lines += [_warning(code, language) for code in report.warnings]
    return lines
