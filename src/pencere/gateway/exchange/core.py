"""What both roles of a node share: who it is, its directory, log, keys, and limits."""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from asyncpg.pgproto.pgproto import UUID

from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.model import Agreement, NodeEntry
from pencere.gateway.directory.rights import EXAMPLES, Question
from pencere.gateway.directory.source import DirectorySource
from pencere.gateway.events.arrivals import Arrivals
from pencere.gateway.events.series import EventSeries
from pencere.gateway.exchange.peers import Peers
from pencere.gateway.exchange.rates import RateLimiter
from pencere.gateway.exchange.shares import Shares
from pencere.gateway.exchange.upstreams import Upstreams
from pencere.gateway.keys import NodeKeys
from pencere.gateway.log.quotas import QuotaCounter
from pencere.gateway.log.refusals import RefusalLog
from pencere.gateway.log.rows import RequestRow
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.log.signing import BatchSigner
from pencere.gateway.log.writer import LogWriter
from pencere.gateway.messages.inbox import Inbox
from pencere.gateway.messages.pool import DatabasePool
from pencere.gateway.messages.store import MessageStore
from pencere.gateway.metrics import Metrics
from pencere.gateway.node_file import NodeFileSource
from pencere.gateway.observe.clocks import Clocks
from pencere.gateway.observe.observer import Observer
from pencere.gateway.proof.desk import EvidenceDesk
from pencere.gateway.wire import evidence, head
from pencere.gateway.wire.actors import Actor, actor_with, fin_of, user_of
from pencere.gateway.wire.envelope import Envelope
from pencere.gateway.wire.faults import Fault, Kind, Side, server_fault
from pencere.gateway.wire.hiding import EXAMPLE as HIDING_EXAMPLE
from pencere.gateway.wire.hiding import HEADERS as HIDING_HEADERS
from pencere.gateway.wire.hiding import Hiding, read_hiding
from pencere.gateway.wire.identifiers import ServiceTarget, parse_party
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid
from pencere.kernel.http.body import Body
from pencere.kernel.http.spool import Spools
from pencere.kernel.identifiers import parse_fin

log = logging.getLogger(__name__)

PENCERE_HEADERS = {
    b"pencere-purpose": "Pencere-Purpose",
    b"pencere-legal-basis": "Pencere-Legal-Basis",
    b"pencere-case": "Pencere-Case",
    b"pencere-person": "Pencere-Person",
}
_LONGEST_VALUE = 200


@dataclass
class Core:
    """The parts of one running node."""

    config: NodeConfig
    directory: DirectorySource
    node_file: NodeFileSource
    log: LogWriter
    sealer: Sealer
    peers: Peers
    upstreams: Upstreams
    metrics: Metrics
    keys: NodeKeys
    observer: Observer
    clocks: Clocks
    shares: Shares
    loop: asyncio.AbstractEventLoop
    quotas: QuotaCounter
    refusals: RefusalLog
    desk: EvidenceDesk
    signer: BatchSigner
    pool: DatabasePool
    messages: MessageStore
    inbox: Inbox
    series: EventSeries
    arrivals: Arrivals
    spools: Spools
    rates: RateLimiter = field(default_factory=RateLimiter)
    verified: evidence.VerifiedRoots = field(default_factory=evidence.VerifiedRoots)
    in_flight: int = 0
    # Bodies of which the log has digest and size only.
    bodies_not_kept: int = 0
    is_stopping: bool = False
    stamps_overdue: str = ""
    # What goes on beside the exchanges and ended by a mistake of ours a moment ago, or empty.
    worker_trouble: str = ""
    # Why another process is in this one's place, or empty.
    not_alone: str = ""
    # Why this node's clock forbids to carry anything, or empty.
    clock_wrong: str = ""
    # Set when there may be something to deliver.
    delivery_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    events_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    pushes_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in use, in hex."""
        return self.keys.current.fingerprint

    def now(self) -> datetime:
        """Return the present instant."""
        return self.config.clock.now()

    def admit(self, side: Side) -> None:
        """Refuse what could not be answered anyway."""
        if self.is_stopping:
            raise Fault(side, Kind.STOPPING, "the node is stopping; ask again")
        if self.in_flight >= self.config.in_flight:
            raise Fault(side, Kind.OVERLOADED, f"{self.in_flight} exchanges are in work; ask again")
        if not self.log.is_available:
            raise Fault(side, Kind.LOGGING_FAILED, "the node cannot write its log; ask again")
        if self.stamps_overdue:
            raise Fault(side, Kind.LOGGING_FAILED, self.stamps_overdue)
        if self.not_alone:
            raise Fault(side, Kind.LOGGING_FAILED, self.not_alone)
        if self.clock_wrong:
            raise Fault(side, Kind.CLOCK, self.clock_wrong)

    def check_time(self, evidence_time: str, side: Side, who: str) -> datetime:
        """Return the time that `who` signed; refuse one that is long ago or in the future."""
        signed = evidence.parse_time(evidence_time)
        off = signed - self.now()
        self.clocks.note(who, off)
        if abs(off) > self.config.clock_window:
            raise Fault(
                side,
                Kind.CLOCK,
                f"the message was signed {off.total_seconds():+.0f} s from this node's time;"
                f" {self.config.clock_window.total_seconds():.0f} s are allowed."
                " Check the clocks of both nodes",
            )
        return signed


def verify(
    core: Core,
    statement: evidence.Statement,
    proof: evidence.Evidence,
    peer: NodeEntry,
    side: Side,
) -> None:
    """Check a peer's signature by the keys that the directory names for it."""
    key = peer.signing.get(proof.certificate)
    if key is None:
        raise Fault(
            side,
            Kind.INVALID_SIGNATURE,
            f"the directory names no signing certificate {proof.certificate[:16]}..."
            f" for {peer.identifier}",
        )
    certificate = peer.certificates[proof.certificate]
    signed_at = evidence.parse_time(proof.time)
    # The register lists a revocation only as long as the certificate would have lasted.
    if not certificate.not_valid_before_utc <= signed_at <= certificate.not_valid_after_utc:
        raise Fault(
            side,
            Kind.INVALID_SIGNATURE,
            f"the signing certificate {proof.certificate[:16]}... of {peer.identifier} was not"
            f" valid at {proof.time}",
        )
    if not evidence.verify(statement, proof, key, core.verified):
        raise Fault(
            side, Kind.INVALID_SIGNATURE, f"the signature of {peer.identifier} is not valid"
        )


