"""`pencere gateway evidence`, `archive`, `escrow`: what proves an exchange, now and years later."""

import getpass
import json
import os
import secrets
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pencere.cli.options import installation_of
from pencere.cli.roles.archive import (
    STATUS_EVERY,
    Place,
    archive_of,
    log_of,
    maker_of,
    secrets_of,
)
from pencere.cli.roles.nodes import NODES, Node
from pencere.documents.examine import examine
from pencere.gateway.archive import archiving, escrow
from pencere.gateway.archive.manifest import manifest_name, read_manifest
from pencere.gateway.archive.store import Store, open_store
from pencere.gateway.archive.verification import Verified, find, verify
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.proof.container import PARTS, Choices, make
from pencere.gateway.proof.exchange import ExchangeProof
from pencere.gateway.proof.kept import keep_now
from pencere.gateway.proof.reading import find as find_live
from pencere.gateway.proof.reading import load, with_present
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Misconfigured, Missing
from pencere.ops.installation import Installation
from pencere.trust.durable import write_durably

ACTIONS = (
    ("evidence", "write the evidence container of an exchange"),
    ("archive", "archive months of the log, or verify an archive"),
    ("escrow", "open the secrets of an archive's node with the key of the escrow officer"),
    ("rotate-secret", "give a node a new secret for its log; the old one still opens"),
)
_ROLES = [node.role for node in NODES]


def add_options(actions: Mapping[str, ArgumentParser]) -> None:
    """Add the options of all."""
    one = actions["evidence"]
    one.add_argument("exchange", help="X-Road-Request-Id or X-Road-Id")
    one.add_argument("-o", "--output", metavar="FILE", help="default: <exchange>.asice; - prints")
    one.add_argument("--node", choices=_ROLES, help="whose log (default: the first that has it)")
    one.add_argument("--part", choices=PARTS, help="leave the other part out")
    one.add_argument("--no-bodies", action="store_true", help="leave bodies out")
    one.add_argument("--from", dest="source", metavar="PLACE", help="an archive to look into")
    one.add_argument("--secrets", metavar="FILE", help="of the node, as `escrow` writes them")
    many = actions["archive"]
    many.add_argument("what", nargs="?", choices=["run", "verify"], default="run")
    many.add_argument(
        "place", nargs="?", metavar="PLACE", help="of verify: DIR, s3://bucket/prefix"
    )
    many.add_argument("--to", metavar="PLACE", help="DIR or s3://bucket/prefix")
    many.add_argument("--node", choices=_ROLES, help="default: all")
    many.add_argument("--keep-days", metavar="N", help="months that ended longer ago are archived")
    many.add_argument("--keep-rows", action="store_true", help="do not drop what was archived")
    many.add_argument("--anchors", metavar="FILE", help="PEM of the root (of verify)")
    many.add_argument("--secrets", metavar="FILE", help="of the node: opens every file (verify)")
    many.add_argument("--json", action="store_true", help="for machines")
    opened = actions["escrow"]
    opened.add_argument("place", metavar="PLACE", help="archive: DIR or s3://bucket/prefix")
    opened.add_argument("--key", required=True, metavar="FILE", help="PEM, P-256")
    opened.add_argument("-o", "--output", required=True, metavar="FILE", help="the secrets")
    actions["rotate-secret"].add_argument("node", choices=_ROLES)


def run(given: Namespace) -> int:
    """Do what was asked."""
    if given.action == "evidence":
        return _evidence(installation_of(given), given)
    if given.action == "escrow":
        return _escrow(given)
    if given.action == "rotate-secret":
        return _rotate(installation_of(given), given.node)
    if given.what == "verify":
        return _verify(given)
    return _archive(installation_of(given), given)


def _evidence(installation: Installation, given: Namespace) -> int:
    node, proof = _found(installation, given)
    maker, clock = maker_of(installation, node), SystemClock()
    keep_now(
        database_url=installation.database_url(node.database),
        anchors=installation.pki / "node-anchors.pem",
        clock=clock,
        every=STATUS_EVERY,
        signer=maker.signer.certificate,
    )
    log = log_of(installation, node)
    with log.connect() as connection:
        live = _live(installation, node, given.exchange) or [proof]
        whole = with_present(connection, live[0], maker.signer.certificate)
    content = make(
        whole,
        Sealer(*_secrets(given, installation, node)),
        maker,
        node=node.identifier,
        at=clock.now(),
        choices=Choices((given.part,) if given.part else PARTS, not given.no_bodies),
    )
    if given.output == "-":
        sys.stdout.buffer.write(content)
        return 0
    file = Path(given.output or f"{proof.exchange}.asice")
    write_durably(file, content, mode=0o600)
    print(f"{file}  {whole.side} {node.identifier}  {len(content)} bytes")
    return 0


def _found(installation: Installation, given: Namespace) -> tuple[Node, ExchangeProof]:
    place = Place.of(installation, os.environ)
    nodes = [node for node in NODES if given.node in {None, node.role}]
    for node in nodes:
        for one in _live(installation, node, given.exchange):
            return node, one
    for node in nodes:
        store = open_store(given.source, place.s3) if given.source else place.store(node)
        try:
            found = find(store, given.exchange, _secrets(given, installation, node))
        except Missing:
            continue
        return node, found[0]
    raise Missing("exchange.unknown")


def _live(installation: Installation, node: Node, number: str) -> list[ExchangeProof]:
    log = log_of(installation, node)
    with log.connect() as connection:
        try:
            return load(connection, log, find_live(connection, number))
        except Missing:
            return []


