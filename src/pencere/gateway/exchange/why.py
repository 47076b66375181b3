"""`GET /why/<detail>` on the clients' port: what a fault's number stands for, for operators.

`{"detail", "refusals": [{"side", "code", "reasons": [...], ...}]}`: which agreements were looked
at and what each lacked. The operator proves themself with `Pencere-Operator-Key`.
"""

import json
import logging
from uuid import UUID

from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.refusals import answer_fault
from pencere.gateway.log.database import GONE
from pencere.gateway.wire.faults import Kind, client_fault
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

log = logging.getLogger(__name__)
PREFIX = "/why/"


def handle(core: Core, request: Request, respond: Respond) -> None:
    """Begin to answer; raises a fault when that is refused."""
    key = request.header(b"pencere-operator-key") or b""
    if not core.node_file.current.is_operator_key(key):
        raise client_fault(
            Kind.SSL_AUTHENTICATION_FAILED,
            "Header Pencere-Operator-Key is missing or wrong; it stands in the node's file",
        )
    try:
        detail = UUID(request.target.partition("?")[0].removeprefix(PREFIX))
    except ValueError as problem:
        raise client_fault(
            Kind.INVALID_REQUEST, "ask GET /why/<detail>, the number of a fault"
        ) from problem

    async def answer() -> None:
        try:
            found = await core.refusals.find(detail)
        except GONE as problem:
            log.warning("refusal_not_read reason=%s", type(problem).__name__)
            fault = client_fault(Kind.LOGGING_FAILED, "the database cannot be read now; ask again")
            answer_fault(core, request, respond, fault)
            return
        told = {"detail": str(detail), "refusals": [one.as_json() for one in found]}
        body = json.dumps(told, ensure_ascii=False).encode()
        respond(200 if found else 404, [(b"content-type", b"application/json")], body)

    core.refusals.answering(answer())
