"""`pencere gateway`: a sandbox for developers of a body's system; who may ask whom for what."""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from pencere.cli.boot.gateway import PORTAL
from pencere.cli.commands import gateway_dead, gateway_evidence, gateway_join, gateway_why
from pencere.cli.options import installation_of, parser, subparsers
from pencere.cli.soak import large
from pencere.cli.soak import run as soak
from pencere.gateway.directory.model import build
from pencere.gateway.directory.rights import EXAMPLES, Question, explain
from pencere.gateway.sandbox import SandboxConfig
from pencere.gateway.sandbox import run as run_sandbox
from pencere.gateway.wire.faults import Fault
from pencere.gateway.wire.identifiers import parse_client, parse_target
from pencere.kernel.clock import SystemClock, local_date
from pencere.kernel.errors import Misconfigured
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster
from pencere.trust import signed_json

_TARGET = "/r1/AZ/GOV/bpqmi/population/person/query"
DATABASES = ("gateway_portal", "gateway_agencies")


def run(arguments: Sequence[str]) -> int:
    """Run the sandbox until Ctrl-C, leaving nothing behind; or explain: exit 1 when refused."""
    options = parser("gateway", "The gateway, for developers and operators.")
    actions = subparsers(
        options,
        [
            ("sandbox", "run both nodes with a directory from a file"),
            ("explain", "say by which agreement a request is allowed, or why it is refused"),
            ("why", "say what the nodes kept of a refusal, by the number in its answer"),
            *gateway_dead.ACTIONS,
            *gateway_join.ACTIONS,
            ("soak", "load two nodes, kill at random, and prove that nothing was lost or doubled"),
            *gateway_evidence.ACTIONS,
        ],
    )
    gateway_dead.add_options(actions)
    gateway_join.add_options(actions)
    soaked = actions["soak"]
    soaked.add_argument("--minutes", default="10", metavar="N", help="default: 10")
    soaked.add_argument("--seed", type=int, metavar="N", help="the same kills again")
    soaked.add_argument(
        "--large", type=int, metavar="MIB", nargs="?", const=1024,
        help="instead, one body of so many MiB (1024) both ways, and the nodes' memory",
    )  # fmt: skip
    soaked.add_argument("--json", action="store_true", help="for machines")
    gateway_evidence.add_options(actions)
    actions["sandbox"].add_argument("--directory", required=True, metavar="FILE")
    actions["sandbox"].add_argument("--port", default="9000", metavar="N")
    asked = actions["explain"]
    asked.add_argument("target", help="/r1/AZ/GOV/bpqmi/population/person/query")
    asked.add_argument("--client", default=PORTAL, metavar="ID", help=f"default: {PORTAL}")
    asked.add_argument("--method", default="POST", metavar="METHOD", help="default: POST")
    asked.add_argument("--purpose", default="", metavar="CODE", help="of purposes.yaml")
    asked.add_argument("--basis", default="", metavar="ID", help="of acts.yaml")
    asked.add_argument("--without", action="append", default=[], metavar="HEADER")
    asked.add_argument("--party", default="", metavar="CLASS/CODE", help="on whose behalf")
    asked.add_argument("--json", action="store_true", help="for machines")
    gateway_why.add_options(actions["why"])
    given = options.parse_args(arguments)
    if given.action in dict(gateway_evidence.ACTIONS):
        return gateway_evidence.run(given)
    if given.action == "soak" and given.large is not None:
        report = large.large(given.large)
        print(json.dumps(report, indent=1) if given.json else large.told(report), end="\n")
        return 0 if report["sound"] else 1
    if given.action == "soak":
        report = soak.soak(60 * float(given.minutes), seed=given.seed)
        print(json.dumps(report, indent=1) if given.json else soak.told(report), end="\n")
        return 0 if report["sound"] else 1
    of_installation = {
        "token": gateway_join.token,
        "join": gateway_join.join,
        "why": gateway_why.why,
        "dead": gateway_dead.dead,
        "again": gateway_dead.again,
        "explain": _explain,
    }
    if given.action in of_installation:
        return of_installation[given.action](installation_of(given), given)
    file = Path(given.directory)
    if not file.is_file():
        raise Misconfigured(
            file="command line", key="--directory", value=given.directory, example="directory.yaml"
        )
    return _sandbox(file, _port(given.port))


def _explain(installation: Installation, given: argparse.Namespace) -> int:
    """Answer from the directory in force, as the provider's node would."""
    anchors = x509.load_pem_x509_certificates((installation.pki / "root.crt").read_bytes())
    file, now = installation.run / "directory.jws", SystemClock().now()
    if not file.is_file():
        raise Misconfigured(file=file, key="directory", value="not there", example="pencere up")
    payload, _ = signed_json.verify(file.read_text("ascii"), anchors, now, "directory")
    given_headers = set(EXAMPLES)
    if not given.purpose:
        given_headers.discard("Pencere-Purpose")
    if not given.basis:
        given_headers.discard("Pencere-Legal-Basis")
    try:
        question = Question(
            consumer=parse_client(given.client),
            target=parse_target(given.target),
            method=given.method,
            on=local_date(now),
            purpose=given.purpose,
            legal_basis=given.basis,
            given=frozenset(given_headers - set(given.without)),
            represented=given.party,
        )
    except Fault as fault:
        raise Misconfigured(
            file="command line", key="target, --client", value=fault.message, example=_TARGET
        ) from None
    found = explain(build(payload), question)
    reasons = [*found.reasons, *gateway_why.used_of(installation, found.terms, question.on)]
    if given.json:
        told = {"allowed": found.is_allowed, "code": found.code, "reasons": reasons}
        print(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        print("allowed" if found.is_allowed else f"refused: {found.code}")
        print("".join(f"  {reason}\n" for reason in reasons), end="")
    return 0 if found.is_allowed else 1


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1024 <= int(text) <= 65533:
        return int(text)
    raise Misconfigured(file="command line", key="--port", value=text, example="9000")


def _sandbox(file: Path, port: int) -> int:
    # A cluster of its own, thrown away at the end: nothing here touches an installation.
    folder = Path(tempfile.mkdtemp(prefix="pencere-sandbox-"))
    installation = Installation(data=folder)
    cluster = Cluster.of(installation)
    try:
        server = cluster.start()
        try:
            make_databases(installation, DATABASES)
            migrate_databases(installation, DATABASES)
            consumer, provider = (installation.database_url(name) for name in DATABASES)
            run_sandbox(SandboxConfig(file, port, consumer, provider))
        finally:
            cluster.stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0
