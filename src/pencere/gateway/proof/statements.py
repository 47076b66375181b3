"""The statement and evidence of a row of the log, of every version. docs/specs/evidence.md.

A row keeps the facts of a statement, not its text. Rows from before batches have no `evidence`
column filled: their signature, time and certificate are the evidence of form `single`.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from pencere.gateway.wire.evidence import format_time

_FORMS = {"single": 1, "batch": 2}


def request_of(row: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return statement and evidence section of a row of `gateway.request`."""
    signer, receiver = row["node"], row["peer"]
    if row["side"] == "provider":
        signer, receiver = receiver, signer
    return _texts(row, "request", signer, receiver, None)


def response_of(
    row: Mapping[str, Any], request: Mapping[str, Any], statement: bytes
) -> tuple[bytes, bytes] | None:
    """Return those of a row of `gateway.response`, given its request's row and statement.

    None when nobody signed an answer.
    """
    if row["signature"] is None and row.get("evidence") is None:
        return None
    signer, receiver = request["peer"], request["node"]
    if row["side"] == "provider":
        signer, receiver = receiver, signer
    return _texts(row, "response", signer, receiver, hashlib.sha256(statement).digest())


def _texts(
    row: Mapping[str, Any], kind: str, signer: str, receiver: str, request: bytes | None
) -> tuple[bytes, bytes]:
    evidence = row.get("evidence")
    if evidence is None:
        signature = base64.b64encode(row["signature"]).decode("ascii")
        time, certificate = format_time(row["signed_at"]), row["certificate"].hex()
        evidence = f"single {time} {certificate} {signature}".encode("ascii")
    form, time, certificate = evidence.decode("ascii").split(" ")[:3]
    body = row["body_digest"].hex() if row["body_digest"] is not None else "-"
    statement = (
        f"pencere-exchange-evidence/{_FORMS[form]}\nform: {form}\nkind: {kind}\n"
        f"exchange: {row['exchange']}\nsigner: {signer}\nreceiver: {receiver}\n"
        f"certificate: {certificate}\ntime: {time}\nhead: {row['head_digest'].hex()}\n"
        f"body: {body}\nrequest: {request.hex() if request is not None else '-'}\n"
    )
    return statement.encode("ascii"), evidence
