"""One request to the node, and the answer of the service behind the gateway."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from pencere.client.purpose import Purpose
from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid

# What stays as it is in an identifier: what is encoded already, and what a path may hold.
_IDENTIFIER = "/%!$&'()*+,;=:@"
# A method that changes nothing may be sent again whatever became of the first.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Which system asks, and how it proves that to its node.

    `system` is its identifier, `AZ/GOV/idda/portal`. Either `key`, or a client certificate: PEM
    files of certificate and key. `anchors` is a PEM file of what the node's own certificate is
    checked against, where the node is spoken to over TLS.
    """

    system: str
    key: str = field(default="", repr=False)
    certificate: Path | None = None
    certificate_key: Path | None = None
    anchors: Path | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        named = {"X-Road-Client": self.system, "Pencere-Client-Key": self.key}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `target` is path and query at the node, `message_id` the X-Road-Id.

    `may_repeat` says that doing it twice is doing it once: it may be sent again although the first
    one was perhaps seen.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    message_id: str
    may_repeat: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The service's answer; a status of 400 and above is the service's own.

    `message_id` is X-Road-Id and `exchange` X-Road-Request-Id: by either the evidence of the
    exchange is found. `request_hash` is what the node says that it sent, as in X-Road.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    message_id: str
    exchange: str
    request_hash: str

    @property
    def is_ok(self) -> bool:
        """Whether the service did what was asked."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            Invalid: `answer.not_json`.
        """
        try:
            return json.loads(self.body)
        except ValueError as problem:
            raise Invalid("answer.not_json", status=self.status) from problem


def call_service(  # noqa: PLR0913  # a request is all of these
    method: str,
    service: str,
    path: str = "",
    *,
    purpose: Purpose | None,
    body: bytes | Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    message_id: str | None = None,
    idempotency_key: str | None = None,
    node: str | None = None,
) -> Call:
    """Return the request to a service, `AZ/GOV/bpqmi/population/person`.

    `path` begins with `/` and may have a query; it goes to the service byte for byte. A body that
    is a mapping is sent as JSON. `node` picks one of several nodes of the provider.
    """
    if service.count("/") != 4 or (path and path[0] not in "/?"):
        raise Invalid("call.target", service=service[:200])
    content = canonical_json(body) if isinstance(body, Mapping) else body
    message = message_id or str(uuid.uuid4())
    named = {
        **(headers or {}),
        **(purpose.headers(service.partition("/")[0]) if purpose is not None else {}),
        "X-Road-Id": message,
    }
    if isinstance(body, Mapping):
        named.setdefault("Content-Type", "application/json")
    if idempotency_key is not None:
        named["Idempotency-Key"] = idempotency_key
    if node is not None:
        named["X-Road-Security-Server"] = node
    target = f"/r1/{quote(service, safe=_IDENTIFIER)}{path}"
    is_repeatable = method in SAFE or idempotency_key is not None
    return Call(method, target, named, content, message, is_repeatable)


def answer_of(call: Call, answer: httpx.Response) -> Answer:
    """Return the answer of the service."""
    named = answer.headers
    return Answer(
        status=answer.status_code,
        headers=named,
        body=answer.content,
        message_id=named.get("X-Road-Id", call.message_id),
        exchange=named.get("X-Road-Request-Id", ""),
        request_hash=named.get("X-Road-Request-Hash", ""),
    )
