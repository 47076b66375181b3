"""A node renews its key and certificate by itself, long before they end.

The steps, each of which may be taken again after a stop:
1. a third of the life is left: a new key is made beside the old, and certified by the centre;
2. the state register is told of the new certificate, which enters the directory beside the old;
3. once the directory has named it for so long that every other node has that directory, the
   node signs and shows the new one;
4. when nothing that was signed with the old key can still be on its way, the register is asked
   to let the old certificate go.
No restart, no dropped request: see `keys`. Beside that the register is told the key of the node's
ledger, so that nobody need believe the node about it. docs/specs/joining.md.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from pencere.gateway.directory.model import NodeEntry
from pencere.gateway.exchange.core import Core
from pencere.gateway.keys import KeyPair
from pencere.kernel.errors import PencereError

log = logging.getLogger(__name__)
_LOOK_S = 30.0


class KeyBox(Protocol):
    """Where a node's keys lie, and whom it asks about them. Calls may block; each is repeatable."""

    def following(self) -> KeyPair | None:
        """Return the key that is to be used next and has its certificate, if there is one."""

    def prepare(self) -> KeyPair:
        """Make the next key and have the centre certify it."""

    def announce(self, pair: KeyPair) -> None:
        """Tell the state register of the next certificate."""

    def adopt(self, pair: KeyPair) -> None:
        """Start with this key from now on."""

    def retire(self, fingerprint: str) -> None:
        """Ask the state register to let a certificate go."""

    def report_traffic(self, first: date, last: date, counts: list[dict[str, Any]]) -> None:
        """Tell the state register what was asked in these days."""

    def name_ledger(self, origin: str, key: bytes) -> None:
        """Tell the state register how this node's ledger is called and its key (SPKI, DER)."""


@dataclass
class Renewer:
    """Takes the next step when it is time.

    `settle`: how long the directory names a certificate before it is used; others ask for the
    directory once a minute. `overlap`: how long the old certificate stays after that.
    """

    core: Core
    box: KeyBox
    settle: timedelta = timedelta(minutes=5)
    overlap: timedelta = timedelta(minutes=30)
    every_s: float = _LOOK_S
    trouble: str = ""
    _ledger_told: datetime | None = None
    _named: tuple[str, datetime] | None = None
    _retiring: dict[str, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Take the step that is due; what fails is tried again with the next look."""
        try:
            await self._step()
            self.trouble = ""
        except (PencereError, OSError, ValueError) as problem:
            self.trouble = str(problem) or type(problem).__name__
            log.warning("renewal_failed reason=%s", self.trouble)

    async def _step(self) -> None:
        current, now = self.core.keys.current, self.core.now()
        following = await asyncio.to_thread(self.box.following)
        if following is not None and following.fingerprint != current.fingerprint:
            if self._is_named(following):
                if self._has_settled(following.fingerprint, now):
                    await self._switch(following)
            else:
                self._named = None
                await asyncio.to_thread(self.box.announce, following)
        elif is_due(current, now):
            made = await asyncio.to_thread(self.box.prepare)
            log.info("renewal_prepared certificate=%s", made.fingerprint[:16])
            await asyncio.to_thread(self.box.announce, made)
        await self._retire(now)
        await self._name_ledger(now)

    async def _name_ledger(self, now: datetime) -> None:
        config, entry = self.core.config, self._entry()
        if config.ledger_key is None or entry is None or self.core.fingerprint not in entry.signing:
            return
        key = load_pem_public_key(config.ledger_key.read_bytes())
        own = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if entry.ledger == (config.ledger_origin, own) or (
            self._ledger_told is not None and now - self._ledger_told < self.settle
        ):
            return
        await asyncio.to_thread(self.box.name_ledger, config.ledger_origin, own)
        self._ledger_told = now

    def _has_settled(self, fingerprint: str, now: datetime) -> bool:
        if self._named is None or self._named[0] != fingerprint:
            self._named = (fingerprint, now)
        return now - self._named[1] >= self.settle

    async def _switch(self, pair: KeyPair) -> None:
        core = self.core
        await asyncio.to_thread(self.box.adopt, pair)
        core.keys.change(pair)
        core.peers.reopen()

    async def _retire(self, now: datetime) -> None:
        entry = self._entry()
        current = self.core.keys.current.fingerprint
        if entry is None or current not in entry.signing or current not in entry.tls:
            return
        # A certificate that is named, and is not in use, was; the next one is newer than ours.
        following = await asyncio.to_thread(self.box.following)
        kept = {current, following.fingerprint if following else current}
        for fingerprint in (entry.tls | set(entry.signing)) - kept:
            since = self._retiring.setdefault(fingerprint, now)
            if now - since >= self.overlap:
                await asyncio.to_thread(self.box.retire, fingerprint)
                del self._retiring[fingerprint]

    def _is_named(self, pair: KeyPair) -> bool:
        entry = self._entry()
        return (
            entry is not None
            and pair.fingerprint in entry.signing
            and pair.fingerprint in entry.tls
        )

    def _entry(self) -> NodeEntry | None:
        directory = self.core.directory.newest
        return directory.nodes.get(self.core.config.node) if directory is not None else None


def is_due(pair: KeyPair, now: datetime) -> bool:
    """Say whether a third of the certificate's life, or less, is left."""
    begins, ends = pair.certificate.not_valid_before_utc, pair.certificate.not_valid_after_utc
    return ends - now <= (ends - begins) / 3
