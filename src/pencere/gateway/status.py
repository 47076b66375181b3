"""Whether the certificates of nodes were revoked: asked of the centre, in the background.

The directory lists what the state register revoked; this is the other way, by which a revocation
at the centre reaches a node within minutes and without anybody's help. Answers are kept; when
the responder is away the last answer counts, for as long as a setting allows.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509

from pencere.gateway.directory.model import Directory
from pencere.gateway.directory.source import DirectorySource
from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError, Refused

log = logging.getLogger(__name__)
_LOOK_S = 5.0

# Returns when the certificate is good; Refused: it was revoked or is unknown to its issuer;
# Unavailable: nobody could say. May block.
CheckStatus = Callable[[x509.Certificate], None]


@dataclass
class _Known:
    good_at: datetime | None = None
    asked_at: datetime | None = None
    is_refused: bool = False


@dataclass
class StatusWatch:
    """Asks about every certificate of the directory.

    `every`: how old an answer may become before it is asked for again. `limit`: how long a
    certificate counts as good without an answer, from the first question on; None: for as long
    as it takes.
    """

    directory: DirectorySource
    clock: Clock
    check: CheckStatus
    every: timedelta = timedelta(minutes=5)
    limit: timedelta | None = None
    trouble: str = ""
    _known: dict[str, _Known] = field(default_factory=dict)
    _began: datetime | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Ask about what was not asked about lately; have the directory without what is refused."""
        directory, now = self.directory.newest, self.clock.now()
        if directory is None:
            return
        self._began = self._began or now
        certificates = certificates_of(directory)
        self._known = {one: self._known.get(one, _Known()) for one in certificates}
        for fingerprint, known in self._known.items():
            if known.asked_at is not None and abs(now - known.asked_at) < self.every:
                continue
            self.trouble = await self._ask(certificates[fingerprint], known, now)
            if self.trouble:
                break  # nobody answers; asked again with the next look
        self.directory.distrust(
            {one for one, known in self._known.items() if known.is_refused or self._is_stale(known)}
        )

    async def _ask(self, certificate: x509.Certificate, known: _Known, now: datetime) -> str:
        try:
            await asyncio.to_thread(self.check, certificate)
        except Refused as problem:
            known.asked_at, known.is_refused = now, True
            log.error(  # noqa: TRY400  # the refusal says it all
                "peer_certificate_refused serial=%x code=%s",
                certificate.serial_number,
                problem.code,
            )
            return ""
        except PencereError as problem:
            return str(problem)
        known.asked_at = known.good_at = now
        known.is_refused = False
        return ""

    def _is_stale(self, known: _Known) -> bool:
        since = known.good_at or self._began
        return (
            self.limit is not None and since is not None and self.clock.now() - since > self.limit
        )


def certificates_of(directory: Directory) -> dict[str, x509.Certificate]:
    """Return every node's certificates by SHA-256."""
    return {
        fingerprint: certificate
        for node in directory.nodes.values()
        for fingerprint, certificate in node.certificates.items()
    }
