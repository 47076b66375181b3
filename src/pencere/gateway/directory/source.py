"""The directory as it is now: cached, refreshed, never rolled back, refused when expired.

It comes from the file the state register writes and from its address; the newest version that
was ever accepted is kept on disk, so a node that starts alone knows what it knew, and an older
one cannot come back through either way.
"""

import logging
import os
from collections.abc import Callable, Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any

from pencere.gateway.directory.model import Directory, build
from pencere.gateway.wire.faults import Kind, client_fault, server_fault
from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError

log = logging.getLogger(__name__)
OnChange = Callable[[Directory], None]
Verifier = Callable[[str, datetime], Mapping[str, Any]]


class DirectorySource:
    """Holds the newest directory that was offered and proved genuine."""

    def __init__(
        self, *, verify: Verifier, clock: Clock, file: Path, cache: Path, on_change: OnChange
    ) -> None:
        self._verify = verify
        self._clock = clock
        self._file = file
        self._cache = cache
        self._on_change = on_change
        self._stamp = (0, 0)
        self._jws = ""
        self._directory: Directory | None = None
        self._payload: Mapping[str, Any] = {}
        self._distrusted: frozenset[str] = frozenset()
        self.accepted_at: datetime | None = None
        self.trouble = "no directory yet"

    @property
    def newest(self) -> Directory | None:
        """The newest directory, expired or not."""
        return self._directory

    @property
    def jws(self) -> str:
        """The newest directory as it was signed."""
        return self._jws

    def load(self) -> None:
        """Read what is on disk."""
        for path in (self._cache, self._file):
            self._offer_file(path)
        self._stamp = _stat(self._file)

    def refresh_from_file(self) -> None:
        """Read the state register's file again if it changed."""
        stamp = _stat(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            self._offer_file(self._file)

    def for_client(self) -> Directory:
        """Return the directory in force, or refuse the caller."""
        directory = self._directory
        if directory is None or directory.expires_at <= self._clock.now():
            raise client_fault(Kind.GLOBAL_CONF_OUTDATED, self._outdated())
        return directory

    def for_peer(self) -> Directory:
        """Return the directory in force, or refuse the other node."""
        directory = self._directory
        if directory is None or directory.expires_at <= self._clock.now():
            raise server_fault(Kind.GLOBAL_CONF_OUTDATED, self._outdated())
        return directory

    def offer(self, jws: str) -> bool:
        """Take a directory if it is genuine, unexpired and newer; say whether it was taken."""
        if jws == self._jws:
            return False
        now = self._clock.now()
        try:
            payload = self._verify(jws, now)
            directory = self._build(payload)
        except (PencereError, ValueError) as problem:
            self.trouble = f"a directory was refused: {problem}"
            log.warning("directory_refused reason=%s", problem)
            return False
        known = self._directory
        if known is not None and directory.version <= known.version:
            self.trouble = f"version {directory.version} was offered after {known.version}"
            log.warning(
                "directory_rolled_back offered=%s known=%s", directory.version, known.version
            )
            return False
        self._jws, self._payload = jws, payload
        self._directory, self.accepted_at = directory, now
        is_expired = directory.expires_at <= now
        self.trouble = ""
        log.info("directory_accepted version=%s expired=%s", directory.version, is_expired)
        self._on_change(directory)
        return True

    def distrust(self, fingerprints: Set[str]) -> None:
        """Do without these certificates, whatever a directory says, until told otherwise."""
        if fingerprints == self._distrusted:
            return
        self._distrusted = frozenset(fingerprints)
        if self._directory is not None:
            self._directory = self._build(self._payload)
            log.warning("directory_without certificates=%s", len(fingerprints))
            self._on_change(self._directory)

    def _build(self, payload: Mapping[str, Any]) -> Directory:
        if not self._distrusted:
            return build(payload)
        return build({**payload, "revoked": [*payload.get("revoked", ()), *self._distrusted]})

    def _offer_file(self, path: Path) -> None:
        try:
            jws = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return
        if self.offer(jws) and path != self._cache:
            self.keep()

    def keep(self) -> None:
        """Write the newest directory to the cache, whole or not at all."""
        temporary = self._cache.with_name(f".{self._cache.name}.{os.getpid()}")
        try:
            with temporary.open("w", encoding="ascii") as file:
                file.write(self._jws)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._cache)
        except OSError as problem:
            log.warning("directory_not_cached reason=%s", problem)

    def _outdated(self) -> str:
        if self._directory is None:
            return "the node has no directory yet"
        return (
            f"the directory (version {self._directory.version}) expired at"
            f" {self._directory.expires_at:%Y-%m-%dT%H:%M:%SZ} and no newer one was received"
        )


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
