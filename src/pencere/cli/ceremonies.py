"""`pencere ca ceremony | approve | verify-transcript`: how the centre comes to its keys.

On a machine that shows the platform `ca ceremony` alone does it, with invented approvers. In
earnest one file is written (`--draft`), reviewed, approved by those it names (`ca approve`, each
with a key of their own) and held (`--file`, `--approval`) where the root's keystore is.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pencere.cli.roles.certification import (
    founding_centre_of,
    issuance_of,
    keystore_of,
    root_keystore_of,
)
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid, Misconfigured, Missing
from pencere.ops.installation import Installation
from pencere.trust import quorum
from pencere.trust.algorithms import PrivateKey, algorithm_of
from pencere.trust.durable import write_durably
from pencere.trust.founding import transcript
from pencere.trust.founding.demonstration import national_plan, write_description
from pencere.trust.founding.description import Description
from pencere.trust.founding.rite import Place, Rite
from pencere.trust.keystore import Keystore
from pencere.trust.quorum import Approval, Approver, Rule, Warrant

ACTIONS = [
    ("approve", "approve a ceremony's file with one's own key"),
    ("verify-transcript", "say whether the transcript of a ceremony can be believed"),
]


def add_options(actions: Mapping[str, argparse.ArgumentParser]) -> None:
    """Add the options of all three actions."""
    ceremony = actions["ceremony"]
    ceremony.add_argument("--draft", metavar="FILE", help="only write the file to be approved")
    ceremony.add_argument(
        "--approver", metavar="NAME=PEM", action="append", default=[], help="certificate or key"
    )
    ceremony.add_argument(
        "--needed", type=int, default=2, metavar="N", help="how many must approve"
    )
    ceremony.add_argument("--file", metavar="FILE", help="hold the ceremony of this file")
    ceremony.add_argument("--approval", metavar="FILE", action="append", default=[])
    approve = actions["approve"]
    approve.add_argument("--file", required=True, metavar="FILE", help="the ceremony's file")
    approve.add_argument("--name", required=True, help="one's name in the file")
    approve.add_argument("--key", required=True, metavar="PEM", help="one's private key")
    approve.add_argument("--out", required=True, metavar="FILE", help="where the approval goes")
    verify = actions["verify-transcript"]
    verify.add_argument("transcript", metavar="TRANSCRIPT", help="transcript.jws")
    verify.add_argument("--file", metavar="FILE", help="the ceremony's; else ceremony.yaml beside")
    verify.add_argument(
        "--root", metavar="PEM", help="the root's certificate; else data/pki/root.crt"
    )
    verify.add_argument("--json", action="store_true", help="for machines")


def ceremony(installation: Installation, given: argparse.Namespace) -> None:
    """Found the centre, or renew what ends soon."""
    if given.draft:
        _draft(installation, given)
    elif given.file:
        _hold(installation, given)
    elif (installation.pki / "own-ceremony").exists():
        raise Misconfigured(
            file="command line",
            key="--file",
            value="not given; this centre was founded by people",
            example="--file ceremony.yaml --approval a.json --approval b.json",
        )
    else:
        held = founding_centre_of(installation).found()
        print("nothing was due" if held is None else "ceremony held, with invented approvers")
    _show(keystore_of(installation))


def approve(_: Installation, given: argparse.Namespace) -> None:
    """Sign the statement of a ceremony's file."""
    description = Description.load(Path(given.file))
    known = {one.name: one for one in description.rule.approvers}
    if given.name not in known:
        raise Misconfigured(
            file=given.file, key="--name", value=given.name, example=", ".join(known)
        )
    key = _private_key(Path(given.key))
    approval = quorum.approve(description.operation, given.name, key)
    if key.public_key() != known[given.name].public_key:
        raise Misconfigured(
            file=given.key, key="--key", value="another key", example="the key that the file names"
        )
    write_durably(Path(given.out), json.dumps(approval.as_json()).encode(), mode=0o644)
    print(f"{given.name} approves {description.title!r}, SHA-256 {description.sha256.hex()}")