class Circumstances(NamedTuple):
    """The `Pencere-*` and `X-Road-*` headers of a request that matter to node and log."""

    purpose: str
    legal_basis: str
    case_number: str
    person: str
    user: str
    actor: Actor
    represented: str
    message_id: str
    given: frozenset[str]
    consent: str = ""
    hiding: Hiding | None = None
    # The FIN of the user, empty when it names a system.
    acting: str = ""


def circumstances(
    headers: head.Headers, values: Mapping[bytes, bytes], side: Side
) -> Circumstances:
    """Read the headers; a repeated, unreadable or impossible one is refused with an example.

    `values` are they by lower-case name, of several the last.
    """
    found: dict[str, str] = {}
    said = values if len(values) == len(headers) else _said(headers)
    for name, proper in PENCERE_HEADERS.items():
        text = said.get(name, b"").decode("latin-1")
        if not text:
            continue  # said, but nothing: the same as not said
        if not _is_plain(text):
            raise Fault(
                side,
                Kind.INVALID_HEADER,
                f"Header {proper} is needed once, in visible ASCII, at most {_LONGEST_VALUE}"
                f" characters. Example: {proper}: {EXAMPLES[proper]}",
            )
        found[proper] = text
    person = found.get("Pencere-Person", "")
    if person:
        try:
            person = parse_fin(person)
        except Invalid as problem:
            raise Fault(
                side,
                Kind.INVALID_HEADER,
                "Header Pencere-Person must be a FIN: seven characters."
                f" Example: Pencere-Person: {EXAMPLES['Pencere-Person']}",
            ) from problem
    user = user_of(values)
    acting = fin_of(user)
    given = frozenset((*found, "X-Road-UserId") if user else found)
    return Circumstances(
        found.get("Pencere-Purpose", ""),
        found.get("Pencere-Legal-Basis", ""),
        found.get("Pencere-Case", ""),
        person,
        user,
        actor_with(user, acting, person),
        _party(values.get(b"x-road-represented-party", b""), side),
        values.get(b"x-road-id", b"").decode("latin-1"),
        given,
        values.get(b"x-road-pdu-consent-reference", b"").decode("latin-1").strip(),
        _hiding(values, side),
        acting,
    )