def _archive(installation: Installation, given: Namespace) -> int:
    environment = dict(os.environ)
    if given.to:
        environment["PENCERE_GATEWAY_ARCHIVE"] = given.to
    if given.keep_days:
        environment["PENCERE_GATEWAY_KEEP_DAYS"] = given.keep_days
    place = Place.of(installation, environment)
    told: dict[str, archiving.Summary] = {}
    for node in NODES:
        if given.node in {None, node.role}:
            archive = archive_of(installation, node, place)
            told[node.role] = archiving.run(archive, dropping=not given.keep_rows)
    if given.json:
        print(json.dumps({role: asdict(one) for role, one in told.items()}, indent=1))
    else:
        for role, one in told.items():
            months = " ".join(one.archived) or "nothing"
            print(f"{role}: {months}; {one.exchanges} exchanges in {one.files} files")
    return 0


def _verify(given: Namespace) -> int:
    """Verify one archive by its place, or all of an installation against its logs."""
    installation = installation_of(given)
    anchors = _anchors(given, installation)
    place = Place.of(installation, os.environ)
    if given.place:
        opening = _read_secrets(given.secrets) if given.secrets else ()
        store = open_store(given.place, place.s3)
        found = {given.place: _verified(store, anchors, opening, None)}
    else:
        found = {
            node.role: _verified(
                place.store(node), anchors, secrets_of(installation, node.role),
                _known(installation, node),
            )
            for node in NODES
            if given.node in {None, node.role}
        }  # fmt: skip
    if given.json:
        print(json.dumps({name: _as_json(one) for name, one in found.items()}, indent=1))
    else:
        for name, one in found.items():
            print("\n".join(_in_words(name, one)))
    return 0 if all(one.complete for one in found.values()) else 1


def _verified(
    store: Store,
    anchors: list[x509.Certificate],
    secrets_: Sequence[str],
    known: Mapping[int, str] | None,
) -> Verified:
    now = SystemClock().now()

    def check(content: bytes) -> tuple[str, ...]:
        return examine(content, anchors, now).reasons

    return verify(store, check=check, secrets=secrets_, known=known)


def _known(installation: Installation, node: Node) -> dict[int, str]:
    with psycopg.connect(installation.database_url(node.database)) as connection:
        rows = connection.execute(
            "select manifest, encode(sha256(content), 'hex') from gateway.archive_manifest"
        ).fetchall()
    return {int(number): str(digest) for number, digest in rows}


def _anchors(given: Namespace, installation: Installation) -> list[x509.Certificate]:
    file = Path(given.anchors) if given.anchors else installation.pki / "root.crt"
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as problem:
        raise Misconfigured(
            file="command line", key="--anchors", value=str(file), example="root.crt"
        ) from problem


def _as_json(one: Verified) -> dict[str, object]:
    return {
        "complete": one.complete, "log": one.log, "manifests": one.manifests, "files": one.files,
        "exchanges": one.exchanges, "since": one.since, "until": one.until, "opened": one.opened,
        "findings": [
            {"code": found.code, "where": found.where, "detail": found.detail}
            for found in one.findings
        ],
    }  # fmt: skip


def _in_words(name: str, one: Verified) -> list[str]:
    head = "complete" if one.complete else "not complete"
    counts = f"{one.exchanges} exchanges, {one.files} files, {one.manifests} manifests"
    period = f"{one.log or '-'} {one.since or '-'} .. {one.until or '-'}"
    lines = [f"{name}: {head}; {period}, {counts}"]
    return lines + [
        f"  {found.code} {found.where} {found.detail}".rstrip() for found in one.findings
    ]


def _secrets(given: Namespace, installation: Installation, node: Node) -> tuple[str, ...]:
    """Return what a node's log or archive is opened with: what was handed over, else its own."""
    if given.secrets:
        return _read_secrets(given.secrets)
    return secrets_of(installation, node.role)


def _read_secrets(name: str) -> tuple[str, ...]:
    try:
        found = tuple(Path(name).read_text("ascii").split())
    except (OSError, ValueError):
        found = ()
    if not found:
        raise Misconfigured(
            file="command line", key="--secrets", value=name, example="pencere gateway escrow -o"
        )
    return found


def _escrow(given: Namespace) -> int:
    """Write the secrets of the newest manifest that has them; they are never shown."""
    key = _officer_key(given.key)
    store = open_store(given.place, Place.of(installation_of(given), os.environ).s3)
    numbers = [int(one[9:15]) for one in store.names() if one.startswith("manifest-")]
    for number in sorted(numbers, reverse=True):
        manifest = read_manifest(store.get(manifest_name(number)))
        if manifest.escrow is not None:
            found = escrow.unlock(manifest.escrow, key, log=manifest.log)
            write_durably(Path(given.output), "\n".join(found).encode() + b"\n", mode=0o600)
            print(f"{given.output}: {len(found)} secret(s) of {manifest.log}")
            return 0
    raise Missing("archive.no_escrow", place=given.place)


def _officer_key(name: str) -> ec.EllipticCurvePrivateKey:
    try:
        pem = Path(name).read_bytes()
        password = getpass.getpass(f"{name}: ").encode() if b"ENCRYPTED" in pem else None
        key = load_pem_private_key(pem, password)
    except (OSError, ValueError, TypeError) as problem:
        raise Misconfigured(
            file="command line", key="--key", value=name, example="escrow.pem"
        ) from problem
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise Misconfigured(file="command line", key="--key", value="another", example="P-256")
    return key


def _rotate(installation: Installation, role: str) -> int:
    """Write the new secret after the old one was kept, so that a stop loses neither."""
    kept = secrets_of(installation, role)
    folder = installation.secrets / "node"
    write_durably(folder / f"{role}.older", "\n".join(kept).encode() + b"\n", mode=0o600)
    write_durably(folder / role, secrets.token_urlsafe(32).encode("ascii"), mode=0o600)
    print(f"{role}: restart the node; {len(kept)} older secret(s) still open what they sealed")
    return 0
