"""What happens to a request that is verified, allowed and logged: the node or a service answers."""

from collections.abc import Callable

from pencere.gateway.exchange import builtin
from pencere.gateway.exchange.call import Answer, Call
from pencere.gateway.exchange.consent import Consented
from pencere.gateway.exchange.upstreams import fault_of
from pencere.gateway.http.outcomes import Failure, Reply
from pencere.gateway.messages.inbox import HEADER, KEY, Arrived, Remembered, is_final
from pencere.gateway.messages.receipts import digest_of
from pencere.gateway.observe.observation import Observation
from pencere.gateway.wire import head
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.kernel.http.body import Body

# Status, reason, headers and body, before the gateway's own headers.
Served = tuple[int, str, head.Headers, bytes | Body]
Done = Callable[[Served | Fault], None]
# The answer to a message is kept in the database, so it has a limit of its own.
_LARGEST_REMEMBERED = 10 * 1024 * 1024
_ALIVE_S = 1.0


class Serving:
    """One request on its way to who answers it; `done` is called once."""

    __slots__ = ("_alive_at", "_arrived", "_call", "_consented", "_done", "_seen")

    def __init__(
        self, call: Call, seen: Observation, consented: Consented | None, done: Done
    ) -> None:
        self._call = call
        self._seen = seen
        self._consented = consented
        self._done = done
        self._arrived: Arrived | None = None
        self._alive_at = 0.0

    def begin(self) -> None:
        """Ask the node's own service, or forward; raises the fault that stops it at once."""
        handler = builtin.HANDLERS.get(self._call.target.code)
        if handler is None:
            self._forward()
        else:
            handler(self._call, self._on_own)

    def _on_own(self, answer: Answer | Fault) -> None:
        if isinstance(answer, Fault):
            self._done(answer)
        else:
            self._done((answer[0], "", answer[1], answer[2]))

    def _forward(self) -> None:
        call, core, service = self._call, self._call.core, self._call.grant.service
        upstream = core.node_file.current.upstream(service)
        if upstream is None:
            raise server_fault(
                Kind.SERVICE_MISSING_URL,
                f"Service {call.target.service} has no address at its node",
            )
        timeout_s = upstream.timeout_s or service.timeout_s

        def send() -> None:
            self._alive_at = core.loop.time()
            core.upstreams.send(
                upstream,
                call.target,
                (call.head.method, self._outgoing(), call.body),
                timeout_s=timeout_s,
                done=self._on_upstream,
                moved=self._on_moved,
            )

        self._arrived = self._message()
        if self._arrived is None:
            send()
            return

        def on_admitted(known: Remembered | Fault | None) -> None:
            if known is None:
                send()
            elif isinstance(known, Fault):
                self._done(known)
            else:
                self._done((known.status, "", known.headers, known.body))

        core.inbox.admit(self._arrived, timeout_s + core.config.link_margin_s, on_admitted)

    def _on_moved(self) -> None:
        """Tell the other node, which waits, that a large body is on its way; once a second."""
        now = self._call.core.loop.time()
        if now - self._alive_at < _ALIVE_S:
            return
        self._alive_at = now
        if self._call.alive is not None:
            self._call.alive()

    def _message(self) -> Arrived | None:
        """Return what a message that must arrive is known by; None for any other request."""
        call = self._call
        if HEADER not in call.head.values:
            return None
        return Arrived(
            call.client,
            call.facts.message_id,
            digest_of(call.head.method, call.head.target, call.head.headers, call.small_body),
            call.grant.service.identifier,
            call.exchange,
            call.core.now(),
        )

    def _outgoing(self) -> head.Headers:
        """Return the headers for the service: the signed ones, and under which terms it answers."""
        values = self._call.head.values
        headers = self._seen.trace.onto(self._call.head.headers, values)
        if self._arrived is not None:
            # One key for all attempts: the service's own guard against doing it twice.
            headers = [pair for pair in headers if pair[0].lower() not in {KEY, HEADER}]
            headers.append((KEY, self._call.facts.message_id.encode("latin-1")))
        terms = self._call.grant.terms
        if terms is not None:
            headers.append((b"pencere-agreement", terms.identifier.encode("utf-8")))
            fields = self._consented.fields if self._consented is not None else terms.fields
            if fields:
                headers.append((b"pencere-fields", ",".join(fields).encode("ascii")))
        return headers

    def _on_upstream(self, reply: Reply | Failure) -> None:
        self._seen.answer_in_s = self._call.core.loop.time()
        if isinstance(reply, Failure):
            fault = fault_of(reply, self._call.grant.service.identifier)
            self._remember(None, lambda: self._done(fault))
            return
        headers, body = head.from_provider(reply.headers), reply.body
        if self._arrived is None:
            self._done((reply.status, reply.reason, headers, body))
            return
        if len(body) > _LARGEST_REMEMBERED:
            fault = server_fault(
                Kind.MESSAGE_TOO_LARGE,
                f"the answer to a message may have {_LARGEST_REMEMBERED} bytes",
            )
            self._remember(None, lambda: self._done(fault))
            return
        kept = bytes(body)
        answer = Remembered(reply.status, headers, kept) if is_final(reply.status) else None
        self._remember(answer, lambda: self._done((reply.status, reply.reason, headers, kept)))

    def _remember(self, answer: Remembered | None, then: Callable[[], None]) -> None:
        """Of a message, keep the last word of its service before anybody hears it."""
        if self._arrived is None:
            then()
            return

        def on_kept(is_kept: bool) -> None:
            if is_kept:
                then()
            else:
                self._done(
                    server_fault(Kind.LOGGING_FAILED, "the answer could not be kept; ask again")
                )

        core = self._call.core
        core.inbox.keep(self._arrived, answer, core.now(), on_kept)
