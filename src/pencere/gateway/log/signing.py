"""Signing in batches: one signature of the node over the Merkle root of many statements.

Who closes a batch decides how large it is: the log closes one with each commit; what is never
logged (a refusal) waits until the end of the loop's turn.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from pencere.gateway.config import NodeSigner
from pencere.gateway.keys import NodeKeys
from pencere.gateway.wire import evidence
from pencere.gateway.wire.evidence import Evidence, Statement
from pencere.kernel.clock import Clock

log = logging.getLogger(__name__)

Signed = tuple[Statement, Evidence]
# None: the key cannot be used, as when its module is away.
OnSigned = Callable[[Signed | None], None]


class BatchSigner:
    """Signs as one node with the key that is in use; `limit` 1 signs each message by itself."""

    def __init__(self, keys: NodeKeys, clock: Clock, *, limit: int = 256) -> None:
        if not 1 <= limit <= evidence.LARGEST_BATCH:
            raise ValueError("a batch holds from 1 to 65536 statements")
        self._keys = keys
        self._clock = clock
        self._limit = limit
        self._waiting: list[tuple[Statement, OnSigned]] = []
        self.trouble = ""
        self.batches = 0
        self.statements = 0

    def sign(self, drafts: Sequence[Statement]) -> list[Signed] | None:
        """Sign drafts now; None when the key cannot be used, which never raises.

        A key may be in a module or at the end of a network: whatever it raises means the same.
        """
        signed: list[Signed] = []
        pair = self._keys.current
        time = evidence.format_time(self._clock.now())
        try:
            for first in range(0, len(drafts), self._limit):
                part = drafts[first : first + self._limit]
                signed += self._sign(part, pair.signer, pair.fingerprint, time)
        except Exception as problem:
            if not self.trouble:
                log.exception("signing_failed")
            self.trouble = f"{type(problem).__name__}: the node cannot sign"
            return None
        self.trouble = ""
        return signed

    def soon(self, draft: Statement, done: OnSigned) -> None:
        """Sign what is not logged with whatever else comes in this turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._close)
        self._waiting.append((draft, done))

    def _close(self) -> None:
        waiting, self._waiting = self._waiting, []
        signed = self.sign([draft for draft, _ in waiting])
        for at, (_, done) in enumerate(waiting):
            try:
                done(signed[at] if signed is not None else None)
            except Exception:
                log.exception("signed_callback_failed")

    def _sign(
        self, drafts: Sequence[Statement], signer: NodeSigner, certificate: str, time: str
    ) -> list[Signed]:
        signed = evidence.sign(drafts, signer, certificate, time)
        self.batches += 1
        self.statements += len(drafts)
        return signed
