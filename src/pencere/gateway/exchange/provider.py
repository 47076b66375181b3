"""The provider side: another node asks for one of its systems; verify, log, forward, sign, log.

Nothing of a request is used before its signature holds, it is fresh, and the directory allows
it. The request is in the log before the service is called, which is also what refuses a replay,
after a restart too; the answer is in the log, with its leaf of the ledger, before it leaves.
"""

import hashlib
import json
import logging
from typing import TYPE_CHECKING

from asyncpg.pgproto.pgproto import UUID

from pencere.gateway.directory.rights import decide
from pencere.gateway.exchange import consent, limits, peer_faults, refusals
from pencere.gateway.exchange import core as shared
from pencere.gateway.exchange.call import Call
from pencere.gateway.exchange.consent import Consented
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.refusals import unsigned_fault
from pencere.gateway.exchange.serving import Served, Serving
from pencere.gateway.log.leaves import access_leaf
from pencere.gateway.log.quotas import Taken
from pencere.gateway.log.rows import ResponseRow
from pencere.gateway.log.signing import Signed
from pencere.gateway.log.usage import UsageReader
from pencere.gateway.log.writer import Outcome
from pencere.gateway.observe.trace import NEW, Trace
from pencere.gateway.wire import envelope as wire
from pencere.gateway.wire import evidence, head
from pencere.gateway.wire.actors import Actor
from pencere.gateway.wire.faults import Fault, FaultStyle, Kind, Side, server_fault
from pencere.gateway.wire.identifiers import ServiceTarget, parse_client, parse_target
from pencere.kernel.clock import local_date
from pencere.kernel.http import body as bodies
from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)
SIDE = "provider"
_STYLE = FaultStyle()


def handle(core: Core, usage: UsageReader, request: Request, respond: Respond) -> None:
    """Begin to answer another node."""
    exchange = ProviderExchange(core, usage, request, respond)
    try:
        core.admit(Side.SERVER)
        exchange.open()
    except Fault as fault:
        exchange.refuse_unsigned(fault)
        return
    try:
        exchange.begin()
    except Fault as fault:
        exchange.refuse_signed(fault)


