"""A node that stands in for the real one in the tests of an information system.

It speaks the client protocol through httpx, without a socket: the paths, the headers that a
service demands, faults in the gateway's own words, X-Road's headers in the answers. Give its
`transport` to `Client` or `AsyncClient`.

    node = double.Node()
    node.service("AZ/GOV/bpqmi/population/person", lambda request: double.json({"records": []}))
    client = Client("http://node", Identity("AZ/GOV/idda/portal"), transport=node.transport)
"""

import base64
import hashlib
import json as json_module
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

Handler = Callable[["Asked"], httpx.Response]
# Demands of a service, and the header of each.
_DEMANDS = {
    "purpose": "Pencere-Purpose",
    "legal-basis": "Pencere-Legal-Basis",
    "case": "Pencere-Case",
    "person": "Pencere-Person",
    "user": "X-Road-UserId",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What came to a service: `path` is what follows its code, with the query."""

    service: str
    method: str
    path: str
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON."""
        return json_module.loads(self.body)


@dataclass(slots=True)
class _Service:
    handler: Handler
    demands: tuple[str, ...]


@dataclass(slots=True)
class Node:
    """The stand-in. `asked` holds what reached services; `systems` may ask, all when empty.

    Messages are delivered at once. `told` holds the events of each type, as `GET /events` gives
    them: put there what the system under test should read, look there for what it published.
    """

    systems: frozenset[str] = frozenset()
    asked: list[Asked] = field(default_factory=list)
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    _services: dict[str, _Service] = field(default_factory=dict)
    _faults: dict[str, deque[httpx.Response | Exception]] = field(default_factory=dict)

    @property
    def transport(self) -> httpx.MockTransport:
        """What a client is given instead of the network."""
        return httpx.MockTransport(self._answer)

    def service(self, identifier: str, handler: Handler, *, demands: Sequence[str] = ()) -> None:
        """Offer a service; `demands` as the state register knows them, `purpose` and so on."""
        unknown = sorted(set(demands) - set(_DEMANDS))
        if unknown:
            raise ValueError(f"{unknown[0]} is no demand; known are {', '.join(_DEMANDS)}")
        self._services[identifier] = _Service(handler, tuple(demands))

    def refuse(  # noqa: PLR0913  # a fault is all of these
        self, identifier: str, code: str, *, status: int, message: str = "", times: int = 1,
        retry_after: int | None = None,
    ) -> None:  # fmt: skip
        """Let the gateway refuse the next `times` requests to a service."""
        waiting = self._faults.setdefault(identifier, deque())
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        waiting.extend(_fault(code, status, message, headers) for _ in range(times))

    def be_away(self, identifier: str, *, is_unseen: bool, times: int = 1) -> None:
        """Let connections fail: before anything was sent, or without an answer."""
        waiting = self._faults.setdefault(identifier, deque())
        for _ in range(times):
            if is_unseen:
                waiting.append(httpx.ConnectError("nothing listens"))
            else:
                waiting.append(httpx.RemoteProtocolError("closed before an answer"))

    def _answer(self, request: httpx.Request) -> httpx.Response:  # noqa: PLR0911  # paths
        target = request.url.raw_path.decode("ascii")
        if target.partition("?")[0] == "/listClients":
            return json({"member": [_member(one) for one in sorted(self.systems)]})
        if target.startswith("/events/"):
            return self._event(target.removeprefix("/events/"), request)
        if target.startswith("/messages/"):
            return self._message(target.removeprefix("/messages/"), request)
        parts = target.removeprefix("/r1/").split("/", 5)
        last, mark, query = parts[4].partition("?") if len(parts) > 4 else ("", "", "")
        client = request.headers.get("X-Road-Client")
        if not target.startswith("/r1/") or not last:
            return _fault("server.clientproxy.internal_error", 400, "nothing is here", {})
        if client is None:
            code = "server.clientproxy.invalid_client_identifier"
            return _fault(code, 400, "Required client identifier is missing", {})
        if self.systems and client not in self.systems:
            return _fault("server.clientproxy.unknown_member", 404, "Client not found", {})
        identifier = "/".join([*parts[:4], last])
        waiting = self._faults.get(identifier)
        if waiting:
            fault = waiting.popleft()
            if isinstance(fault, Exception):
                raise fault
            return fault
        path = f"/{parts[5]}" if len(parts) > 5 else mark + query
        return self._serve(identifier, path, request)

    def _message(self, rest: str, request: httpx.Request) -> httpx.Response:
        if rest in self._messages:
            return json(self._messages[rest])
        given = request.headers["X-Road-Id"]
        known = [one for one in self._messages.values() if one["message"] == given]
        if known:
            return json(known[0], 202)
        inner = httpx.Request(
            request.method, f"http://node/r1/{rest}", headers=request.headers,
            content=request.content,
        )  # fmt: skip
        answer = self._answer(inner)
        receipt = str(uuid.uuid4())
        self._messages[receipt] = {
            "receipt": receipt,
            "message": given,
            "state": "delivered" if answer.status_code < 300 else "refused",
            "receipts": [],
            "answer": {
                "status": answer.status_code,
                "headers": [],
                "body": base64.b64encode(answer.content).decode("ascii"),
            },
        }
        return json(self._messages[receipt], 202)

    def _event(self, rest: str, request: httpx.Request) -> httpx.Response:
        path, _, query = rest.partition("?")
        kind = path.removesuffix("/acknowledged")
        told = self.told.setdefault(kind, [])
        if request.method == "GET":
            after = int(dict(parse_qsl(query)).get("after", "0"))
            return json({"events": [one for one in told if one["number"] > after]})
        if path != kind:
            return json({})
        told.append(
            {
                "number": len(told) + 1,
                "id": request.headers["Idempotency-Key"],
                "occurred_at": "2026-01-01T00:00:00.000Z",
                "publisher": request.headers["X-Road-Client"],
                "person": request.headers.get("Pencere-Person", ""),
                "data": json_module.loads(request.content),
            }
        )
        return json({"type": kind, **told[-1]}, 202)

    def _serve(self, identifier: str, path: str, request: httpx.Request) -> httpx.Response:
        service = self._services.get(identifier)
        if service is None:
            code = "server.serverproxy.unknown_service"
            return _fault(code, 404, f"Service {identifier} is not registered", {})
        for demand in service.demands:
            if not request.headers.get(_DEMANDS[demand]):
                code = "server.serverproxy.missing_header"
                return _fault(code, 400, f"Header {_DEMANDS[demand]} is needed", {})
        asked = Asked(identifier, request.method, path, request.headers, request.content)
        self.asked.append(asked)
        answer = service.handler(asked)
        answer.headers["X-Road-Id"] = request.headers.get("X-Road-Id") or f"AZ-{uuid.uuid4()}"
        answer.headers["X-Road-Client"] = request.headers["X-Road-Client"]
        answer.headers["X-Road-Service"] = identifier
        answer.headers["X-Road-Request-Id"] = str(uuid.uuid4())
        answer.headers["X-Road-Request-Hash"] = _hash(request)
        return answer


def json(value: Any, status: int = 200) -> httpx.Response:
    """Return an answer of a service."""
    return httpx.Response(status, json=value)


def _fault(code: str, status: int, message: str, headers: dict[str, str]) -> httpx.Response:
    body = {"type": code, "message": message, "detail": str(uuid.uuid4())}
    return httpx.Response(status, headers={**headers, "X-Road-Error": code}, json=body)


def _hash(request: httpx.Request) -> str:
    # Of this request as it came; a real node adds what docs/specs/gateway-protocol.md says.
    head = f"{request.method}\r\n{request.url.raw_path.decode('ascii')}\r\n".encode()
    head += b"".join(name + b":" + value + b"\r\n" for name, value in request.headers.raw)
    digest = hashlib.sha512(head).digest()
    if request.content:
        digest = hashlib.sha512(digest + hashlib.sha512(request.content).digest()).digest()
    return base64.b64encode(digest).decode("ascii")


def _member(identifier: str) -> dict[str, Any]:
    instance, member_class, code, subsystem = (unquote(one) for one in identifier.split("/"))
    return {
        "id": {
            "object_type": "SUBSYSTEM",
            "xroad_instance": instance,
            "member_class": member_class,
            "member_code": code,
            "subsystem_code": subsystem,
        },
        "name": code,
    }
