"""`pencere gateway token` and `join`: a node comes into the exchange. docs/specs/joining.md."""

import argparse
import base64
import contextlib
import ipaddress
import json
import os
import time
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.cli.boot import web
from pencere.cli.roles.joined import ROLE, Membership, key_folder, keystore_of, membership_file
from pencere.cli.roles.node_keys import post_json, refuse_token
from pencere.gateway.node_file import write_node_file
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Conflict, Misconfigured, PencereError, Refused
from pencere.ops.installation import Installation
from pencere.trust import signed_json
from pencere.trust.durable import write_durably
from pencere.trust.validation import validate_chain

ACTIONS = (
    ("token", "make a token with which a node of a body may join, once"),
    ("join", "join with a token: key, certificates, directory, configuration"),
)
_NAMED_WITHIN_S = 60.0


def add_options(actions: dict[str, argparse.ArgumentParser]) -> None:
    """Add the options of both actions."""
    token = actions["token"]
    token.add_argument("--member", required=True, metavar="CLASS/BODY", help="GOV/idda")
    token.add_argument("--node", default="node", metavar="CODE", help="default: node")
    token.add_argument(
        "--serves", action="append", required=True, metavar="BODY/SYSTEM", help="repeat"
    )
    token.add_argument("--name", default="", help="nodes of one name serve together")
    token.add_argument("--host", action="append", default=[], help="its only address; repeat")
    token.add_argument("--replaces", action="store_true", help="the node that is there gives way")
    token.add_argument("--json", action="store_true", help="for machines")
    join = actions["join"]
    join.add_argument("--office", required=True, metavar="URL", help="of the state register")
    join.add_argument("--token", required=True, help="`-` reads it from standard input")
    join.add_argument("--address", required=True, metavar="HOST:PORT", help="for other nodes")
    join.add_argument("--listen", default="", metavar="HOST", help="of the link; default: address")
    join.add_argument("--client", default="127.0.0.1:5600", metavar="HOST:PORT")
    join.add_argument("--json", action="store_true", help="for machines")