class ProviderExchange:
    """One request of another node."""

    __slots__ = (
        "_block", "_body", "_client", "_consented", "_core", "_directory",
        "_drafted_at", "_endpoint", "_envelope", "_facts", "_grant", "_head", "_hidden_until",
        "_is_counted", "_is_sharing", "_outcome", "_peer", "_proof", "_request", "_request_digest",
        "_request_hash", "_respond", "_seen", "_signed_reply", "_statement", "_target", "_usage",
    )  # fmt: skip

    def __init__(self, core: Core, usage: UsageReader, request: Request, respond: Respond) -> None:
        self._core = core
        self._usage = usage
        self._request = request
        self._respond = respond
        self._seen = core.observer.begin(SIDE, NEW)
        self._is_counted = self._is_sharing = False
        self._signed_reply: bytes | Stream = b""
        self._facts = _NO_FACTS
        self._client = ""
        self._target: ServiceTarget | None = None
        self._consented: Consented | None = None
        self._hidden_until: datetime | None = None

    # Until the signature holds

    def open(self) -> None:
        """Find out who asks and verify that they do."""
        core, request = self._core, self._request
        self._directory = core.directory.for_peer()
        peer = self._directory.node_of_certificate(request.peer)
        if peer is None:
            raise server_fault(
                Kind.SSL_AUTHENTICATION_FAILED, "the directory names no node with your certificate"
            )
        if request.method != "POST" or request.target != "/exchange":
            raise server_fault(Kind.INVALID_REQUEST, "a node speaks POST /exchange here")
        try:
            self._envelope = wire.unpack(request.body)
            self._proof = evidence.parse_evidence(self._envelope.evidence)
            self._head = head.parse_request(self._envelope.head)
            exchange = self._head.values[b"x-road-request-id"].decode("ascii")
            if str(UUID(exchange)) != exchange:
                raise ValueError("a UUID is written in one way")  # noqa: TRY301  # worded below
        except (ValueError, KeyError) as problem:
            raise server_fault(Kind.INVALID_REQUEST, "not an envelope of a request") from problem
        head_digest = head.digest(self._envelope.head)
        body_digest = head.body_digest(self._envelope.body)
        self._statement = evidence.Statement(
            kind="request",
            exchange=exchange,
            signer=peer.identifier,
            receiver=core.config.node,
            certificate=self._proof.certificate,
            time=self._proof.time,
            head=head_digest,
            body=body_digest,
        )
        shared.verify(core, self._statement, self._proof, peer, Side.SERVER)
        self._peer = peer
        seen = self._seen
        seen.trace = Trace.of(self._head.headers, self._head.values).below(exchange)
        seen.exchange, seen.peer, seen.method = exchange, peer.identifier, self._head.method
        seen.request_bytes = len(self._envelope.body)
        self._request_hash = head.request_hash(head_digest, body_digest)
        self._request_digest = evidence.statement_digest(self._statement)

    # Until it is allowed

    def begin(self) -> None:
        """Check time and right, log the request; the service is called when that is stored."""
        core, seen = self._core, self._seen
        core.check_time(self._proof.time, Side.SERVER, self._peer.identifier)
        core.shares.take(Side.SERVER, self._peer.identifier)
        self._is_sharing = True
        peer_faults.check_asked(self._head.headers, self._peer)
        target = self._target = parse_target(self._head.target)
        seen.service = target.service
        values = self._head.values
        client = self._client = parse_client(values.get(b"x-road-client", b"").decode("latin-1"))
        if client not in self._peer.serves:
            message = f"node {self._peer.identifier} does not serve {client}"
            raise server_fault(Kind.ACCESS_DENIED, message)
        node = self._directory.nodes.get(core.config.node)
        if node is None or target.provider not in node.serves:
            raise server_fault(
                Kind.UNKNOWN_SERVICE, f"this node does not serve '{target.provider}'"
            )
        seen.consumer = client
        facts = self._facts = shared.circumstances(self._head.headers, values, Side.SERVER)
        seen.message_id, seen.represented = facts.message_id, facts.represented
        now = core.now()
        self._grant = decide(
            self._directory, shared.question(client, target, self._head.method, facts, now)
        )
        terms = self._grant.terms
        if terms is not None and terms.rate is not None:
            wait_s = core.rates.take(terms.identifier, terms.rate, core.loop.time())
            if wait_s:
                raise limits.too_fast(terms.identifier, terms.rate, wait_s)
        self._hidden_until = shared.hidden_until(facts, terms, now)
        row = shared.request_row(
            core,
            side=SIDE,
            statement=self._statement,
            proof=self._proof,
            section=self._envelope.evidence,
            envelope=self._envelope,
            consumer=client,
            target=target,
            method=self._head.method,
            endpoint=self._grant.endpoint,
            agreement=self._grant.agreement,
            facts=facts,
            recorded_at=now,
            until=self._hidden_until,
        )
        core.in_flight += 1
        self._is_counted = True
        core.log.request(row, self._on_request_logged)

    # Until it is answered

    def _on_request_logged(self, outcome: Outcome) -> None:
        if outcome is Outcome.DUPLICATE:
            self.refuse_signed(
                server_fault(
                    Kind.REPLAYED, "a request with this X-Road-Request-Id was accepted before"
                )
            )
            return
        if outcome is Outcome.FAILED:
            self.refuse_signed(server_fault(Kind.LOGGING_FAILED, "the request could not be logged"))
            return
        terms = self._grant.terms
        if terms is not None and terms.quota is not None:
            # After the log, so that a replay costs nothing of it.
            self._core.quotas.take(
                terms.identifier, terms.quota, local_date(self._core.now()), self._on_counted
            )
            return
        self._ask_consent()

    def _on_counted(self, taken: Taken) -> None:
        terms = self._grant.terms
        if taken is Taken.TAKEN or terms is None:
            self._ask_consent()
        else:
            self._conclude_fault(limits.not_counted(taken, terms, self._core.now()))

    def _ask_consent(self) -> None:
        terms = self._grant.terms
        if terms is None or not (terms.consent or self._grant.service.consent):
            self._call_or_refuse()
            return
        try:
            consent.ask(self._core, self._directory, terms, self._facts, self._on_consent)
        except Fault as fault:
            self._conclude_fault(fault)

    def _on_consent(self, outcome: Consented | Fault) -> None:
        if isinstance(outcome, Fault):
            self._conclude_fault(outcome)
            return
        self._consented = outcome
        self._call_or_refuse()

    def _call_or_refuse(self) -> None:
        try:
            self._call()
        except Fault as fault:
            self._conclude_fault(fault)

    def _call(self) -> None:
        target = self._target
        assert target is not None  # noqa: S101  # set before the request was logged
        call = Call(
            core=self._core,
            usage=self._usage,
            directory=self._directory,
            exchange=self._statement.exchange,
            client=self._client,
            target=target,
            head=self._head,
            body=self._envelope.body,
            facts=self._facts,
            grant=self._grant,
            alive=self._request.alive,
        )
        Serving(call, self._seen, self._consented, self._on_served).begin()

    def _on_served(self, answer: Served | Fault) -> None:
        if isinstance(answer, Fault):
            self._conclude_fault(answer)
        else:
            self._conclude(*answer)

    def _conclude(
        self, status: int, reason: str, headers: head.Headers, body: bytes | Body
    ) -> None:
        self._outcome = ("answered", status, "")
        self._log_answer(self._draft(status, reason, headers, body))

    def _conclude_fault(self, fault: Fault) -> None:
        self._outcome = ("fault", _STYLE.status(fault), fault.code)
        self._log_answer(self._draft_fault(fault))

    def _log_answer(self, draft: evidence.Statement) -> None:
        self._core.log.signed_response(draft, self._signed_row, self._on_answer_logged)

    def _on_answer_logged(self, stored: Outcome) -> None:
        if stored is Outcome.STORED:
            self._send(self._signed_reply, self._outcome[2])
        else:
            bodies.close(self._body)
            self.refuse_signed(server_fault(Kind.LOGGING_FAILED, "the answer could not be logged"))

    def _signed_row(self, statement: evidence.Statement, proof: evidence.Evidence) -> ResponseRow:
        """Return the row of the signed answer, and have the answer ready to leave."""
        core, exchange, now = self._core, self._statement.exchange, self._drafted_at
        outcome, status, fault = self._outcome
        block, body = self._block, self._body
        section = proof.to_bytes()
        self._signed_reply = wire.pack(wire.Envelope(block, body, section))
        committed = hashlib.sha256(
            self._statement.to_bytes() + self._proof.signature + statement.to_bytes()
            + proof.signature
        ).digest()  # fmt: skip
        leaf, salt = None, None
        if self._grant.agreement:
            salt = core.sealer.leaf_salt(exchange)
            leaf = access_leaf(
                exchange=exchange,
                at=now,
                consumer=self._client,
                service=self._grant.service.identifier,
                endpoint=self._grant.endpoint,
                purpose=self._facts.purpose,
                legal_basis=self._facts.legal_basis,
                case_number=self._facts.case_number,
                represented=self._facts.represented,
                actor=self._facts.actor.value,
                outcome=fault or str(status),
                evidence_digest=committed,
                salt=salt,
                person=self._facts.person,
                hidden_until=self._hidden_until,
            )
        return ResponseRow(
            exchange=UUID(exchange),
            side=SIDE,
            outcome=outcome,
            status=status,
            fault=fault,
            signed_at=evidence.parse_time(statement.time),
            recorded_at=now,
            head_digest=statement.head,
            body_digest=statement.body,
            body_bytes=len(body),
            certificate=bytes.fromhex(statement.certificate),
            signature=proof.signature,
            head_sealed=core.sealer.seal(block, exchange=exchange, part=f"{SIDE} response head"),
            body_sealed=shared.sealed_body(core, body, exchange, f"{SIDE} response body"),
            evidence_digest=committed,
            leaf_hash=leaf.leaf_hash if leaf else None,
            leaf_entry=leaf.entry if leaf else None,
            leaf_salt=salt,
            consent=self._consented.number if self._consented is not None else "",
            evidence=section,
        )

    # Answers

    def refuse_unsigned(self, fault: Fault) -> None:
        """Answer what could not be verified."""
        self._seen.status = _STYLE.status(fault)
        self._finish(fault.code)
        self._respond(*unsigned_fault(fault))

    def refuse_signed(self, fault: Fault) -> None:
        """Answer a verified request that is refused without having been served."""
        log.warning(
            "exchange_refused code=%s exchange=%s consumer=%s",
            fault.code,
            self._statement.exchange,
            self._client,
        )
        draft = self._draft_fault(fault)
        block, body = self._block, self._body

        def on_signed(signed: Signed | None) -> None:
            if signed is None:
                self.refuse_unsigned(server_fault(Kind.NODE_ERROR, "the node cannot sign"))
                return
            envelope = wire.Envelope(block, body, signed[1].to_bytes())
            self._send(wire.pack(envelope), fault.code)

        self._core.signer.soon(draft, on_signed)

    def _send(self, envelope: bytes | Stream, fault: str) -> None:
        self._finish(fault)
        self._respond(200, [(b"content-type", wire.MEDIA_TYPE)], envelope)

    def _draft_fault(self, fault: Fault) -> evidence.Statement:
        status = _STYLE.status(fault)
        self._core.refusals.add(
            refusals.of_peer(
                self._core, fault, exchange=self._statement.exchange, client=self._client,
                target=self._target, method=self._head.method, facts=self._facts, status=status,
            )
        )  # fmt: skip
        body = json.dumps(fault.to_node()).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"pencere-fault", fault.kind.name.encode("ascii")),
        ]
        return self._draft(status, "", headers, body)

    def _draft(
        self, status: int, reason: str, headers: head.Headers, body: bytes | Body
    ) -> evidence.Statement:
        """Return what is to be signed of an answer: bound to the request it answers."""
        core = self._core
        self._seen.status, self._seen.response_bytes = status, len(body)
        own = [
            (b"x-road-id", self._facts.message_id.encode("latin-1")),
            (b"x-road-client", self._client.encode("ascii")),
            (b"x-road-service", (self._target.service if self._target else "").encode("ascii")),
            (b"x-road-request-id", self._statement.exchange.encode("ascii")),
            (b"x-road-request-hash", self._request_hash.encode("ascii")),
        ]
        block = head.response_bytes(status, reason, headers + own)
        self._block, self._body, self._drafted_at = block, body, core.now()
        return evidence.Statement(
            kind="response",
            exchange=self._statement.exchange,
            signer=core.config.node,
            receiver=self._peer.identifier,
            certificate="",
            time="",
            head=head.digest(block),
            body=head.body_digest(body),
            request=self._request_digest,
        )

    def _finish(self, fault: str) -> None:
        core = self._core
        if self._is_counted:
            self._is_counted = False
            core.in_flight -= 1
        if self._is_sharing:
            self._is_sharing = False
            core.shares.give_back(Side.SERVER, self._peer.identifier)
        core.observer.end(self._seen, fault)


_NO_FACTS = shared.Circumstances("", "", "", "", "", Actor.NOBODY, "", "", frozenset())
