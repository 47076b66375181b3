"""Messages that must arrive: handed to the node, which delivers them. docs/specs/messages.md."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pencere.client.purpose import Purpose
from pencere.client.request import Answer, Call, call_service
from pencere.kernel.errors import Invalid

State = Literal["waiting", "delivered", "refused", "dead"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way. `receipts` are signed by nodes; `status`, `body` the service's answer.

    `delivered`: the service answered with success; `refused`: it will never take it; `dead`: its
    time is over, and the operator may have it sent again.
    """

    receipt: str
    state: State
    receipts: tuple[Mapping[str, Any], ...] = ()
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def send(  # noqa: PLR0913  # a message is all of these
    method: str,
    service: str,
    path: str = "",
    *,
    message_id: str,
    purpose: Purpose | None = None,
    body: bytes | Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    order: str | None = None,
    within_s: int | None = None,
) -> Call:
    """Return the request that hands a message over.

    `message_id` is the caller's own: handing the same over again is handing it over once.
    Messages with one `order` key arrive one after another; after `within_s` it is given up.
    """
    call = call_service(
        method, service, path, purpose=purpose, body=body, headers=headers, message_id=message_id
    )
    named = dict(call.headers)
    if order is not None:
        named["Pencere-Order"] = order
    if within_s is not None:
        named["Pencere-Deliver-Within"] = str(within_s)
    target = call.target.replace("/r1/", "/messages/", 1)
    return Call(method, target, named, call.body, message_id, may_repeat=True)


def state(receipt: str) -> Call:
    """Return the question what became of a message."""
    return Call("GET", f"/messages/{receipt}", {}, None, "", may_repeat=True)


def read(answer: Answer) -> Message:
    """Read either's answer.

    Raises:
        Invalid: `answer.form`, `message.refused` with the node's own reason.
    """
    if not answer.is_ok:
        raise Invalid("message.refused", status=answer.status, reason=_code(answer))
    try:
        value = json.loads(answer.body)
        reply = value.get("answer")
        return Message(
            receipt=str(value["receipt"]),
            state=value["state"],
            receipts=tuple(value.get("receipts", ())),
            status=None if reply is None else int(reply["status"]),
            headers=tuple((str(n), str(v)) for n, v in (reply or {}).get("headers", ())),
            body=b"" if reply is None else base64.b64decode(reply.get("body") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Invalid("answer.form", asked="messages") from problem


def _code(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["code"])[:80]
    except (ValueError, KeyError, TypeError):
        return ""
