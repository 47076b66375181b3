"""`pencere verify FILE`: is this document what it says, from the evidence in it alone."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from pencere.cli.options import installation_of, parser
from pencere.documents.validation.report import Report
from pencere.documents.texts import texts
from pencere.documents.verify import verify
from pencere.kernel.clock import SystemClock
from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import LANGUAGES


def run(arguments: Sequence[str]) -> int:
    """Say what the file is; exit 0 when valid, 1 when not."""
    options = parser("verify", "Verify a signed document, offline where it carries its evidence.")
    options.add_argument("file", metavar="FILE")
    options.add_argument(
        "--anchors", metavar="FILE", help="PEM of trusted roots (default: the installation's)"
    )
    options.add_argument("--language", choices=LANGUAGES, default="en")
    options.add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    root = given.anchors or installation_of(given).data / "pki" / "root.crt"
    report = verify(_content(given.file), _anchors(Path(root)), SystemClock().now())
    if given.json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        print("\n".join(_in_words(report, given.language)))
    return 0 if report.valid else 1


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as reason:
        raise Misconfigured(
            file="command line",
            key="FILE",
            value=f"{name}: {reason.strerror}",
            example="letter.pdf",
        ) from None


def _anchors(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as reason:
        raise Misconfigured(
            file=file, key="--anchors", value=str(reason), example="root.crt of /ca/root.crt, PEM"
        ) from None


def _in_words(report: Report, language: str) -> list[str]:
    reasons = texts("reasons")
    lines = [report.verdict.value]
    lines += [f"  {reasons[code].in_language(language)} ({code})" for code in report.reasons]
    for one in report.signatures:
        who = "?" if one.signer is None else one.signer.organization or one.signer.name
        when = "" if one.signed_at is None else format_instant(one.signed_at, language)
        lines.append(f"{one.field}: {one.verdict.value}, {one.level}, {who}, {when}")
        lines += [f"  {reasons[code].in_language(language)} ({code})" for code in one.reasons]
    return lines
