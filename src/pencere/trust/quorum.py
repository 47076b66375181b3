"""What only several people together may order: n of m approvals over the digest of an operation.

An approver signs the statement of the operation: what kind it is, the digest of the bytes that
describe it, in which installation and within which time. The rule that says who counts and how
many are needed is bound to the key or the keystore (`binding`), so it is checked by the process
that holds the key, whatever the program in front of it believes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import psycopg
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.ledger.entries import INSERT, pending_entry
from pencere.trust.algorithms import PrivateKey, PublicKey, algorithm_of
from pencere.trust.store import Connection

LONGEST = timedelta(days=7)
MOST_APPROVALS = 50


@dataclass(frozen=True)
class Operation:
    """What is to be approved. `sha256` is of the bytes that describe it; instants are aware UTC."""

    kind: str
    sha256: bytes
    installation: str
    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if len(self.sha256) != 32 or not self.kind or not self.installation:
            raise Invalid("quorum.operation", reason="digest, kind, installation")
        if not timedelta() < self.not_after - self.not_before <= LONGEST:
            raise Invalid("quorum.operation", reason="time", longest_days=LONGEST.days)

    def statement(self) -> bytes:
        """Return what approvers sign: canonical JSON."""
        return canonical_json(
            {
                "installation": self.installation,
                "kind": self.kind,
                "not_after": _instant(self.not_after),
                "not_before": _instant(self.not_before),
                "sha256": self.sha256.hex(),
                "statement": "pencere operation v1",
            }
        )


@dataclass(frozen=True)
class Approver:
    """Someone whose approval counts, by a name of their own and their key."""

    name: str
    public_key: PublicKey

    @classmethod
    def read(cls, name: str, pem: str) -> Self:
        """Return an approver from a certificate or a public key in PEM.

        Raises:
            Invalid: `quorum.approver`.
        """
        try:
            key = (
                x509.load_pem_x509_certificate(pem.encode()).public_key()
                if "BEGIN CERTIFICATE" in pem
                else load_pem_public_key(pem.encode())
            )
            algorithm_of(key)
        except (ValueError, TypeError, Invalid) as error:
            raise Invalid("quorum.approver", name=name, reason=type(error).__name__) from error
        return cls(name, key)  # type: ignore[arg-type]  # algorithm_of has looked

    @property
    def pem(self) -> str:
        """The public key, PEM."""
        encoded = self.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode("ascii")

    @property
    def key_sha256(self) -> bytes:
        """Digest of the SubjectPublicKeyInfo."""
        encoded = self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(encoded).digest()


@dataclass(frozen=True)
class Rule:
    """Who may approve, and how many of them must.

    Raises:
        Invalid: `quorum.rule`: fewer approvers than are needed, or one person or key twice.
    """

    needed: int
    approvers: tuple[Approver, ...]

    def __post_init__(self) -> None:
        names = {one.name for one in self.approvers}
        keys = {one.key_sha256 for one in self.approvers}
        if not 1 <= self.needed <= len(self.approvers) == len(names) == len(keys):
            raise Invalid("quorum.rule", needed=self.needed, approvers=len(self.approvers))

    def as_json(self) -> dict[str, Any]:
        """Return a form that JSON can carry."""
        return {
            "needed": self.needed,
            "approvers": [{"name": one.name, "key": one.pem} for one in self.approvers],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        approvers = tuple(Approver.read(one["name"], one["key"]) for one in content["approvers"])
        return cls(int(content["needed"]), approvers)


@dataclass(frozen=True)
class Approval:
    """One approver's signature over the statement of an operation."""

    approver: str
    signature: bytes

    def as_json(self) -> dict[str, str]:
        """Return a form that JSON can carry."""
        return {"approver": self.approver, "signature": self.signature.hex()}

    @classmethod
    def from_json(cls, content: dict[str, str]) -> Self:
        """Read what `as_json` gave."""
        try:
            return cls(str(content["approver"]), bytes.fromhex(content["signature"]))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Invalid("quorum.approval", reason=type(error).__name__) from error


