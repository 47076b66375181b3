"""`pencere ca monitor`: follow a public log, and be told of certificates of one holder.

Exit codes: 0 the log adds to what was seen, whatever was found; 1 it does not, and the evidence
is kept beside the state file; 4 it does not answer.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pencere.kernel.errors import Misconfigured, Unavailable
from pencere.trust.holders import parse_handle
from pencere.trust.monitor import Found, Log, LogInconsistent, Seen, keep_evidence, look


def add_options(options: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_argument("--log", required=True, metavar="URL", help="http://127.0.0.1:8090/log")
    options.add_argument(
        "--key", required=True, metavar="FILE", help="PEM of the log's key, had from elsewhere"
    )
    options.add_argument("--origin", default="pencere.az/trust", help="the log's name")
    options.add_argument(
        "--holder",
        metavar="HANDLE",
        help="watch key of a person or body; - reads a line of standard input; without one the"
        " log is only verified",
    )
    options.add_argument(
        "--state", required=True, metavar="FILE", help="what was seen is kept here"
    )
    options.add_argument("--every", type=float, metavar="SECONDS", help="go on until stopped")
    options.add_argument("--json", action="store_true", help="a JSON object a line")


def run(given: argparse.Namespace) -> int:
    """Look once, or go on looking; return the exit code."""
    handle = None
    if given.holder is not None:
        text = sys.stdin.readline() if given.holder == "-" else given.holder
        handle = parse_handle(text)
    state = Path(given.state)
    log = Log(given.log.rstrip("/"), given.origin, _key(Path(given.key)))
    seen = Seen.read(state, given.origin)
    while True:
        try:
            before = seen.size
            seen, found = look(log, seen, handle, keep=lambda after: after.write(state))
            _tell(before, seen, found, is_json=given.json)
        except LogInconsistent as error:
            evidence = keep_evidence(state, error)
            print(
                f"THE LOG IS NOT CONSISTENT: {error}\n  evidence: {evidence}"
                "\n  Keep this file and show it to others who watch the log.",
                file=sys.stderr,
            )
            return 1
        except Unavailable as error:
            if given.every is None:
                raise
            print(f"the log does not answer: {error}", file=sys.stderr)
        if given.every is None:
            return 0
        time.sleep(max(given.every, 1.0))


def _tell(before: int, seen: Seen, found: Sequence[Found], *, is_json: bool) -> None:
    if is_json:
        for one in found:
            line = {"index": one.index, "kind": one.kind, "entry": one.entry}
            print(json.dumps(line, ensure_ascii=False, sort_keys=True), flush=True)
        print(json.dumps({"origin": seen.origin, "from": before, "size": seen.size}), flush=True)
        return
    for one in found:
        facts = one.entry
        about = "  ".join(
            f"{name} {facts[name]}"
            for name in ("profile", "serial", "not_after", "at", "reason")
            if name in facts
        )
        print(f"{one.kind:<14}entry {one.index}  {about}", flush=True)
    print(
        f"{seen.origin}: entries {before} to {seen.size} verified, {len(found)} found", flush=True
    )


def _key(file: Path) -> ec.EllipticCurvePublicKey:
    example = "ledger-trust.pem"
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(file=file, key="--key", value=str(error), example=example) from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Misconfigured(file=file, key="--key", value=type(key).__name__, example=example)
    return key
