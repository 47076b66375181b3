"""The client for code that waits for its answers."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from pencere.client import events, messages, metadata
from pencere.client.conversation import Send, converse
from pencere.client.purpose import Purpose
from pencere.client.request import Answer, Call, Identity, call_service
from pencere.client.retrying import Retry
from pencere.client.transport import Way, tls_of


class Client:
    """Speaks to one node. Safe between threads; connections are kept and reused.

    Every call raises `BadRequest`, `Denied`, `NotNow` or `NoAnswer` (pencere.client.errors).
    """

    def __init__(
        self,
        way: Way | str,
        identity: Identity,
        *,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._way = Way(way) if isinstance(way, str) else way
        self._retry = retry or Retry()
        self._http = httpx.Client(
            base_url=self._way.address,
            headers=identity.headers(),
            timeout=self._way.timeout,
            limits=self._way.limits,
            verify=tls_of(identity),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        """Use it as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close connections."""
        self.close()

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def request(  # noqa: PLR0913  # a request is all of these
        self,
        method: str,
        service: str,
        path: str = "",
        *,
        purpose: Purpose | None = None,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        message_id: str | None = None,
        idempotency_key: str | None = None,
        node: str | None = None,
    ) -> Answer:
        """Ask a service and return its answer, whatever its status is."""
        return self.send(
            call_service(
                method, service, path, purpose=purpose, body=body, headers=headers,
                message_id=message_id, idempotency_key=idempotency_key, node=node,
            )
        )  # fmt: skip

    def members(self) -> tuple[metadata.Member, ...]:
        """Return who is in the directory: `/listClients`."""
        return metadata.read_members(self.send(metadata.members()))

    def services(self, provider: str, *, only_allowed: bool = True) -> tuple[metadata.Service, ...]:
        """Return the services of a provider, or those of them that this system may ask."""
        return metadata.read_services(self.send(metadata.services(provider, only_allowed)))

    def open_api(self, service: str) -> bytes:
        """Return the OpenAPI description of a service."""
        return self.send(metadata.open_api(service)).body

    def send_message(  # noqa: PLR0913  # a message is all of these
        self,
        method: str,
        service: str,
        path: str = "",
        *,
        message_id: str,
        purpose: Purpose | None = None,
        body: bytes | Mapping[str, Any] | None = None,
        order: str | None = None,
        within_s: int | None = None,
    ) -> messages.Message:
        """Hand over a message that must arrive; the node delivers it."""
        call = messages.send(
            method, service, path, message_id=message_id, purpose=purpose, body=body,
            order=order, within_s=within_s,
        )  # fmt: skip
        return messages.read(self.send(call))

    def message(self, receipt: str) -> messages.Message:
        """Say what became of a message."""
        return messages.read(self.send(messages.state(receipt)))

    def publish(
        self, type_: str, data: Mapping[str, Any], *, key: str, person: str = ""
    ) -> events.Published:
        """Tell an event to all who subscribed; the same `key` tells it once."""
        call = events.publish(type_, data, key=key, person=person)
        return events.read_published(self.send(call))

    def events_after(
        self, type_: str, number: int, *, wait_s: int = 0, limit: int = 100
    ) -> tuple[events.Event, ...]:
        """Return what came after a number; waits up to `wait_s` for the first."""
        call = events.after(type_, number, wait_s=wait_s, limit=limit)
        return events.read(self.send(call))

    def acknowledge(self, type_: str, number: int) -> None:
        """Say that all events up to a number are done with."""
        self.send(events.acknowledge(type_, number))

    def send(self, call: Call) -> Answer:
        """Send what was built by others of this package."""
        conversation = converse(call, self._retry)
        step = next(conversation)
        try:
            while True:
                if isinstance(step, Send):
                    try:
                        response = self._once(step.call)
                    except httpx.TransportError as error:
                        step = conversation.throw(error)
                    else:
                        step = conversation.send(response)
                else:
                    time.sleep(step.seconds)
                    step = conversation.send(None)
        except StopIteration as end:
            answer: Answer = end.value
            return answer

    def _once(self, call: Call) -> httpx.Response:
        return self._http.request(call.method, call.target, headers=call.headers, content=call.body)
