"""What a node answers on its clients' port, as one table: path or prefix to handler.

A path that ends in a slash stands for everything below it. Which information system asks, and
whether it may, is the handler's to find out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pencere.gateway import health
from pencere.gateway.delivery import event_pages as events
from pencere.gateway.delivery import message_pages as messages
from pencere.gateway.exchange import consumer, metadata, proving, why
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.refusals import answer_fault
from pencere.gateway.monitoring import MonitoringPages
from pencere.gateway.wire.faults import Fault, Kind, client_fault
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond


@dataclass(frozen=True)
class Front:
    """What handlers are given besides the request."""

    core: Core
    witnesses: Callable[[], health.Witnesses]
    monitoring: MonitoringPages
    # The text of `/metrics` as it is now.
    metrics: Callable[[], bytes]


Handler = Callable[[Front, Request, Respond], None]


def _exchange(front: Front, request: Request, respond: Respond) -> None:
    consumer.handle(front.core, request, respond)


def _health(front: Front, request: Request, respond: Respond) -> None:
    del request
    respond(*health.answer(front.witnesses()))


def _metrics(front: Front, request: Request, respond: Respond) -> None:
    del request
    respond(200, [(b"content-type", b"text/plain; version=0.0.4")], front.metrics())


def _list_clients(front: Front, request: Request, respond: Respond) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise client_fault(Kind.INTERNAL_ERROR, "/listClients is asked for with GET")
    query = request.target.partition("?")[2]
    directory = front.core.directory.for_client()
    respond(*metadata.list_clients(directory, query, request.header(b"accept") or b""))


def _monitoring(front: Front, request: Request, respond: Respond) -> None:
    front.monitoring.handle(request, respond)


def _asic(front: Front, request: Request, respond: Respond) -> None:
    proving.asic(front.core, request, respond)


def _why(front: Front, request: Request, respond: Respond) -> None:
    why.handle(front.core, request, respond)


def _messages(front: Front, request: Request, respond: Respond) -> None:
    messages.handle(front.core, request, respond)


def _events(front: Front, request: Request, respond: Respond) -> None:
    events.handle(front.core, request, respond)


PATHS: Mapping[str, Handler] = {
    "/asic": _asic,
    "/r1/": _exchange,
    "/healthz": _health,
    "/metrics": _metrics,
    "/events/": _events,
    "/messages/": _messages,
    "/listClients": _list_clients,
    "/monitoring/": _monitoring,
    why.PREFIX: _why,
}


def handle(front: Front, request: Request, respond: Respond) -> None:
    """Answer a client; a `Fault` that a handler raises is answered in the node's style."""
    path = request.target.partition("?")[0]
    try:
        find(path)(front, request, respond)
    except Fault as fault:
        answer_fault(front.core, request, respond, fault)


def find(path: str) -> Handler:
    """Return the handler of a path, or of its first part."""
    found = PATHS.get(path) or PATHS.get(path[: path.find("/", 1) + 1])
    if found is not None:
        return found
    raise client_fault(
        Kind.INTERNAL_ERROR,
        "nothing is here; services are under /r1/, members at /listClients",
    )