def token(installation: Installation, given: argparse.Namespace) -> int:
    """Make a token in the register of this installation and print it, once."""
    os.environ.update(installation.environment())
    web.set_up()
    # Models can be imported only when Django is set up.
    from pencere.web.stateregister.domain import joining  # noqa: PLC0415
    from pencere.web.stateregister.models import Body  # noqa: PLC0415

    member_class, _, code = str(given.member).rpartition("/")
    body = Body.objects.filter(id=code, member_class=member_class, is_active=True).first()
    if body is None:
        raise Misconfigured(
            file="command line", key="--member", value=given.member, example="GOV/idda"
        )
    root = x509.load_pem_x509_certificate((installation.pki / "root.crt").read_bytes())
    made, text = joining.make(
        body,
        node=f"AZ/{given.member}/{given.node}",
        serves=given.serves,
        name=given.name,
        hosts=given.host,
        replaces=given.replaces,
        root_sha256=root.fingerprint(hashes.SHA256()).hex(),
        at=SystemClock().now(),
    )
    if given.json:
        told = {"token": text, "node": made.node, "expires_at": made.expires_at.isoformat()}
        print(json.dumps(told, indent=1))
    else:
        print(f"{text}\n{made.node}, until {made.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    return 0


def join(installation: Installation, given: argparse.Namespace) -> int:
    """Join; may be repeated with the same token when a connection broke."""
    office, text = _office(given.office), str(given.token)
    if text == "-":
        text = input().strip()
    if membership_file(installation).exists():
        raise Conflict("joining.joined_already", file=membership_file(installation))
    refuse_token(key_folder(installation))
    keystore = keystore_of(installation)
    if not keystore.has_key("node"):
        keystore.create("node")
    asked = {
        "token": text,
        "address": given.address,
        "request": base64.b64encode(keystore.request("node")).decode(),
    }
    answer = post_json(f"{office}/stateregister/nodes/join", json.dumps(asked).encode(), root=None)
    root, chain = _believe(answer, text)
    keystore.install("node", chain)
    pem = root.public_bytes(Encoding.PEM)
    issuers = b"".join(one.public_bytes(Encoding.PEM) for one in chain[1:])
    write_durably(installation.pki / "root.crt", pem, mode=0o644)
    write_durably(installation.pki / "node-anchors.pem", issuers + pem, mode=0o644)
    member = _membership(answer, office, given)
    if not (installation.run / f"{ROLE}.json").exists():
        write_node_file(
            installation.run / f"{ROLE}.json",
            clients={},
            services={},
            operators={"register": installation.secret(f"operator/{ROLE}")},
        )
    named = _fetch_directory(installation, member, root)
    write_durably(membership_file(installation), member.as_json())
    if given.json:
        print(json.dumps({"node": member.node, "directory": named}, indent=1))
    else:
        print(f"joined as {member.node}; pencere serve gateway --data {installation.data}")
    return 0


def _believe(
    answer: dict[str, Any], token_text: str
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Return root and chain when the root is the one the token names and the chain leads there."""
    try:
        root = x509.load_pem_x509_certificate(str(answer["root"]).encode("ascii"))
        chain = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in answer["chain"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise Refused("joining.answer") from problem
    if root.fingerprint(hashes.SHA256()).hex() != token_text.rpartition(".")[2]:
        raise Refused("joining.other_register")
    validate_chain(chain[0], chain[1:], [root], SystemClock().now(), "tls-node")
    return root, chain


def _membership(answer: dict[str, Any], office: str, given: argparse.Namespace) -> Membership:
    client_host, client_port = _split(given.client, "--client")
    host, port = _split(given.address, "--address")
    try:
        return Membership(
            node=str(answer["node"]),
            name=str(answer["name"]),
            register=office,
            directory_url=f"{office}/stateregister/directory.jws",
            tsa_url=str(answer["tsa_url"]),
            enrolment_url=str(answer["enrolment_url"]),
            client_host=client_host,
            client_port=client_port,
            link_host=given.listen or host,
            link_port=port,
        )
    except KeyError as problem:
        raise Refused("joining.answer") from problem


def _fetch_directory(
    installation: Installation, member: Membership, root: x509.Certificate
) -> bool:
    """Keep the directory; wait until it names this node, which takes the register seconds."""
    import requests  # noqa: PLC0415  # slow to import, and needed here alone

    deadline = time.monotonic() + _NAMED_WITHIN_S
    own = keystore_of(installation).certificates("node")[0].fingerprint(hashes.SHA256()).hex()
    while True:
        try:
            text = requests.get(member.directory_url, timeout=10).text.strip()
            payload, _ = signed_json.verify(text, [root], SystemClock().now(), "directory")
        except (requests.RequestException, PencereError) as problem:
            if time.monotonic() > deadline:
                raise Refused("joining.directory", reason=type(problem).__name__) from problem
        else:
            write_durably(key_folder(installation) / "directory.jws", text.encode("ascii"))
            names = {
                one["sha256"]
                for node in payload["nodes"]
                if node["id"] == member.node
                for one in node["certificates"]
            }
            if own in names or time.monotonic() > deadline:
                return own in names
        time.sleep(1.0)


def _office(url: str) -> str:
    """Return the office's address: HTTPS, or plain HTTP on this machine alone."""
    parts = urlsplit(url)
    is_here = parts.hostname == "localhost"
    with contextlib.suppress(ValueError):
        is_here = is_here or ipaddress.ip_address(parts.hostname or "").is_loopback
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        return f"{parts.scheme}://{parts.netloc}"
    raise Misconfigured(
        file="command line", key="--office", value=url, example="https://office.gov.az"
    )


def _split(text: str, key: str) -> tuple[str, int]:
    host, _, port = str(text).rpartition(":")
    if host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return host.strip("[]"), int(port)
    raise Misconfigured(file="command line", key=key, value=text, example="10.20.1.5:5500")
