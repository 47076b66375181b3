"""`/messages/...` on the clients' port. docs/specs/messages.md."""

import asyncio
import base64
import json
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from pencere.gateway.delivery.dispatch import expiry
from pencere.gateway.directory.rights import decide
from pencere.gateway.exchange import core as shared
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.identity import identify
from pencere.gateway.exchange.refusals import answer_fault
from pencere.gateway.log.database import GONE
from pencere.gateway.messages import receipts
from pencere.gateway.messages.inbox import HEADER, KEY
from pencere.gateway.messages.receipts import Receipt
from pencere.gateway.messages.store import Draft
from pencere.gateway.wire import head
from pencere.gateway.wire.faults import Fault, Kind, Side, client_fault
from pencere.gateway.wire.identifiers import parse_target
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

log = logging.getLogger(__name__)
_PREFIX = "/messages/"
_METHODS = frozenset({"DELETE", "PATCH", "POST", "PUT"})
_OWN = frozenset({b"pencere-order", b"pencere-deliver-within", HEADER, KEY})
_LONGEST_KEY = 200
_JSON = [(b"content-type", b"application/json")]
DEAD_SHOWN = 200
_tasks: set[asyncio.Task[None]] = set()


def handle(core: Core, request: Request, respond: Respond) -> None:
    """Take a message over, tell of one, or send a dead letter again."""
    path, _, query = request.target.partition("?")
    rest = path.removeprefix(_PREFIX)
    if not rest:
        operator_only(core, request)
        if request.method != "GET" or query != "state=dead":
            raise client_fault(Kind.INTERNAL_ERROR, "dead letters are at GET /messages/?state=dead")
        later(core, request, respond, _dead(core, respond))
        return
    first, _, more = rest.partition("/")
    number = number_of(first)
    if number is None:
        core.admit(Side.CLIENT)
        later(core, request, respond, _accept(core, draft(core, request), respond))
    elif request.method == "GET" and not more:
        client = identify(core, core.directory.for_client(), request)
        later(core, request, respond, _tell(core, client, number, respond))
    elif request.method == "POST" and more == "again":
        operator_only(core, request)
        later(core, request, respond, _again(core, number, respond))
    else:
        raise client_fault(Kind.INTERNAL_ERROR, "GET /messages/<receipt>, POST .../again")


def later(core: Core, request: Request, respond: Respond, work: Coroutine[Any, Any, None]) -> None:
    """Do it, and answer in the node's style whatever stops it."""

    async def run() -> None:
        try:
            await work
        except Fault as fault:
            answer_fault(core, request, respond, fault)
        except GONE as problem:
            log.error("database_away reason=%s", type(problem).__name__)  # noqa: TRY400
            away = client_fault(Kind.LOGGING_FAILED, "the node's database is away; ask again")
            answer_fault(core, request, respond, away)
        except Exception:
            log.exception("request_failed")
            broken = client_fault(Kind.NODE_ERROR, "the node could not do it; its journal says why")
            answer_fault(core, request, respond, broken)

    task = core.loop.create_task(run())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def draft(core: Core, request: Request) -> Draft:
    """Check who asks and whether it may; return what is to be kept.

    Raises:
        Fault: as `/r1` would refuse it, and when no `X-Road-Id` makes it known again.
    """
    directory = core.directory.for_client()
    target = "/r1/" + request.target.removeprefix(_PREFIX)
    found = parse_target(target)
    if request.method not in _METHODS:
        raise client_fault(Kind.INTERNAL_ERROR, "a message is sent with POST, PUT, PATCH or DELETE")
    client = identify(core, directory, request)
    kept = head.from_client(request.headers, request.values)
    headers = [pair for pair in kept if pair[0].lower() not in _OWN]
    facts = shared.circumstances(request.headers, request.values, Side.CLIENT)
    if not 0 < len(facts.message_id) <= _LONGEST_KEY or not facts.message_id.isprintable():
        raise client_fault(
            Kind.MISSING_HEADER,
            "Header X-Road-Id is missing; by it a message that is handed over twice is known."
            " Example: X-Road-Id: 2026-000123-notice",
        )
    if found.provider not in directory.members:
        raise client_fault(Kind.UNKNOWN_MEMBER, f"Provider '{found.provider}' not found")
    now = core.now()
    decide(directory, shared.question(client, found, request.method, facts, now))
    most = core.config.delivery.message_bytes
    if len(request.body) > most:
        raise client_fault(Kind.MESSAGE_TOO_LARGE, f"a message has at most {most} bytes")
    return Draft(
        receipt=uuid4(),
        consumer=client,
        message_id=facts.message_id,
        digest=receipts.digest_of(request.method, target, headers, request.small_body),
        service=found.service,
        ordering=_ordering(request),
        method=request.method,
        target=target,
        headers=headers,
        body=request.small_body,
        accepted_at=now,
        expires_at=now + expiry(core, _seconds(request)),
    )


