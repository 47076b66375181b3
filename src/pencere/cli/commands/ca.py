"""`pencere ca`: the certification centre, for its operators. PostgreSQL must be running.

A personal number is read from standard input, never from the command line, which others see.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.cli import ceremonies
from pencere.cli.boot.trust import organization_of
from pencere.cli.enrolment import bindings, monitor
from pencere.cli.options import installation_of, parser, subparsers
from pencere.cli.roles.certification import centre_of
from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Invalid, Misconfigured
from pencere.kernel.identifiers import parse_fin
from pencere.ops.installation import Installation
from pencere.trust import crl, store
from pencere.trust.profile import ISSUING, load_authority

_Action = Callable[[Installation, argparse.Namespace], None]


def run(arguments: Sequence[str]) -> int:
    """Do one action of the centre."""
    options = parser("ca", "The national certification centre.")
    actions = subparsers(
        options,
        [
            ("ceremony", "found the centre, or renew what ends soon"),
            ("issue", "certify a node's request, or make a body's seal"),
            ("list", "list the certificates of a person or a body with their serial numbers"),
            ("revoke", "revoke a certificate by its serial number, for good"),
            ("crl", "renew and publish the revocation lists"),
            *ceremonies.ACTIONS,
            *bindings.ACTIONS,
            ("monitor", "follow a public log: what was issued in a person's or body's name?"),
        ],
    )
    issue = actions["issue"]
    issue.add_argument("kind", choices=["node", "seal"])
    issue.add_argument("--body", required=True, metavar="ID", help="body of bodies.yaml")
    issue.add_argument("--request", metavar="FILE", help="node: PKCS#10, PEM or DER")
    issue.add_argument("--name", metavar="NAME", help="node: its name")
    issue.add_argument("--address", metavar="NAME-OR-IP", action="append", default=[])
    whose = actions["list"].add_mutually_exclusive_group(required=True)
    whose.add_argument("--person", metavar="KEY", help="a person of the demonstration")
    whose.add_argument("--body", metavar="ID", help="body of bodies.yaml")
    whose.add_argument(
        "--subject", choices=["-"], help="FIN or subject identifier, a line of standard input"
    )
    actions["list"].add_argument("--json", action="store_true", help="for machines")
    revoke = actions["revoke"]
    revoke.add_argument("serial", help="hexadecimal, from `pencere ca list`")
    reasons = [reason.name.lower().replace("_", "-") for reason in store.Reason]
    revoke.add_argument("--reason", choices=reasons, default="unspecified")
    ceremonies.add_options(actions)
    bindings.add_options(actions)
    monitor.add_options(actions["monitor"])
    given = options.parse_args(arguments)
    if given.action == "monitor":  # reads another's log; needs no installation
        return monitor.run(given)
    installation = installation_of(given)
    os.environ.update(installation.environment())
    actions_by_name: dict[str, _Action] = {
        "ceremony": ceremonies.ceremony,
        "approve": ceremonies.approve,
        "verify-transcript": ceremonies.verify_transcript,
        "issue": _issue,
        "list": _list,
        "revoke": _revoke,
        "crl": _lists,
        "eab": bindings.eab,
        "bindings": bindings.show,
        "end-binding": bindings.end,
    }
    actions_by_name[given.action](installation, given)
    return 0


def _issue(installation: Installation, given: argparse.Namespace) -> None:
    centre, body = centre_of(installation), Country.load("az").body(given.body)
    if given.kind == "seal":
        credential = centre.issue_seal(
            body=body.id,
            organization=organization_of(body),
            token=installation.secret(f"seal/{body.id}"),
        )
        print(f"credential {credential}; token: {installation.secrets / 'seal' / body.id}")
        return
    if not given.request or not given.name or not given.address:
        raise Misconfigured(
            file="command line",
            key="--request, --name, --address",
            value="not given",
            example="--request node.csr --name gateway-health --address 10.1.2.3",
        )
    chain = centre.issue_node_certificate(
        _request(Path(given.request)),
        body=body.id,
        organization=organization_of(body),
        name=given.name,
        addresses=tuple(given.address),
    )
    print("".join(each.public_bytes(Encoding.PEM).decode() for each in chain), end="")


def _request(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        if content.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_csr(content).public_bytes(Encoding.DER)
        return x509.load_der_x509_csr(content).public_bytes(Encoding.DER)
    except (OSError, ValueError) as reason:
        raise Misconfigured(
            file=file, key="--request", value=str(reason), example="a PKCS#10 request, PEM or DER"
        ) from None


def _list(installation: Installation, given: argparse.Namespace) -> None:
    now = SystemClock().now()
    with psycopg.connect(installation.database_url("trust")) as connection:
        held = store.held_by(connection, _holder(given))
    rows = [
        {
            "serial": f"{int.from_bytes(each.serial, 'big'):x}",
            "profile": each.profile,
            "issuer": each.issuer,
            "state": "revoked" if each.revoked_at else _age(each, now),
            "not_after": each.not_after.isoformat(),
        }
        for each in held
    ]
    if given.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(f"{row['serial']:<34}{row['profile']:<24}{row['state']:<9}until {row['not_after']}")
    print(f"{len(rows)} certificates")


def _age(held: store.Held, now: datetime) -> str:
    return "valid" if held.not_before <= now <= held.not_after else "expired"


def _holder(given: argparse.Namespace) -> str:
    """Return the identifier under which certificates of the named person or body are kept."""
    country, nation = Country.load("az"), load_authority().country
    if given.body is not None:
        return f"NTR{nation}-{country.body(given.body).id}"
    if given.person is not None:
        keys = {person.key: person for person in country.demo_persons}
        if given.person not in keys:
            raise Misconfigured(
                file="command line", key="--person", value=given.person, example=", ".join(keys)
            )
        return f"PNO{nation}-{keys[given.person].fin}"
    line = sys.stdin.readline().strip()
    return line if "-" in line else f"PNO{nation}-{parse_fin(line)}"


def _revoke(installation: Installation, given: argparse.Namespace) -> None:
    try:
        serial = store.serial_bytes(int(given.serial, 16))
    except (ValueError, OverflowError):
        raise Invalid("serial.invalid", value=given.serial[:60], example="7bfccc560b92") from None
    with psycopg.connect(installation.database_url("trust")) as connection:
        certificate = x509.load_der_x509_certificate(store.certificate(connection, serial))
    reason = store.Reason[given.reason.upper().replace("-", "_")]
    centre_of(installation).issuance.revoke(certificate, reason)
    print(f"revoked {certificate.serial_number:x}: {reason.name.lower()}")


def _lists(installation: Installation, _: argparse.Namespace) -> None:
    centre, now = centre_of(installation), SystemClock().now()
    for name in ISSUING:  # the root's is made at a ceremony, where its key is opened
        with psycopg.connect(installation.database_url("trust")) as connection:
            signer = centre.keystore.signer(name)
            lists = crl.Lists(name, signer, base_url=centre.issuance.base_url)
            crl.renew(connection, lists, installation.pki, at=now)
        listed = x509.load_der_x509_crl((installation.pki / f"{name}.crl").read_bytes())
        ends = listed.next_update_utc
        print(f"{installation.pki / name}.crl  {len(listed)} revoked, next update {ends:%Y-%m-%d}")
