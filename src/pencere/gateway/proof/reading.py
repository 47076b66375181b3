"""Reading what proves exchanges from the live log: many at once, in a few queries."""

import base64
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from psycopg.rows import DictRow, dict_row

from pencere.gateway.proof.exchange import ExchangeProof, LedgerProof, Message, Stamp
from pencere.gateway.proof.statements import request_of, response_of
from pencere.gateway.wire.evidence import format_time
from pencere.kernel.errors import Missing
from pencere.ledger.proofs import inclusion_proof, leaf_hash
from pencere.ledger.store import Evidence, Reader
from pencere.trust import signed_json
from pencere.trust.validation import LONGEST_PATH

Key = tuple[UUID, str]
Connection = psycopg.Connection[DictRow]

_KEYS = "join unnest(%s::uuid[], %s::text[]) as k (exchange, side) using (exchange, side)"
_BY_EXCHANGE = "select exchange, side from gateway.request where exchange = %s order by seq"
_BY_MESSAGE = "select exchange, side from gateway.request where message_id = %s order by seq"
_STAMPS = """
select m.response_seq, m.batch, m.position, b.size, b.root, b.token
from gateway.batch_member m join gateway.batch b on b.id = m.batch
where m.response_seq = any(%s)
"""
_LEAVES = """
select m.batch, s.evidence_digest from gateway.batch_member m
join gateway.response s on s.seq = m.response_seq
where m.batch = any(%s) order by m.batch, m.position
"""
# The one in force when the request was signed; for the first exchanges of a log the first kept.
_DIRECTORY = """
select version, jws from gateway.directory_version
order by (accepted_at <= %(at)s) desc, case when accepted_at <= %(at)s then accepted_at end desc,
    version limit 1
"""
# What was in force at an instant, and the first that was said after it.
_STATUSES = """
(select answer from gateway.status where certificate = %(of)s and this_update <= %(at)s
    order by this_update desc limit 1)
union all
(select answer from gateway.status where certificate = %(of)s and this_update > %(at)s
    order by this_update limit 1)
"""
_FACTS = (
    "message_id", "node", "peer", "consumer", "provider", "service", "method", "endpoint",
    "agreement", "purpose", "legal_basis", "case_number", "represented", "actor",
)  # fmt: skip


@dataclass(frozen=True)
class Log:
    """The log of one database: its URL, and the name and public key (PEM) of its ledger."""

    url: str
    ledger_origin: str
    ledger_key: bytes

    def connect(self) -> Connection:
        """Connect for reading."""
        return psycopg.connect(
            self.url, autocommit=True, row_factory=dict_row, application_name="gateway-proof",
            connect_timeout=5,
        )  # fmt: skip