def _said(headers: head.Headers) -> dict[bytes, bytes]:
    """Return the `Pencere-*` headers that say something; a repeated one as no value can be."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in PENCERE_HEADERS and value:
            found[lower] = found[lower] + b"\0" + value if lower in found else value
    return found


def question(
    consumer: str, target: ServiceTarget, method: str, facts: Circumstances, at: datetime
) -> Question:
    """Return what the rights are asked."""
    return Question(
        consumer, target, method, local_date(at), facts.purpose, facts.legal_basis, facts.given,
        facts.represented, facts.hiding is not None,
    )  # fmt: skip


def hidden_until(facts: Circumstances, terms: Agreement | None, now: datetime) -> datetime | None:
    """Return until when the access is kept from the person.

    Raises:
        Fault: longer than the agreement allows.
    """
    if facts.hiding is None or terms is None or terms.suppress is None:
        return None
    latest = now + timedelta(days=terms.suppress.days)
    until = facts.hiding.until or latest
    if until > latest:
        raise server_fault(
            Kind.SUPPRESSION_NOT_ALLOWED,
            f"agreement {terms.identifier} allows to hide an access for {terms.suppress.days} days",
        )
    return until


def request_row(  # noqa: PLR0913  # a row has many columns
    core: Core,
    *,
    side: str,
    statement: evidence.Statement,
    proof: evidence.Evidence,
    section: bytes,
    envelope: Envelope,
    consumer: str,
    target: ServiceTarget,
    method: str,
    endpoint: str,
    agreement: str,
    facts: Circumstances,
    recorded_at: datetime,
    until: datetime | None = None,
) -> RequestRow:
    """Return the row of a signed request; `section` is its evidence as it travels."""
    exchange = statement.exchange
    seal = core.sealer.seal
    has_person = bool(facts.person)
    return RequestRow(
        exchange=UUID(exchange),
        side=side,
        message_id=facts.message_id,
        node=core.config.node,
        peer=statement.receiver if side == "consumer" else statement.signer,
        consumer=consumer,
        provider=target.provider,
        service=target.service,
        method=method,
        endpoint=endpoint,
        agreement=agreement,
        purpose=facts.purpose,
        legal_basis=facts.legal_basis,
        case_number=facts.case_number,
        person_digest=core.sealer.person_digest(facts.person) if has_person else None,
        person_sealed=(
            seal(facts.person.encode(), exchange=exchange, part=f"{side} person")
            if has_person
            else None
        ),
        signed_at=evidence.parse_time(statement.time),
        recorded_at=recorded_at,
        head_digest=statement.head,
        body_digest=statement.body,
        body_bytes=len(envelope.body),
        certificate=bytes.fromhex(statement.certificate),
        signature=proof.signature,
        head_sealed=seal(envelope.head, exchange=exchange, part=f"{side} request head"),
        body_sealed=sealed_body(core, envelope.body, exchange, f"{side} request body"),
        represented=facts.represented,
        actor=facts.actor.value,
        actor_digest=(
            core.sealer.person_digest(facts.acting or facts.user) if facts.user else None
        ),
        hidden_until=until,
        hidden_reason_sealed=(
            seal(facts.hiding.reason.encode(), exchange=exchange, part=f"{side} hidden reason")
            if until is not None and facts.hiding is not None
            else None
        ),
        evidence=section,
    )


def sealed_body(core: Core, body: bytes | Body, exchange: str, part: str) -> bytes | None:
    """Seal a body that is small enough to be kept; of a larger one the log keeps the digest."""
    if not body:
        return None
    if len(body) > core.config.kept_body_bytes:
        core.bodies_not_kept += 1
        return None
    return core.sealer.seal(bytes(body), exchange=exchange, part=part)


def new_exchange() -> str:
    """Return the identifier of an exchange: `X-Road-Request-Id`."""
    # A random one of RFC 9562, version 4. Not uuid.uuid4, which costs three times as much.
    made = bytearray(os.urandom(16))
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return str(UUID(bytes(made)))


def _hiding(values: Mapping[bytes, bytes], side: Side) -> Hiding | None:
    if not any(name in values for name in HIDING_HEADERS):
        return None
    try:
        return read_hiding(values)
    except ValueError as problem:
        raise Fault(
            side,
            Kind.INVALID_HEADER,
            f"Headers X-Road-PDU-Hidden...: {problem}. Example: {HIDING_EXAMPLE}",
        ) from problem


def _party(value: bytes, side: Side) -> str:
    """Return on whose behalf the request is made, empty when on nobody's but the consumer's."""
    text = value.decode("latin-1").strip()
    if not text:
        return ""
    try:
        if len(text) <= _LONGEST_VALUE:
            return parse_party(text)
    except ValueError:
        pass
    # As X-Road: an identifier that cannot be read.
    raise Fault(
        side,
        Kind.INTERNAL_ERROR,
        "Header X-Road-Represented-Party must be a class and a code, percent-encoded."
        f" Example: X-Road-Represented-Party: {EXAMPLES['X-Road-Represented-Party']}",
    )


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_VALUE and text.isascii() and text.isprintable()
