"""Everything that proves one exchange on one side, as the log or an archive gives it.

Heads and bodies are sealed as the log has them; who may see them opens them with the node's
secret (`Sealer`). docs/specs/evidence-container.md.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Message:
    """A request or a response. `sealed_body` is None when there was none or it was too large."""

    statement: bytes
    evidence: bytes
    sealed_head: bytes
    sealed_body: bytes | None
    body_bytes: int


@dataclass(frozen=True)
class Stamp:
    """The token over a batch, and the path from this exchange's leaf to the batch's root."""

    token: bytes
    size: int
    index: int
    path: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True)
class LedgerProof:
    """The access entry of the provider's ledger under a signed checkpoint."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    origin: str
    public_key: bytes  # PEM


@dataclass(frozen=True)
class ExchangeProof:
    """One side of an exchange.

    `facts`: what the log says of it in clear, names as in `about.json`. `response` is None when
    no node answered. `certificates` are DER, `statuses` OCSP responses, `directory` the JWS.
    """

    exchange: str
    side: str
    facts: Mapping[str, Any]
    request: Message
    response: Message | None
    evidence_digest: bytes
    stamp: Stamp | None = None
    ledger: LedgerProof | None = None
    directory: str | None = None
    certificates: tuple[bytes, ...] = ()
    statuses: tuple[bytes, ...] = ()

    def as_json(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Return JSON, and by their SHA-256 the objects that many exchanges share."""
        shared: dict[str, bytes] = {}

        def refer(content: bytes) -> str:
            name = hashlib.sha256(content).hexdigest()
            shared[name] = content
            return name

        stamp, ledger = self.stamp, self.ledger
        written = {
            "exchange": self.exchange,
            "side": self.side,
            "facts": dict(self.facts),
            "request": _message_as_json(self.request),
            "response": _message_as_json(self.response) if self.response else None,
            "evidence_digest": _text(self.evidence_digest),
            "stamp": None
            if stamp is None
            else {
                "token": refer(stamp.token),
                "size": stamp.size,
                "index": stamp.index,
                "path": [_text(one) for one in stamp.path],
                "root": _text(stamp.root),
            },
            "ledger": None
            if ledger is None
            else {
                "entry": _text(ledger.entry),
                "index": ledger.index,
                "path": [_text(one) for one in ledger.path],
                "checkpoint": refer(ledger.checkpoint.encode()),
                "origin": ledger.origin,
                "public_key": refer(ledger.public_key),
            },
            "directory": refer(self.directory.encode()) if self.directory is not None else None,
            "certificates": [refer(one) for one in self.certificates],
            "statuses": [refer(one) for one in self.statuses],
        }
        return written, shared

    @classmethod
    def from_json(cls, written: Mapping[str, Any], shared: Mapping[str, bytes]) -> Self:
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is not that.
        """
        stamp, ledger = written["stamp"], written["ledger"]
        return cls(
            exchange=str(written["exchange"]),
            side=str(written["side"]),
            facts=dict(written["facts"]),
            request=_message_of_json(written["request"]),
            response=_message_of_json(written["response"]) if written["response"] else None,
            evidence_digest=_bytes(written["evidence_digest"]),
            stamp=None
            if stamp is None
            else Stamp(
                shared[stamp["token"]],
                int(stamp["size"]),
                int(stamp["index"]),
                tuple(_bytes(one) for one in stamp["path"]),
                _bytes(stamp["root"]),
            ),
            ledger=None
            if ledger is None
            else LedgerProof(
                _bytes(ledger["entry"]),
                int(ledger["index"]),
                tuple(_bytes(one) for one in ledger["path"]),
                shared[ledger["checkpoint"]].decode(),
                str(ledger["origin"]),
                shared[ledger["public_key"]],
            ),
            directory=shared[written["directory"]].decode() if written["directory"] else None,
            certificates=tuple(shared[one] for one in written["certificates"]),
            statuses=tuple(shared[one] for one in written["statuses"]),
        )


def _message_as_json(one: Message) -> dict[str, Any]:
    return {
        "statement": one.statement.decode("ascii"),
        "evidence": one.evidence.decode("ascii"),
        "sealed_head": _text(one.sealed_head),
        "sealed_body": None if one.sealed_body is None else _text(one.sealed_body),
        "body_bytes": one.body_bytes,
    }


def _message_of_json(written: Mapping[str, Any]) -> Message:
    sealed = written["sealed_body"]
    return Message(
        str(written["statement"]).encode("ascii"),
        str(written["evidence"]).encode("ascii"),
        _bytes(written["sealed_head"]),
        None if sealed is None else _bytes(sealed),
        int(written["body_bytes"]),
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