def verify_transcript(installation: Installation, given: argparse.Namespace) -> None:
    """Verify a transcript offline; with a database of ours, its place in the ledger too."""
    path = Path(given.transcript)
    file = Path(given.file) if given.file else path.with_name("ceremony.yaml")
    root = Path(given.root) if given.root else installation.pki / "root.crt"
    try:
        jws, content = path.read_text("ascii").strip(), file.read_bytes()
        anchors = x509.load_pem_x509_certificates(root.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(
            file=file, key="file", value=str(error)[:200], example="transcript.jws"
        ) from error
    found = transcript.verify(jws, content, anchors)
    transcript.refuse_other_certificates(found, {"root": anchors[0]})
    if given.json:
        shown = {
            "title": found.title,
            "began": found.began.isoformat(),
            "ended": found.ended.isoformat(),
            "approvers": list(found.approvers),
            "made": found.made,
        }
        print(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    print(f"{found.title}\n{found.began:%Y-%m-%d %H:%M:%S} to {found.ended:%H:%M:%S} UTC")
    print(f"approved by {', '.join(found.approvers)}")
    for step in found.steps:
        facts = " ".join(f"{key}={value}" for key, value in step.items() if key not in _SHOWN)
        print(f"{step['step']:>3}  {step['at']}  {step['action']:<17}{facts}")
    print("the transcript holds: signature, approvals, file and root agree")


_SHOWN = {"step", "at", "action"}


def _draft(installation: Installation, given: argparse.Namespace) -> None:
    approvers = []
    for one in given.approver:
        name, _, file = one.partition("=")
        try:
            approvers.append(Approver.read(name, Path(file).read_text("ascii")))
        except (OSError, UnicodeDecodeError, Invalid) as error:
            raise Misconfigured(
                file=file, key="--approver", value=str(error)[:200], example="a-quliyeva=a.pem"
            ) from error
    content = write_description(
        national_plan(),
        title="Founding of the national certification centre",
        installation=installation.identity,
        people=[{"name": one.name, "duty": "approver"} for one in approvers],
        rule=Rule(given.needed, tuple(approvers)),
        at=SystemClock().now(),
    )
    write_durably(Path(given.draft), content, mode=0o644)
    print(f"{given.draft}: read it, change it, and have it approved within its time")


def _hold(installation: Installation, given: argparse.Namespace) -> None:
    description = Description.load(Path(given.file))
    approvals = tuple(_approval(Path(file)) for file in given.approval)
    place = Place(
        issuance_of(installation),
        root_keystore_of(installation),
        keystore_of(installation),
        installation.pki,
    )
    Rite(place, description, Warrant(description.operation, approvals)).hold()
    write_durably(installation.pki / "own-ceremony", description.sha256.hex().encode(), mode=0o644)
    folder = installation.pki / "ceremonies" / description.sha256.hex()[:16]
    print(f"ceremony held; transcript: {folder / 'transcript.jws'}")


def _approval(file: Path) -> Approval:
    try:
        return Approval.from_json(json.loads(file.read_bytes()))
    except (OSError, ValueError, Invalid) as error:
        raise Misconfigured(
            file=file, key="--approval", value=str(error)[:200], example="from `pencere ca approve`"
        ) from error


def _private_key(file: Path) -> PrivateKey:
    try:
        pem = file.read_bytes()
        passphrase = None
        if b"ENCRYPTED" in pem:
            asked = getpass.getpass("Passphrase: ") if sys.stdin.isatty() else sys.stdin.readline()
            passphrase = asked.rstrip("\n").encode()
        key = load_pem_private_key(pem, passphrase)
        algorithm_of(key)
    except (OSError, ValueError, TypeError, Invalid) as error:
        raise Misconfigured(
            file=file, key="--key", value=type(error).__name__, example="a private key, PEM"
        ) from error
    return key  # type: ignore[return-value]  # algorithm_of has looked


def _show(keystore: Keystore) -> None:
    for name in keystore.names():
        try:
            ends = keystore.certificates(name)[0].not_valid_after_utc
        except Missing:
            continue
        print(f"{name:<32}until {ends:%Y-%m-%d}")
