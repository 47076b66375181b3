"""The services that the provider's node answers itself: one table of code and handler.

Each is signed and logged like any exchange. What an agreement about one looks like, and what
it demands, is said in `directory.builtin`; both tables have the same codes. A handler is called
when the request is in the log; it may raise a Fault, and otherwise calls `done` once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pencere.gateway.directory.builtin import FIND_USAGE, RULES
from pencere.gateway.directory.model import Directory
from pencere.gateway.directory.rights import Grant
from pencere.gateway.exchange import metadata
from pencere.gateway.exchange.core import Circumstances, Core
from pencere.gateway.log.usage import UsageReader
from pencere.gateway.wire.faults import Fault
from pencere.gateway.wire.head import Headers, RequestHead
from pencere.gateway.wire.identifiers import ServiceTarget

Answer = tuple[int, Headers, bytes]
Done = Callable[[Answer | Fault], None]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the node itself, verified, allowed and logged."""

    core: Core
    usage: UsageReader
    directory: Directory
    exchange: str
    client: str
    target: ServiceTarget
    head: RequestHead
    body: bytes
    facts: Circumstances
    grant: Grant


Handler = Callable[[Call, Done], None]


def _list_methods(call: Call, done: Done) -> None:
    done(metadata.list_methods(call.directory, call.target, call.head.method, call.client))


def _find_usage(call: Call, done: Done) -> None:
    call.usage.find(call.target.provider, call.facts.person, call.facts.user, call.body, done)


HANDLERS: dict[str, Handler] = {
    "listMethods": _list_methods,
    "allowedMethods": _list_methods,
    FIND_USAGE: _find_usage,
}
if HANDLERS.keys() != RULES.keys():
    raise RuntimeError("directory.builtin and exchange.builtin name different services")
