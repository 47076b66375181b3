"""Refusals: how they are answered, and what is kept of them for the operator.

Who, which service, why; nothing of a person.
"""

import json
import logging
import re
from uuid import UUID

from pencere.gateway.exchange.core import Circumstances, Core
from pencere.gateway.log.refusals import Refusal
from pencere.gateway.wire import head
from pencere.gateway.wire.faults import Fault, FaultStyle, Kind, render
from pencere.gateway.wire.identifiers import ServiceTarget, parse_client, parse_target
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

log = logging.getLogger(__name__)
_STYLE = FaultStyle()
# Codes of purposes and acts; a client can send anything, a personal number too.
_CODE = re.compile(r"[a-z]{2,}(-[a-z0-9]+)*\Z")
_LONGEST = 100


def of_client(core: Core, request: Request, fault: Fault, status: int) -> Refusal:
    """Return what is kept of a refused request of a client."""
    try:
        target = parse_target(request.target)
    except Fault:
        target = None
    try:
        client = parse_client((request.header(b"x-road-client") or b"").decode("latin-1"))
    except Fault:
        client = ""
    return _refusal(
        core,
        fault,
        side="consumer",
        exchange=None,
        # Of a directory's members alone: anything may stand in these places.
        client=client if _is_member(core, client) else "",
        target=target,
        method=request.method,
        purpose=(request.header(b"pencere-purpose") or b"").decode("latin-1"),
        legal_basis=(request.header(b"pencere-legal-basis") or b"").decode("latin-1"),
        status=status,
    )


def of_peer(  # noqa: PLR0913
    core: Core,
    fault: Fault,
    *,
    exchange: str,
    client: str,
    target: ServiceTarget | None,
    method: str,
    facts: Circumstances,
    status: int,
) -> Refusal:
    """Return what is kept of a refused request of another node."""
    return _refusal(
        core,
        fault,
        side="provider",
        exchange=UUID(exchange),
        client=client,
        target=target,
        method=method,
        purpose=facts.purpose,
        legal_basis=facts.legal_basis,
        status=status,
    )


def _refusal(  # noqa: PLR0913
    core: Core,
    fault: Fault,
    *,
    side: str,
    exchange: UUID | None,
    client: str,
    target: ServiceTarget | None,
    method: str,
    purpose: str,
    legal_basis: str,
    status: int,
) -> Refusal:
    directory = core.directory.newest
    is_known = target is not None and _is_member(core, target.provider)
    return Refusal(
        detail=UUID(fault.detail),
        recorded_at=core.now(),
        node=core.config.node,
        side=side,
        code=fault.code,
        status=status,
        exchange=exchange,
        consumer=client,
        service=target.service if target is not None and is_known else "",
        method=method if len(method) <= 10 else "",
        purpose=_code(purpose),
        legal_basis=_code(legal_basis),
        directory_version=directory.version if directory is not None else 0,
        message=fault.message,
        reasons=list(fault.reasons),
    )


def _is_member(core: Core, identifier: str) -> bool:
    directory = core.directory.newest
    return directory is not None and identifier in directory.members


def _code(text: str) -> str:
    return text if len(text) <= _LONGEST and _CODE.match(text) else ""


def answer_fault(core: Core, request: Request, respond: Respond, fault: Fault) -> None:
    """Answer a client with a fault in the node's style, and leave its number in the journal."""
    style = core.config.style
    code, status = style.code(fault), style.status(fault)
    accept = b",".join(value for name, value in request.headers if name.lower() == b"accept")
    kind, body = render(code, fault.message, fault.detail, accept)
    headers = [(b"content-type", kind), (b"X-Road-Error", code.encode("ascii"))]
    if fault.kind in {Kind.OVERLOADED, Kind.STOPPING}:
        headers.append((b"retry-after", b"1"))
    elif fault.retry_after_s is not None:
        headers.append((b"retry-after", str(fault.retry_after_s).encode("ascii")))
    log.warning(
        "exchange_refused code=%s detail=%s reason=%r", fault.code, fault.detail, fault.message
    )
    core.refusals.add(of_client(core, request, fault, status))
    respond(status, headers, body)


def unsigned_fault(fault: Fault) -> tuple[int, head.Headers, bytes]:
    """Return the answer to what was not, or not provably, a request of another node."""
    log.warning("link_refused code=%s", fault.code)
    body = json.dumps({"kind": fault.kind.name, **fault.to_node()}).encode()
    return _STYLE.status(fault), [(b"content-type", b"application/json")], body
