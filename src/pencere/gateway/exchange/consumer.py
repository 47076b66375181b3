"""The consumer side: an information system asks, this node signs, sends, verifies, answers.

An exchange is an object whose methods are called back; it costs no task. The request is
logged while the other node works, and nobody is answered before request and answer are both
in the log.
"""

import hashlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from asyncpg.pgproto.pgproto import UUID

from pencere.gateway.directory.model import NodeEntry
from pencere.gateway.directory.rights import decide
from pencere.gateway.exchange import core as shared
from pencere.gateway.exchange import peer_faults
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.identity import identify
from pencere.gateway.exchange.refusals import answer_fault
from pencere.gateway.http.outcomes import Failure, Reply, Trouble
from pencere.gateway.log.rows import RequestRow, ResponseRow
from pencere.gateway.log.writer import Outcome
from pencere.gateway.observe.observation import Observation
from pencere.gateway.observe.trace import Trace
from pencere.gateway.wire import envelope as wire
from pencere.gateway.wire import evidence, head
from pencere.gateway.wire.faults import (
    Fault,
    Kind,
    Side,
    client_fault,
)
from pencere.gateway.wire.identifiers import (
    ServiceTarget,
    parse_server,
    parse_target,
)
from pencere.kernel.http import body as bodies
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

if TYPE_CHECKING:
    from pencere.kernel.http.body import Body

log = logging.getLogger(__name__)
SIDE = "consumer"
_ATTEMPTS = 3


def handle(core: Core, request: Request, respond: Respond, *, own: str = "") -> None:
    """Begin an exchange for a client, or refuse it; `own` is the node asking for itself."""
    seen = core.observer.begin(SIDE, Trace.of(request.headers, request.values))
    exchange = ConsumerExchange(core, request, respond, seen)
    try:
        core.admit(Side.CLIENT)
        exchange.begin(own)
    except Fault as fault:
        exchange.give_back()
        seen.status = core.config.style.status(fault)
        core.observer.end(seen, fault.code)
        answer_fault(core, request, respond, fault)


