"""OCSP answers as the service gives them: signed when asked with a nonce, ahead otherwise.

An answer without a nonce is signed once and given to whoever asks the same, until half of its
life is over; by then it has been signed anew if anyone asked for it. A revocation, suspension or
release drops it in the moment it is heard of and signs the next one at once. Where news of
changes is not proved to arrive (`memory`), nothing is given from memory.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid
from pencere.trust import ocsp
from pencere.trust.ocsp import Responder, Responders
from pencere.trust.ocsp_request import Question, RequestReader
from pencere.trust.server.memory import Found, StatusMemory

log = logging.getLogger(__name__)

# An HTTP cache may keep an answer for as long; whoever must know sooner sends a nonce or POST.
CACHED_FOR = timedelta(minutes=5)
_MOST_PRESIGNED = 20_000
_SIGNED_A_TURN = 20


class Presigned:
    """One answer that is given many times."""

    __slots__ = ("__dict__", "body", "is_asked", "is_kept", "made_at", "question", "responder")

    def __init__(
        self, body: bytes, question: Question, responder: Responder, made_at: datetime
    ) -> None:
        self.body = body
        self.question = question
        self.responder = responder
        self.made_at = made_at
        self.is_asked = False
        self.is_kept = False

    @cached_property
    def next_update(self) -> datetime:
        """When the answer ends."""
        return self.made_at.replace(microsecond=0) + ocsp.PRESIGNED_FOR

    @cached_property
    def given_until(self) -> datetime:
        """Until when it is given; by then the next one is there, if anyone asks."""
        return self.made_at + ocsp.PRESIGNED_FOR * 3 / 4

    @cached_property
    def etag(self) -> str:
        """An entity tag: the digest of the answer."""
        return f'"{sha256(self.body).hexdigest()}"'


# What is given back: the body, and where it was signed ahead, the answer it belongs to.
Respond = Callable[[bytes, Presigned | None], None]


class Answers:
    """Answers requests for status. Used on one event loop."""

    def __init__(self, responders: Responders, memory: StatusMemory, clock: Clock) -> None:
        self._responders = responders
        self._memory = memory
        self._clock = clock
        self._reader = RequestReader(responders.identities)
        self._presigned: dict[bytes, Presigned] = {}
        self._by_serial: dict[int, set[bytes]] = {}
        self._by_request: dict[bytes, Presigned] = {}
        self._due: deque[Presigned] = deque()
        self._is_due = asyncio.Event()
        memory.on_change = self._on_change

    def now(self, encoded: bytes) -> bytes | None:
        """Return the answer if nobody has to be waited for."""
        ready = self._by_request.get(encoded)
        if ready is not None and ready.is_kept and self._may_give(ready):
            return ready.body
        try:
            question = self._reader.read(encoded)
        except Invalid:
            return ocsp.MALFORMED
        responder = self._responders.find(question)
        if responder is None:
            return ocsp.UNAUTHORIZED
        if question.nonce is None:
            return self._signed_ahead(question, encoded)
        return self._signed_now(question, responder)

    def _signed_ahead(self, question: Question, encoded: bytes) -> bytes | None:
        ready = self._ready(question)
        if ready is None:
            return None
        if len(self._by_request) >= _MOST_PRESIGNED:
            self._by_request.clear()
        self._by_request[encoded] = ready
        return ready.body

    def _signed_now(self, question: Question, responder: Responder) -> bytes | None:
        if len(question.asked) == 1:
            wanted = [(responder.issuer_name, question.asked[0].serial)]
        else:
            wanted = ocsp.keys(question, responder)
        found = self._memory.look(wanted)
        if found is None or not responder.is_quick:
            return None
        try:
            return responder.answer(question, found, at=self._clock.now())
        except Exception:
            log.exception("ocsp_not_signed responder=%s", responder.issuer_name)
            return ocsp.TRY_LATER

    def ask(self, encoded: bytes, respond: Respond) -> None:
        """Answer, perhaps later."""
        try:
            question = self._reader.read(encoded)
        except Invalid:
            respond(ocsp.MALFORMED, None)
            return
        responder = self._responders.find(question)
        if responder is None:
            respond(ocsp.UNAUTHORIZED, None)
            return
        if (ready := self._ready(question)) is not None:
            respond(ready.body, ready)
            return
        wanted = ocsp.keys(question, responder)
        found = self._memory.look(wanted)
        if found is not None:
            self._give(question, responder, found, respond)
        else:
            self._memory.fetch(
                wanted, lambda result: self._give(question, responder, result, respond)
            )

    async def answer(self, encoded: bytes) -> tuple[bytes, Presigned | None]:
        """Answer, for those who can wait."""
        waiting: asyncio.Future[tuple[bytes, Presigned | None]] = (
            asyncio.get_running_loop().create_future()
        )

        def respond(body: bytes, presigned: Presigned | None) -> None:
            if not waiting.done():
                waiting.set_result((body, presigned))

        self.ask(encoded, respond)
        return await waiting

    @property
    def presigned_count(self) -> int:
        """How many answers are ready."""
        return len(self._presigned)

    def _ready(self, question: Question) -> Presigned | None:
        if question.nonce is not None or len(question.asked) != 1:
            return None
        ready = self._presigned.get(question.asked[0].encoded)
        return ready if ready is not None and self._may_give(ready) else None

    def _may_give(self, ready: Presigned) -> bool:
        if not self._memory.is_sure:
            return False
        if not ready.made_at <= self._clock.now() < ready.given_until:
            return False
        ready.is_asked = True
        return True

    def _give(
        self,
        question: Question,
        responder: Responder,
        found: Found | Exception,
        respond: Respond,
    ) -> None:
        if isinstance(found, Exception):  # no answer is better than a guess, RFC 6960 section 2.3
            respond(ocsp.TRY_LATER, None)
            return
        if responder.is_quick:
            try:
                made = self._sign(question, responder, found)
            except Exception:
                log.exception("ocsp_not_signed responder=%s", responder.issuer_name)
                respond(ocsp.TRY_LATER, None)
                return
            respond(made.body, self._keep(made, found))
            return
        # A hardware module may take its time; nobody else waits for it.
        wanted = ocsp.keys(question, responder)
        known = {key: found[key] for key in wanted if key in found}
        signing = asyncio.get_running_loop().run_in_executor(
            None, self._sign, question, responder, known
        )

        def signed(future: asyncio.Future[Presigned]) -> None:
            if future.cancelled() or future.exception() is not None:
                log.error("ocsp_not_signed responder=%s", responder.issuer_name)
                respond(ocsp.TRY_LATER, None)
            else:
                respond(future.result().body, self._keep(future.result(), known))

        signing.add_done_callback(signed)

    def _sign(self, question: Question, responder: Responder, found: Found) -> Presigned:
        at = self._clock.now()
        is_single = question.nonce is None and len(question.asked) == 1
        valid_for = ocsp.PRESIGNED_FOR if is_single else ocsp.VALID_FOR
        body = responder.answer(question, found, at=at, valid_for=valid_for)
        return Presigned(body, question, responder, at)

    def _keep(self, made: Presigned, found: Found) -> Presigned | None:
        """Keep an answer that still says what the memory knows, and return it."""
        question = made.question
        if question.nonce is not None or len(question.asked) != 1:
            return None
        (key,) = ocsp.keys(question, made.responder)
        known = self._memory.look([key])
        if known is None or known.get(key) != found.get(key):
            return None
        while len(self._presigned) >= _MOST_PRESIGNED:
            self._drop(next(iter(self._presigned)))
        one = question.asked[0]
        self._drop(one.encoded)
        self._presigned[one.encoded] = made
        made.is_kept = True
        self._by_serial.setdefault(one.serial, set()).add(one.encoded)
        return made

    def _drop(self, encoded: bytes) -> Presigned | None:
        dropped = self._presigned.pop(encoded, None)
        if dropped is not None:
            dropped.is_kept = False
            serial = dropped.question.asked[0].serial
            kept = self._by_serial[serial]
            kept.discard(encoded)
            if not kept:
                del self._by_serial[serial]
        return dropped

    def _on_change(self, serials: list[int] | None) -> None:
        if serials is None:
            gone = list(self._presigned)
        else:
            gone = [one for serial in serials for one in self._by_serial.get(serial, ())]
        for encoded in gone:
            dropped = self._drop(encoded)
            if dropped is not None:
                self._due.append(dropped)
        if self._due:
            self._is_due.set()

    async def keep_signed(self) -> None:
        """Sign anew what was dropped by news, and what grows old and is asked for."""
        while True:
            await self._sign_due()
            self._is_due.clear()
            try:
                async with asyncio.timeout(5):
                    await self._is_due.wait()
            except TimeoutError:
                self._collect_old()

    def _collect_old(self) -> None:
        at = self._clock.now()
        for encoded, one in list(self._presigned.items()):
            if not one.made_at <= at < one.made_at + ocsp.PRESIGNED_FOR / 2:
                if one.is_asked:
                    self._due.append(one)
                else:
                    self._drop(encoded)

    async def _sign_due(self) -> None:
        while self._due:
            for _ in range(min(_SIGNED_A_TURN, len(self._due))):
                old = self._due.popleft()
                wanted = ocsp.keys(old.question, old.responder)
                found = self._memory.look(wanted)

                def give(result: Found | Exception, old: Presigned = old) -> None:
                    self._give(old.question, old.responder, result, lambda _body, _made: None)

                if found is not None:
                    give(found)
                else:
                    self._memory.fetch(wanted, give)
            await asyncio.sleep(0)  # callers first