def certificates_of(
    connection: Connection, signer: x509.Certificate
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return certificates and newest statuses for a signature and a time-stamp of now."""
    token = connection.execute(
        "select token from gateway.batch order by id desc limit 1"
    ).fetchone()
    stamp = None if token is None else Stamp(token["token"], 1, 0, (), b"")
    at = connection.execute("select now() as at").fetchone()
    assert at is not None  # noqa: S101  # a select of a value has a row
    signers = [signer.fingerprint(hashes.SHA256())]
    return _Shared(connection).material(signers, stamp, None, at["at"])


def with_present(
    connection: Connection, proof: ExchangeProof, signer: x509.Certificate
) -> ExchangeProof:
    """Return the proof with what proves a container that `signer` makes of it now."""
    certificates, statuses = certificates_of(connection, signer)
    return replace(
        proof,
        certificates=tuple(dict.fromkeys((*proof.certificates, *certificates))),
        statuses=tuple(dict.fromkeys((*proof.statuses, *statuses))),
    )


def find(connection: Connection, number: str) -> list[Key]:
    """Return the sides of an exchange by `X-Road-Request-Id`, else those of an `X-Road-Id`.

    Raises:
        Missing: `exchange.unknown`.
    """
    rows: list[DictRow] = []
    with contextlib.suppress(ValueError):
        rows = connection.execute(_BY_EXCHANGE, (UUID(number),)).fetchall()
    rows = rows or connection.execute(_BY_MESSAGE, (number,)).fetchall()
    if not rows:
        raise Missing("exchange.unknown")
    return [(row["exchange"], row["side"]) for row in rows]


def load(connection: Connection, log: Log, keys: Sequence[Key]) -> list[ExchangeProof]:
    """Return the proofs of exchanges, in the order of `keys`; those not here are left out."""
    wanted = ([key[0] for key in keys], [key[1] for key in keys])
    requests = _by_key(connection, f"select t.* from gateway.request t {_KEYS}", wanted)  # noqa: S608
    responses = _by_key(connection, f"select t.* from gateway.response t {_KEYS}", wanted)  # noqa: S608
    stamps = _stamps(connection, [row["seq"] for row in responses.values()])
    ledger = _ledger(log, [row["leaf_hash"] for row in responses.values() if row["leaf_hash"]])
    shared = _Shared(connection)
    proofs = []
    for key in keys:
        request, response = requests.get(key), responses.get(key)
        if request is not None:
            proofs.append(_proof(request, response, stamps, ledger, shared, log))
    return proofs


def _by_key(
    connection: Connection, query: str, wanted: tuple[list[UUID], list[str]]
) -> dict[Key, DictRow]:
    rows = connection.execute(query.encode(), wanted).fetchall()
    return {(row["exchange"], row["side"]): row for row in rows}


def _stamps(connection: Connection, responses: Sequence[int]) -> dict[int, Stamp]:
    members = connection.execute(_STAMPS, (list(responses),)).fetchall()
    leaves = leaves_of(connection, {row["batch"] for row in members})
    return {
        row["response_seq"]: Stamp(
            row["token"],
            row["size"],
            row["position"],
            tuple(inclusion_proof(leaves[row["batch"]], row["position"])),
            row["root"],
        )
        for row in members
        if len(leaves.get(row["batch"], ())) == row["size"]
    }


def leaves_of(connection: Connection, batches: set[int]) -> dict[int, list[bytes]]:
    """Return the leaf hashes of batches, kept or made from the rows there are."""
    kept = connection.execute(
        "select batch, leaves from gateway.batch_leaves where batch = any(%s)", (list(batches),)
    ).fetchall()
    found = {
        row["batch"]: [row["leaves"][at : at + 32] for at in range(0, len(row["leaves"]), 32)]
        for row in kept
    }
    for row in connection.execute(_LEAVES, (list(batches - found.keys()),)).fetchall():
        found.setdefault(row["batch"], []).append(leaf_hash(row["evidence_digest"]))
    return found


def _ledger(log: Log, leaves: Sequence[bytes]) -> dict[bytes, Evidence]:
    if not leaves:
        return {}
    with Reader(log.url, max_connections=1) as reader:
        return reader.evidence(leaves)


def _proof(  # noqa: PLR0913, PLR0917 - what a proof is made of
    request: Mapping[str, Any],
    response: Mapping[str, Any] | None,
    stamps: Mapping[int, Stamp],
    ledger: Mapping[bytes, Evidence],
    shared: "_Shared",
    log: Log,
) -> ExchangeProof:
    statement, evidence = request_of(request)
    asked = Message(
        statement, evidence, request["head_sealed"], request["body_sealed"], request["body_bytes"]
    )
    facts = {name: request[name] for name in _FACTS}
    facts["recorded_at"] = format_time(request["recorded_at"])
    answered, digest, found = None, b"", None
    if response is not None:
        answered = _answer(response, request, statement)
        digest = response["evidence_digest"]
        facts |= {name: response[name] for name in ("outcome", "status", "fault")}
        found = ledger.get(response["leaf_hash"] or b"")
    stamp = stamps.get(response["seq"]) if response is not None else None
    version, directory = shared.directory(request["signed_at"])
    facts["directory_version"] = version
    material = shared.material(_signers(evidence, answered), stamp, directory, request["signed_at"])
    return ExchangeProof(
        exchange=str(request["exchange"]),
        side=request["side"],
        facts=facts,
        request=asked,
        response=answered,
        evidence_digest=digest,
        stamp=stamp,
        ledger=None
        if found is None
        else LedgerProof(
            found.entry, found.index, found.proof, found.checkpoint, log.ledger_origin,
            log.ledger_key,
        ),
        directory=directory,
        certificates=material[0],
        statuses=material[1],
    )  # fmt: skip


def _answer(
    response: Mapping[str, Any], request: Mapping[str, Any], statement: bytes
) -> Message | None:
    texts = response_of(response, request, statement)
    if texts is None:
        return None
    return Message(*texts, response["head_sealed"], response["body_sealed"], response["body_bytes"])


def _signers(evidence: bytes, answered: Message | None) -> list[bytes]:
    sections = [evidence] if answered is None else [evidence, answered.evidence]
    return list(
        dict.fromkeys(bytes.fromhex(one.split(b" ")[2].decode("ascii")) for one in sections)
    )


class _Shared:
    """What many exchanges have in common, each read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        rows = connection.execute("select sha256, der from gateway.certificate").fetchall()
        self._certificates = {row["sha256"]: row["der"] for row in rows}
        self._loaded = {
            digest: x509.load_der_x509_certificate(der)
            for digest, der in self._certificates.items()
        }
        self._statuses: dict[tuple[bytes, int], tuple[bytes, ...]] = {}
        self._directories: dict[int, tuple[int, str]] = {}

    def directory(self, at: datetime) -> tuple[int | None, str | None]:
        second = int(at.timestamp())
        if second not in self._directories:
            row = self._connection.execute(_DIRECTORY, {"at": at}).fetchone()
            if row is None:
                return None, None
            self._directories[second] = (row["version"], row["jws"])
        return self._directories[second]

    def material(
        self, signers: Sequence[bytes], stamp: Stamp | None, directory: str | None, at: datetime
    ) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Return certificates and statuses of all who signed, with everybody above them."""
        wanted = [one for one in signers if one in self._loaded]
        if directory is not None:
            wanted += self._of_directory(directory)
        if stamp is not None:
            wanted += self._of_token(stamp.token)
        paths = list(dict.fromkeys(part for one in wanted for part in self._path(one)))
        statuses = [answer for one in paths for answer in self._status(one, at)]
        return tuple(self._certificates[one] for one in paths), tuple(dict.fromkeys(statuses))

    def _of_directory(self, jws: str) -> list[bytes]:
        return [
            digest
            for digest in (one.fingerprint(hashes.SHA256()) for one in chain_of(jws))
            if digest in self._loaded
        ]

    def _of_token(self, token: bytes) -> list[bytes]:
        return [digest for digest, der in self._certificates.items() if der in token]

    def _path(self, digest: bytes) -> list[bytes]:
        path = [digest]
        while len(path) <= LONGEST_PATH:
            one = self._loaded[path[-1]]
            above = next(
                (
                    other
                    for other, candidate in self._loaded.items()
                    if other != path[-1] and is_issued_by(one, candidate)
                ),
                None,
            )  # fmt: skip
            if above is None:
                break
            path.append(above)
        return path

    def _status(self, digest: bytes, at: datetime) -> tuple[bytes, ...]:
        known = (digest, int(at.timestamp()) // 60)
        if known not in self._statuses:
            rows = self._connection.execute(_STATUSES, {"of": digest, "at": at}).fetchall()
            self._statuses[known] = tuple(row["answer"] for row in rows)
        return self._statuses[known]


def chain_of(jws: str) -> list[x509.Certificate]:
    """Return the certificates that a signed directory brings along; none when it brings none."""
    given = signed_json.parse(jws)[0].get("x5c") or []
    return [x509.load_der_x509_certificate(base64.b64decode(one)) for one in given]


def is_issued_by(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether a certificate was signed by the key of another."""
    if one.issuer != issuer.subject:
        return False
    try:
        one.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
