"""The services that the provider's node answers itself: one table of code and handler.

Each is signed and logged like any exchange. What an agreement about one looks like, and what
it demands, is said in `directory.builtin`; both tables have the same codes. A handler is called
when the request is in the log; it may raise a Fault, and otherwise calls `done` once.
"""

from collections.abc import Callable

from pencere.gateway.directory.builtin import (
    DELIVER_EVENT,
    FIND_USAGE,
    GET_EVIDENCE,
    GET_SUPPRESSIONS,
    RULES,
)
from pencere.gateway.exchange import metadata
from pencere.gateway.exchange.call import Call, Done
from pencere.gateway.exchange.delivering import deliver_event
from pencere.gateway.exchange.openapi import get_openapi
from pencere.gateway.exchange.proving import get_evidence
from pencere.gateway.exchange.usage.answering import find_usage, get_suppressions
from pencere.kernel.clock import local_date

Handler = Callable[[Call, Done], None]


def _list_methods(call: Call, done: Done) -> None:
    today = local_date(call.core.now())
    done(metadata.list_methods(call.directory, call.target, call.client, today))


HANDLERS: dict[str, Handler] = {
    "listMethods": _list_methods,
    "allowedMethods": _list_methods,
    "getOpenAPI": get_openapi,
    DELIVER_EVENT: deliver_event,
    FIND_USAGE: find_usage,
    GET_EVIDENCE: get_evidence,
    GET_SUPPRESSIONS: get_suppressions,
}
if HANDLERS.keys() != RULES.keys():
    raise RuntimeError("directory.builtin and exchange.builtin name different services")
