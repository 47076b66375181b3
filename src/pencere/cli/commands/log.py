"""`pencere log`: the public log of the certification centre, from the shell."""

import argparse
import base64
import json
import os
import sys
from collections.abc import Callable, Sequence

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pencere.cli.options import installation_of, parser, subparsers
from pencere.kernel.errors import Invalid, Missing, Unavailable
from pencere.kernel.identifiers import parse_fin
from pencere.ledger.verify import verify_entry
from pencere.ops.installation import Installation
from pencere.trust.holders import watch_key
from pencere.trust.profile import load_authority

TIMEOUT_S = 10


def run(arguments: Sequence[str]) -> int:
    """Do one action."""
    options = parser("log", "The public log of the certification centre.")
    actions = subparsers(
        options,
        [
            ("checkpoint", "print the newest signed head"),
            ("entries", "print entries, one a line"),
            ("prove", "verify that an entry is in the log"),
            ("handle", "print the watch key of a body, or of a FIN on standard input"),
        ],
    )
    actions["entries"].add_argument("start", type=int)
    actions["entries"].add_argument("end", type=int, nargs="?")
    actions["prove"].add_argument("index", type=int)
    whose = actions["handle"].add_mutually_exclusive_group(required=True)
    whose.add_argument("--body", metavar="ID", help="body of bodies.yaml")
    whose.add_argument("--person", choices=["-"], help="FIN, a line of standard input")
    given = options.parse_args(arguments)
    installation = installation_of(given)
    os.environ.update(installation.environment())
    done: dict[str, Callable[[Installation, argparse.Namespace], None]] = {
        "checkpoint": _checkpoint,
        "entries": _entries,
        "prove": _prove,
        "handle": _handle,
    }
    done[given.action](installation, given)
    return 0


def _checkpoint(installation: Installation, _: argparse.Namespace) -> None:
    print(_get(installation, "checkpoint").text, end="")


def _entries(installation: Installation, given: argparse.Namespace) -> None:
    end = given.end if given.end is not None else given.start + 1
    found = _get(installation, "entries", start=given.start, end=end).json()["entries"]
    for one in found:
        print(f"{one['index']} {one['entry']}")


def _prove(installation: Installation, given: argparse.Namespace) -> None:
    note = _get(installation, "checkpoint").text
    size = int(note.split("\n")[1])
    proof = _get(installation, "proof/inclusion", index=given.index, size=size).json()["proof"]
    entries = _get(installation, "entries", start=given.index, end=given.index + 1).json()
    key = load_pem_public_key((installation.pki / "ledger-trust.pem").read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 -- we made it
    if not entries["entries"]:
        raise Missing("proof.index", index=given.index, size=size)
    entry = entries["entries"][0]["entry"]
    verdict = verify_entry(
        entry=entry.encode(),
        index=given.index,
        proof=[base64.b64decode(one) for one in proof],
        checkpoint=note,
        public_key=key,
        origin="pencere.az/trust",
    )
    if not verdict.included:
        raise Invalid(verdict.reason or "proof.mismatch", index=given.index)
    print(json.dumps({"index": given.index, "size": size, "included": True, "entry": entry}))


def _handle(installation: Installation, given: argparse.Namespace) -> None:
    country = load_authority().country
    if given.body is not None:
        from pencere.countries.country import Country  # noqa: PLC0415 -- slow, and rarely needed

        holder = f"NTR{country}-{Country.load('az').body(given.body).id}"
    else:
        holder = f"PNO{country}-{parse_fin(sys.stdin.readline().strip())}"
    print(watch_key(installation.secret("ledger/trust").encode(), holder).hex())


def _get(installation: Installation, path: str, **query: int) -> requests.Response:
    url = f"{installation.address('trust')}/log/{path}"
    try:
        answer = requests.get(url, params=query, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        raise Unavailable("log.unavailable", url=url, reason=type(error).__name__) from error
    if answer.status_code == 200:
        return answer
    code = answer.json().get("error", "log.refused") if answer.status_code < 500 else None
    if code is None:
        raise Unavailable("log.unavailable", url=url, status=answer.status_code)
    raise Invalid(str(code), url=url)