@dataclass(frozen=True)
class Warrant:
    """An operation with its approvals, as it is shown to whoever holds the key."""

    operation: Operation
    approvals: tuple[Approval, ...]


def approve(operation: Operation, name: str, key: PrivateKey) -> Approval:
    """Return the approval of `name`, made with their key."""
    return Approval(name, algorithm_of(key).sign(key, operation.statement()))


def verify(
    warrant: Warrant, rule: Rule, *, installation: str, at: datetime
) -> tuple[Approver, ...]:
    """Return those who approved, by name.

    Every approval must be sound: a false one is a sign of something wrong and refuses the whole.

    Raises:
        Refused: `quorum.installation`, `quorum.time`, `quorum.approver`, `quorum.twice`,
            `quorum.signature`, `quorum.too_few`.
    """
    operation = warrant.operation
    if operation.installation != installation:
        raise Refused("quorum.installation", given=operation.installation, expected=installation)
    if not operation.not_before <= at <= operation.not_after:
        raise Refused("quorum.time", not_before=operation.not_before, not_after=operation.not_after)
    known = {one.name: one for one in rule.approvers}
    found: dict[str, Approver] = {}
    for approval in _bounded(warrant.approvals):
        approver = known.get(approval.approver)
        if approver is None:
            raise Refused("quorum.approver", name=approval.approver)
        if approver.name in found:
            raise Refused("quorum.twice", name=approver.name)
        algorithm = algorithm_of(approver.public_key)
        try:
            algorithm.verify(approver.public_key, operation.statement(), approval.signature)
        except InvalidSignature as error:
            raise Refused("quorum.signature", name=approver.name) from error
        found[approver.name] = approver
    if len(found) < rule.needed:
        raise Refused("quorum.too_few", given=len(found), needed=rule.needed)
    return tuple(found[name] for name in sorted(found))


def consume(
    connection: Connection, warrant: Warrant, rule: Rule, *, installation: str, at: datetime
) -> tuple[Approver, ...]:
    """Verify the approvals and use the operation up, in the transaction of what it orders.

    Operation and approvals are put on record, with a leaf in the ledger.

    Raises:
        Refused: as `verify`.
        Conflict: `quorum.used`, the operation was carried out before.
    """
    approvers = verify(warrant, rule, installation=installation, at=at)
    statement = warrant.operation.statement()
    digest = hashlib.sha256(statement).digest()
    signatures = {one.approver: one.signature for one in warrant.approvals}
    try:
        with connection.transaction():
            connection.execute(
                "insert into trust.operation (sha256, kind, statement, used_at)"
                " values (%s, %s, %s, %s)",
                (digest, warrant.operation.kind, statement, at),
            )
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("quorum.used", kind=warrant.operation.kind) from error
    connection.cursor().executemany(
        "insert into trust.approval (operation, approver, key_sha256, signature)"
        " values (%s, %s, %s, %s)",
        [(digest, one.name, one.key_sha256, signatures[one.name]) for one in approvers],
    )
    leaf = {
        "approvers": [one.key_sha256.hex() for one in approvers],
        "at": _instant(at),
        "kind": "operation",
        "operation": warrant.operation.kind,
        "sha256": digest.hex(),
    }
    connection.execute(INSERT, pending_entry("operation", leaf).row)
    return approvers


def is_used(connection: Connection, operation: Operation) -> bool:
    """Say whether the operation was carried out."""
    digest = hashlib.sha256(operation.statement()).digest()
    row = connection.execute("select from trust.operation where sha256 = %s", (digest,)).fetchone()
    return row is not None


def _bounded(approvals: Sequence[Approval]) -> Iterable[Approval]:
    if len(approvals) > MOST_APPROVALS:
        raise Refused("quorum.too_many", given=len(approvals), most=MOST_APPROVALS)
    return approvals


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
