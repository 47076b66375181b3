"""The evidence container of an exchange, for a court. docs/specs/evidence-container.md."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml
from cryptography.exceptions import InvalidTag

from pencere.gateway.log.sealing import Sealer
from pencere.gateway.proof.asic import Maker, container
from pencere.gateway.proof.exchange import ExchangeProof, Message
from pencere.gateway.wire.evidence import format_time
from pencere.kernel.errors import Refused
from pencere.kernel.text import LANGUAGES, Text

FORMAT = "pencere-exchange-container/1"
PARTS = ("request", "response")


@dataclass(frozen=True)
class Choices:
    """What goes in beside the statements: heads and bodies of which parts, with bodies or not."""

    parts: tuple[str, ...] = PARTS
    with_bodies: bool = True


def make(  # noqa: PLR0913 - one has a default
    proof: ExchangeProof,
    sealer: Sealer,
    maker: Maker,
    *,
    node: str,
    at: datetime,
    choices: Choices | None = None,
) -> bytes:
    """Return the container. `node` is who makes it, with its key.

    Raises:
        Refused: `exchange.sealed`: the log was sealed with another secret, or was changed.
        Unavailable: `timestamp.unavailable`.
    """
    wanted = choices or Choices()
    files: dict[str, bytes] = {}
    about: dict[str, Any] = {
        "format": FORMAT,
        "exchange": proof.exchange,
        "side": proof.side,
        **proof.facts,
        "evidence_digest": proof.evidence_digest.hex() or None,
        "made_at": format_time(at),
        "made_by": node,
        "request": _message(files, proof, proof.request, "request", sealer, wanted),
        "response": _message(files, proof, proof.response, "response", sealer, wanted),
        "time_stamp": _time_stamp(files, proof),
        "ledger": _ledger(files, proof),
        "directory": _put(files, "directory/directory.jws", (proof.directory or "").encode()),
        "certificates": [
            _put(files, f"certificates/{hashlib.sha256(one).hexdigest()}.der", one)
            for one in proof.certificates
        ],
        "statuses": [
            _put(files, f"statuses/{hashlib.sha256(one).hexdigest()}.ors", one)
            for one in proof.statuses
        ],
    }
    whole = {"README.txt": _readme(about).encode(), "about.json": _json(about), **files}
    return container(whole, maker, at)


def _message(  # noqa: PLR0913, PLR0917 - a part of a container
    files: dict[str, bytes],
    proof: ExchangeProof,
    one: Message | None,
    part: str,
    sealer: Sealer,
    choices: Choices,
) -> dict[str, Any] | None:
    if one is None:
        return None
    written: dict[str, Any] = {
        "statement": _put(files, f"{part}/statement.txt", one.statement),
        "evidence": _put(files, f"{part}/evidence.txt", one.evidence),
        "head": None,
        "body": None,
        "body_bytes": one.body_bytes,
        "left_out": [],
    }
    if part in choices.parts:
        head = _opened(sealer, one.sealed_head, proof, f"{part} head")
        written["head"] = _put(files, f"{part}/head", head)
    else:
        written["left_out"].append("head")
    if one.body_bytes and (part not in choices.parts or not choices.with_bodies):
        written["left_out"].append("body")
    elif one.body_bytes and one.sealed_body is None:
        written["left_out"].append("body_not_kept")
    elif one.body_bytes and one.sealed_body is not None:
        body = _opened(sealer, one.sealed_body, proof, f"{part} body")
        written["body"] = _put(files, f"{part}/body", body)
    return written


def _opened(sealer: Sealer, sealed: bytes, proof: ExchangeProof, part: str) -> bytes:
    try:
        return sealer.open(sealed, exchange=proof.exchange, part=f"{proof.side} {part}")
    except (InvalidTag, ValueError) as problem:
        raise Refused("exchange.sealed", part=part) from problem


def _time_stamp(files: dict[str, bytes], proof: ExchangeProof) -> dict[str, Any] | None:
    stamp = proof.stamp
    if stamp is None:
        return None
    return {
        "token": _put(files, "time-stamp/token.tst", stamp.token),
        "size": stamp.size,
        "index": stamp.index,
        "path": [base64.b64encode(one).decode("ascii") for one in stamp.path],
        "root": stamp.root.hex(),
    }


def _ledger(files: dict[str, bytes], proof: ExchangeProof) -> dict[str, Any] | None:
    ledger = proof.ledger
    if ledger is None:
        return None
    evidence = {
        "leaf": {"entry": ledger.entry.decode(), "index": ledger.index, "kind": "access"},
        "proof": [base64.b64encode(one).decode("ascii") for one in ledger.path],
        "checkpoint": ledger.checkpoint,
    }
    return {
        "evidence": _put(files, "ledger/evidence.json", _json(evidence)),
        "key": _put(files, "ledger/key.pem", ledger.public_key),
        "origin": ledger.origin,
    }


def _put(files: dict[str, bytes], name: str, content: bytes) -> str | None:
    if not content:
        return None
    files[name] = content
    return name


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


@cache
def _words() -> dict[str, Text]:
    written = yaml.safe_load(resources.files(__package__).joinpath("words.yaml").read_text("utf-8"))
    return {key: Text.from_mapping(value) for key, value in written.items()}


def _readme(about: Mapping[str, Any]) -> str:
    """Return the part for people: az, en, ru one after the other."""
    words = _words()
    response = about["response"]
    shown = [
        ("exchange", about["exchange"]),
        ("message", about["message_id"]),
        ("consumer", about["consumer"]),
        ("represented", about["represented"]),
        ("service", about["service"]),
        ("endpoint", about["endpoint"]),
        ("purpose", about["purpose"]),
        ("legal_basis", about["legal_basis"]),
        ("case", about["case_number"]),
        ("agreement", about["agreement"]),
        ("outcome", str(about.get("status") or about.get("outcome") or "")),
        ("made", f"{about['made_at']} {about['made_by']}"),
    ]
    parts = []
    for language in LANGUAGES:
        lines = [words["title"].in_language(language), ""]
        lines += [f"{words[key].in_language(language)}: {value}" for key, value in shown if value]
        keys = ["statements", *(key for key in ("time_stamp", "ledger", "directory") if about[key])]
        keys += [] if about["statuses"] else ["no_statuses"]
        parts_here = [part for part in (about["request"], response) if part]
        left_out = {one for part in parts_here for one in part["left_out"]}
        keys += [f"left_out_{one}" for one in sorted(left_out)]
        keys += [] if response else ["no_response"]
        lines += ["", *(words[key].in_language(language) for key in keys), ""]
        lines.append(words["verify"].in_language(language))
        parts.append("\n".join(lines))
    return "\n\n----\n\n".join(parts) + "\n"