def accepted(core: Core, message: Draft) -> Receipt:
    """Sign that the message was taken over."""
    return receipts.sign(
        core.keys,
        "accepted",
        {
            "receipt": str(message.receipt),
            "node": core.config.node,
            "consumer": message.consumer,
            "message": message.message_id,
            "service": message.service,
            "content": message.digest.hex(),
            "time": message.accepted_at.isoformat(),
            "until": message.expires_at.isoformat(),
        },
    )


async def _accept(core: Core, message: Draft, respond: Respond) -> None:
    waiting = (await core.messages.backlog()).waiting
    if waiting >= core.config.delivery.most_waiting:
        raise client_fault(Kind.OVERLOADED, f"{waiting} messages wait; ask again")
    receipt = await asyncio.to_thread(accepted, core, message)
    number, digest = await core.messages.add(message, receipt)
    if digest != message.digest:
        raise client_fault(
            Kind.MESSAGE_CONFLICT, "another message was handed over under this X-Road-Id"
        )
    core.delivery_wanted.set()
    found = await core.messages.find(number)
    headers = [*_JSON, (b"location", f"/messages/{number}".encode("ascii"))]
    respond(202, headers, json.dumps(_content(found or {}), ensure_ascii=False).encode())


async def _tell(core: Core, client: str, number: UUID, respond: Respond) -> None:
    found = await core.messages.find(number)
    if found is None or found["consumer"] != client:
        raise client_fault(Kind.UNKNOWN_MESSAGE, f"No message {number} of {client}")
    respond(200, _JSON, json.dumps(_content(found), ensure_ascii=False).encode())


async def _dead(core: Core, respond: Respond) -> None:
    rows = await core.messages.dead(DEAD_SHOWN)
    respond(200, _JSON, json.dumps({"messages": rows}, default=str).encode())


async def _again(core: Core, number: UUID, respond: Respond) -> None:
    now = core.now()
    until = now + timedelta(seconds=core.config.delivery.usual.total_seconds())
    receipt = await asyncio.to_thread(
        receipts.sign,
        core.keys,
        "again",
        {"receipt": str(number), "node": core.config.node, "time": now.isoformat()},
    )
    if not await core.messages.again(number, until, receipt):
        raise client_fault(Kind.UNKNOWN_MESSAGE, f"{number} is no dead letter, or has no content")
    core.delivery_wanted.set()
    respond(202, _JSON, json.dumps({"receipt": str(number), "state": "waiting"}).encode())


def _content(found: dict[str, Any]) -> dict[str, Any]:
    answer = found["answer"]
    ended = found["ended_at"]
    return {
        "receipt": str(found["receipt"]),
        "message_id": found["message_id"],
        "service": found["service"],
        "state": found["state"],
        "attempts": found["attempts"],
        "fault": found["fault"],
        "accepted_at": found["accepted_at"].isoformat(),
        "expires_at": found["expires_at"].isoformat(),
        "ended_at": ended.isoformat() if ended else None,
        "exchange": str(found["exchange"]) if found["exchange"] else None,
        "receipts": [content_of(one) for one in found["receipts"]],
        "answer": None
        if answer is None
        else {
            "status": answer[0],
            "headers": answer[1],
            "body": base64.b64encode(answer[2]).decode("ascii"),
        },
    }


def content_of(receipt: Receipt) -> dict[str, str]:
    """Return a receipt as JSON holds it."""
    return {
        "kind": receipt.kind,
        "statement": receipt.statement,
        "certificate": receipt.certificate.hex(),
        "signature": base64.b64encode(receipt.signature).decode("ascii"),
    }


def operator_only(core: Core, request: Request) -> None:
    """Refuse whoever has no operator's key."""
    key = request.header(b"pencere-operator-key") or b""
    if not core.node_file.current.is_operator_key(key):
        raise client_fault(Kind.SSL_AUTHENTICATION_FAILED, "dead letters are the operator's")


def number_of(text: str) -> UUID | None:
    """Return the number that a part of a path is, None when it is something else."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _ordering(request: Request) -> str:
    key = (request.header(b"pencere-order") or b"").decode("latin-1").strip()
    if len(key) > _LONGEST_KEY or not key.isascii() or (key and not key.isprintable()):
        raise client_fault(
            Kind.INVALID_HEADER, "Header Pencere-Order is visible ASCII. Example: Pencere-Order: 17"
        )
    return key


def _seconds(request: Request) -> int | None:
    raw = request.header(b"pencere-deliver-within")
    if raw is None:
        return None
    if not raw.isdigit() or len(raw) > 8 or int(raw) < 1:
        raise client_fault(
            Kind.INVALID_HEADER,
            "Header Pencere-Deliver-Within is a number of seconds."
            " Example: Pencere-Deliver-Within: 86400",
        )
    return int(raw)
