"""The thread that orders a log. Any number may run beside each other; one of them works.

It holds a session lock of the database, so the lock ends with the connection it writes through:
whoever lost the one cannot use the other.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable

import psycopg

from pencere.kernel.clock import Clock, SystemClock
from pencere.ledger.appending import Appending, Inconsistent
from pencere.ledger.checkpoint import Signer
from pencere.ledger.store import Connection

log = logging.getLogger(__name__)

_LOCK = int.from_bytes(hashlib.sha256(b"pencere ledger sequencer").digest()[:8], "big", signed=True)

_LONGEST_PAUSE_S = 5.0
_STANDBY_PAUSE_S = 2.0
_LONGEST_UNSIGNED_S = 1.0


class Sequencer:
    """Orders the log of one database and signs it.

    `conninfo`: the daily user of the database. `origin`: the log's name, `pencere.az/<database>`.
    `time_stamp`: given a SHA-256 digest, returns an RFC 3161 token, within seconds or an error;
    the log goes on without it and asks again later.
    """

    def __init__(  # noqa: PLR0913 - settings of a thread, all but three with a default
        self,
        conninfo: str,
        origin: str,
        signer: Signer,
        *,
        time_stamp: Callable[[bytes], bytes] | None = None,
        clock: Clock | None = None,
        interval_s: float = 0.25,
        stamp_interval_s: float = 60.0,
        batch: int = 4096,
    ) -> None:
        self._conninfo = conninfo
        self._origin = origin
        self._signer = signer
        self._time_stamp = time_stamp
        self._clock = clock or SystemClock()
        self._interval_s = interval_s
        self._stamp_interval_s = stamp_interval_s
        self._batch = batch
        self._next_stamp = 0.0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: str | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(
            target=self._run, name=f"sequencer {self._origin}", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Let the step in hand end, then end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Look at once instead of at the end of the interval."""
        self._wake.set()

    @property
    def healthy(self) -> bool:
        """Say whether the thread runs and nothing keeps it from working."""
        return self._thread is not None and self._thread.is_alive() and self.failure is None

    def check(self) -> dict[str, object]:
        """Return the line of a health report: `{"name", "ok", "detail"}`."""
        detail = self.failure or ("in order" if self.healthy else "not running")
        return {"name": "ledger", "ok": self.healthy, "detail": detail}

    def _run(self) -> None:
        pause_s = self._interval_s
        while not self._stop.is_set():
            try:
                with _connect(self._conninfo) as link:
                    if _lock(link):
                        self._work(link)
                self.failure, pause_s = None, _STANDBY_PAUSE_S
            except Inconsistent as error:
                # Someone changed stored rows. Signing on would fork the log: a person must look.
                self.failure = error.code
                log.critical("ledger_inconsistent %s", error)
                return
            except Exception as error:
                self.failure = type(error).__name__
                log.warning("ledger_interrupted origin=%s error=%s", self._origin, self.failure)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._stop.wait(pause_s)

    def _work(self, link: Connection) -> None:
        steps = Appending(link, self._origin, self._signer, self._clock)
        log.info("ledger_sequencing origin=%s size=%s", self._origin, steps.size)
        self.failure, next_signing = None, 0.0
        while not self._stop.is_set():
            self._wake.clear()
            caught_up = steps.append(self._batch) < self._batch
            # Under load without end nobody waits longer than this for a signed head.
            if caught_up or time.monotonic() > next_signing:
                steps.sign()
                next_signing = time.monotonic() + _LONGEST_UNSIGNED_S
                self._stamp(steps)
            if caught_up:
                self._wake.wait(self._interval_s)

    def _stamp(self, steps: Appending) -> None:
        if self._time_stamp is None or time.monotonic() < self._next_stamp:
            return
        try:
            stamped = steps.stamp(self._time_stamp)
            pause_s = self._stamp_interval_s if stamped else self._interval_s * 4
            self._next_stamp = time.monotonic() + pause_s
        except psycopg.Error:
            raise
        except Exception as error:
            self._next_stamp = time.monotonic() + min(self._stamp_interval_s, 10.0)
            log.warning("ledger_not_stamped origin=%s error=%s", self._origin, type(error).__name__)


def _connect(conninfo: str) -> Connection:
    # With TCP keepalive a server that vanished is noticed within half a minute.
    return psycopg.connect(
        conninfo,
        autocommit=True,
        application_name="ledger-sequencer",
        connect_timeout=5,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )


def _lock(link: Connection) -> bool:
    row = link.execute("select pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    return row is not None and bool(row[0])