class ConsumerExchange:
    """One request of a client on its way through this node."""

    __slots__ = (
        "_added", "_answer", "_block", "_client", "_core", "_directory", "_exchange", "_facts",
        "_fault", "_grant", "_grant_timeout_s", "_headers", "_is_logged", "_is_sharing",
        "_is_undone", "_lost", "_now", "_packed", "_peers", "_proof", "_request", "_request_hash",
        "_respond", "_response_row", "_seen", "_sent_to", "_statement", "_target", "_trace",
    )  # fmt: skip

    def __init__(self, core: Core, request: Request, respond: Respond, seen: Observation) -> None:
        self._core = core
        self._request = request
        self._respond = respond
        self._seen = seen
        self._is_sharing = False
        self._is_logged = False
        # Whether it is certain that the node asked last did nothing.
        self._is_undone = False
        # How a connection ended before the same bytes were sent again.
        self._lost: Failure | None = None
        self._answer: tuple[head.ResponseHead, bytes | Body] | None = None
        self._response_row: ResponseRow | None = None
        self._fault: Fault | None = None

    def begin(self, own: str = "") -> None:
        """Check, sign, log and send; raises the fault that stops it before anything is sent."""
        core, request = self._core, self._request
        self._directory = core.directory.for_client()
        target = parse_target(request.target)
        if request.method not in head.METHODS:
            raise client_fault(Kind.INTERNAL_ERROR, f"method {request.method} is not carried")
        seen = self._seen
        seen.service, seen.method = target.service, request.method
        seen.request_bytes = len(request.body)
        seen.consumer = self._client = own or identify(core, self._directory, request)
        core.shares.take(Side.CLIENT, self._client)
        self._is_sharing = True
        headers = head.from_client(request.headers, request.values)
        self._peers = core.peers.choose(self._providers(target))[:_ATTEMPTS]
        facts = shared.circumstances(request.headers, request.values, Side.CLIENT)
        now = core.now()
        grant = decide(
            self._directory, shared.question(self._client, target, request.method, facts, now)
        )
        self._grant_timeout_s = grant.service.timeout_s
        seen.endpoint, seen.agreement, seen.kind = (
            grant.endpoint,
            grant.agreement,
            grant.service.kind,
        )
        seen.represented = facts.represented
        self._trace = seen.trace
        self._added: head.Headers = []
        if not facts.message_id:
            message_id = f"{self._directory.instance}-{shared.new_exchange()}"
            self._added.append((b"x-road-id", message_id.encode("ascii")))
            facts = facts._replace(message_id=message_id)
        seen.message_id = facts.message_id
        self._headers, self._target, self._grant, self._facts = headers, target, grant, facts
        core.in_flight += 1
        self._attempt()

    def _attempt(self) -> None:
        """Sign the request for the first of the nodes left: an exchange of its own each time."""
        core, request, seen = self._core, self._request, self._seen
        peer = self._peers[0]
        self._exchange = seen.exchange = shared.new_exchange()
        seen.peer = peer.identifier
        seen.trace = self._trace.of_exchange(self._exchange)
        identifier = (b"x-road-request-id", self._exchange.encode("ascii"))
        headers = [*self._headers, identifier, *self._added]
        block = head.request_bytes(request.method, request.target, headers)
        head_digest = head.digest(block)
        body_digest = head.body_digest(request.body)
        self._request_hash = head.request_hash(head_digest, body_digest)
        self._block, self._now = block, core.now()
        draft = evidence.Statement(
            kind="request",
            exchange=self._exchange,
            signer=core.config.node,
            receiver=peer.identifier,
            certificate="",
            time="",
            head=head_digest,
            body=body_digest,
        )
        core.log.signed_request(draft, self._send, self._on_request_logged)

    def _try_another(self) -> bool:
        """Ask the next node when it is certain that this one did nothing."""
        if not self._is_undone or len(self._peers) < 2:
            return False
        log.warning(
            "exchange_moved exchange=%s from=%s to=%s",
            self._exchange, self._peers[0].identifier, self._peers[1].identifier,
        )  # fmt: skip
        self._peers = self._peers[1:]
        self._fault = self._response_row = None
        self._is_logged = self._is_undone = False
        self._lost = None
        self._attempt()
        return True

    def _providers(self, target: ServiceTarget) -> list[NodeEntry]:
        directory = self._directory
        if target.provider not in directory.members:
            raise client_fault(Kind.UNKNOWN_MEMBER, f"Provider '{target.provider}' not found")
        names = directory.nodes_serving(target.provider)
        wanted = self._request.values.get(b"x-road-security-server")
        if wanted is not None:
            asked = parse_server(wanted.decode("latin-1"))
            if asked not in names:
                raise client_fault(
                    Kind.INVALID_SECURITY_SERVER, f"No node '{asked}' serves '{target.provider}'"
                )
            names = (asked,)
        if not names:
            raise client_fault(Kind.UNKNOWN_MEMBER, f"No node serves '{target.provider}'")
        return [directory.nodes[name] for name in names]

    def _send(self, statement: evidence.Statement, proof: evidence.Evidence) -> RequestRow:
        """Send the signed request on its way; return its row, which is stored meanwhile."""
        core, grant = self._core, self._grant
        self._statement, self._proof = statement, proof
        section = proof.to_bytes()
        envelope = wire.Envelope(self._block, self._request.body, section)
        self._packed = wire.pack(envelope)
        self._seen.request_out_s = core.loop.time()
        core.peers.send(
            self._peers[0],
            self._packed,
            timeout_s=self._grant_timeout_s + core.config.link_margin_s,
            done=self._on_reply,
        )
        return shared.request_row(
            core,
            side=SIDE,
            statement=statement,
            proof=proof,
            section=section,
            envelope=envelope,
            consumer=self._client,
            target=self._target,
            method=self._request.method,
            endpoint=grant.endpoint,
            agreement=grant.agreement,
            facts=self._facts,
            recorded_at=self._now,
        )

    # What comes back

    def _on_request_logged(self, outcome: Outcome) -> None:
        if outcome is not Outcome.STORED:
            self._end_with(client_fault(Kind.LOGGING_FAILED, "the request could not be logged"))
            return
        self._is_logged = True
        if self._response_row is not None:
            self._log_response()

    def _on_reply(self, reply: Reply | Failure) -> None:
        core = self._core
        self._seen.answer_in_s = core.loop.time()
        if self._fault is not None:
            _let_go(reply)
            return
        if (
            isinstance(reply, Failure)
            and reply.is_unseen
            and reply.trouble is Trouble.LOST
            and self._packed
        ):
            # A kept connection that ended before it was used: the same bytes once more. Were they
            # seen after all, the other node refuses them as a replay.
            packed, self._packed = self._packed, b""
            self._lost = reply
            core.peers.send(
                self._peers[0],
                packed,
                timeout_s=self._grant_timeout_s + core.config.link_margin_s,
                done=self._on_reply,
            )
            return
        self._packed = b""
        self._is_undone = isinstance(reply, Failure) and reply.is_unsent
        try:
            self._response_row = self._accept(reply)
        except Fault as fault:
            _let_go(reply)
            self._response_row = self._fault_row(fault)
        if self._is_logged:
            self._log_response()

    def _accept(self, reply: Reply | Failure) -> ResponseRow:
        """Verify the answer before any of it is used; keep it for the client."""
        peer = self._peers[0]
        if isinstance(reply, Failure):
            raise client_fault(*peer_faults.network_fault(reply, peer))
        if reply.status != 200:
            fault = peer_faults.node_fault(reply, peer)
            if fault.kind is Kind.STOPPING:
                self._is_undone = True
                self._core.peers.shun(peer)
            raise fault
        try:
            packed = wire.unpack(reply.body)
            proof = evidence.parse_evidence(packed.evidence)
            answer = head.parse_response(packed.head)
        except ValueError as problem:
            raise client_fault(
                Kind.INCONSISTENT_RESPONSE, f"node {peer.identifier} sent no proper answer"
            ) from problem
        statement = evidence.Statement(
            kind="response",
            exchange=self._exchange,
            signer=peer.identifier,
            receiver=self._core.config.node,
            certificate=proof.certificate,
            time=proof.time,
            head=head.digest(packed.head),
            body=head.body_digest(packed.body),
            request=evidence.statement_digest(self._statement),
        )
        shared.verify(self._core, statement, proof, peer, Side.CLIENT)
        signed_at = self._core.check_time(proof.time, Side.CLIENT, peer.identifier)
        values = answer.values
        if values.get(b"x-road-request-id") != self._exchange.encode("ascii") or values.get(
            b"x-road-request-hash"
        ) != self._request_hash.encode("ascii"):
            raise client_fault(
                Kind.INCONSISTENT_RESPONSE, "the response does not match the request"
            )
        kind = values.get(b"pencere-fault")
        if kind == b"REPLAYED" and self._lost is not None:
            # It had taken the request; how far it came with it is not known.
            raise client_fault(*peer_faults.network_fault(self._lost, peer))
        if kind is not None:
            self._fault = peer_faults.carried_fault(kind, packed.body)
        else:
            self._check_said(answer)
            self._answer = (answer, packed.body)
        return self._row(
            "fault" if self._fault else "answered",
            answer.status,
            self._fault.code if self._fault else "",
            evidence_parts=(statement, proof, packed),
            signed_at=signed_at,
        )

    def _check_said(self, answer: head.ResponseHead) -> None:
        """Refuse an answer in which the other node speaks for this one."""
        own = {
            b"x-road-id": self._facts.message_id.encode("latin-1"),
            b"x-road-client": self._client.encode("ascii"),
            b"x-road-service": self._target.service.encode("ascii"),
            b"x-road-request-id": self._exchange.encode("ascii"),
            b"x-road-request-hash": self._request_hash.encode("ascii"),
        }
        peer_faults.check_answered(answer.headers, own, self._peers[0])

    def _fault_row(self, fault: Fault) -> ResponseRow:
        self._fault, self._answer = fault, None
        return self._row("fault", 0, fault.code)

    def _row(
        self,
        outcome: str,
        status: int,
        fault: str,
        *,
        evidence_parts: tuple[evidence.Statement, evidence.Evidence, wire.Envelope] | None = None,
        signed_at: datetime | None = None,
    ) -> ResponseRow:
        core, exchange = self._core, self._exchange
        committed = self._statement.to_bytes() + self._proof.signature
        if evidence_parts is None:
            return ResponseRow(
                UUID(exchange), SIDE, outcome, status, fault, None, core.now(), None, None, 0,
                None, None, None, None, hashlib.sha256(committed).digest(), None, None, None,
            )  # fmt: skip
        statement, proof, packed = evidence_parts
        committed += statement.to_bytes() + proof.signature
        return ResponseRow(
            exchange=UUID(exchange),
            side=SIDE,
            outcome=outcome,
            status=status,
            fault=fault,
            signed_at=signed_at,
            recorded_at=core.now(),
            head_digest=statement.head,
            body_digest=statement.body,
            body_bytes=len(packed.body),
            certificate=bytes.fromhex(statement.certificate),
            signature=proof.signature,
            head_sealed=core.sealer.seal(
                packed.head, exchange=exchange, part=f"{SIDE} response head"
            ),
            body_sealed=shared.sealed_body(core, packed.body, exchange, f"{SIDE} response body"),
            evidence_digest=hashlib.sha256(committed).digest(),
            leaf_hash=None,
            leaf_entry=None,
            leaf_salt=None,
            evidence=packed.evidence,
        )

    def _log_response(self) -> None:
        row = self._response_row
        assert row is not None  # noqa: S101  # called when there is one
        self._core.log.response(row, self._on_response_logged)

    def _on_response_logged(self, outcome: Outcome) -> None:
        if outcome is not Outcome.STORED:
            self._end_with(client_fault(Kind.LOGGING_FAILED, "the answer could not be logged"))
            return
        if self._fault is not None:
            if not self._try_another():
                self._end_with(self._fault)
            return
        assert self._answer is not None  # noqa: S101  # an answer or a fault was logged
        answer, body = self._answer
        self._seen.status, self._seen.response_bytes = answer.status, len(body)
        self._finish("")
        self._respond(answer.status, answer.headers, body, answer.reason)

    def _end_with(self, fault: Fault) -> None:
        self._fault = fault
        if self._answer is not None:
            bodies.close(self._answer[1])
        self._seen.status = self._core.config.style.status(fault)
        self._finish(fault.code)
        answer_fault(self._core, self._request, self._respond, fault)

    def _finish(self, fault: str) -> None:
        core = self._core
        if core.in_flight > 0:
            core.in_flight -= 1
        self.give_back()
        core.observer.end(self._seen, fault)

    def give_back(self) -> None:
        """No longer count among what the client has in work."""
        if self._is_sharing:
            self._is_sharing = False
            self._core.shares.give_back(Side.CLIENT, self._client)


def _let_go(reply: Reply | Failure) -> None:
    """Close the file of an answer that is not used; errors keep what they saw for long."""
    if isinstance(reply, Reply):
        bodies.close(reply.body)
