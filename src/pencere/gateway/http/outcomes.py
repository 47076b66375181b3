"""Where requests go, and what came of them."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pencere.gateway.wire.head import Headers
from pencere.kernel.http.body import Body
from pencere.kernel.http.spool import Span, Spools

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)


class Trouble(Enum):
    """Why there is no answer."""

    UNKNOWN_HOST = "the name of the host is not known"
    REFUSED = "nothing accepts connections there"
    WRONG_PEER = "another certificate answered than the one that is believed"
    LOST = "the connection ended before the answer was complete"
    TIMEOUT = "no answer came in time"
    PROTOCOL = "the answer is not HTTP/1.1"
    TOO_LARGE = "the answer is larger than this node takes"
    STOPPING = "the node is stopping"
    BUSY = "the node takes no more at a time"
    NO_ROOM = "this node has no room on its disk for the answer"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. A large body is a `Body` where the endpoint has spools."""

    status: int
    reason: str
    headers: Headers
    body: bytes | Body

    @property
    def small_body(self) -> bytes:
        """The body where none is taken that does not fit into memory."""
        if not isinstance(self.body, bytes):
            raise TypeError("a large body came where none is taken")
        return self.body


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer.

    `is_unseen`: a kept connection ended before the other end can have acted. `is_reset`: it was
    cut, not ended.
    """

    trouble: Trouble
    detail: str = ""
    is_unseen: bool = False
    is_reset: bool = False

    @property
    def is_unsent(self) -> bool:
        """Whether certainly nothing was done with the request."""
        return self.trouble in _BEFORE


_BEFORE = frozenset(
    {
        Trouble.UNKNOWN_HOST,
        Trouble.REFUSED,
        Trouble.WRONG_PEER,
        Trouble.STOPPING,
        Trouble.BUSY,
    }
)
Done = Callable[[Reply | Failure], None]


class Waiting:
    """Somebody who waits for an outcome, and is told once."""

    __slots__ = ("done", "timer")

    def __init__(self, done: Done) -> None:
        self.done: Done | None = done
        self.timer: asyncio.TimerHandle | None = None

    def finish(self, outcome: Reply | Failure) -> None:
        """Tell, once. One caller's mistake must not stop the others' answers."""
        done, self.done = self.done, None
        if done is None:
            return
        if self.timer is not None:
            self.timer.cancel()
        try:
            done(outcome)
        except Exception:
            log.exception("answer_callback_failed")


# Says whether the TLS peer is the one meant.
IsPeer = Callable[[ssl.SSLObject], bool]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a pool connects to, and how."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    is_peer: IsPeer | None = None
    connect_s: float = 5.0
    idle_s: float = 4.0
    max_connections: int = 256
    max_body_bytes: int = 16 * 1024 * 1024
    max_head_bytes: int = 128 * 1024
    # Where answers go that are larger than `stream_bytes`, and of which part the digest is made.
    spools: Spools | None = None
    span: Span | None = None
    stream_bytes: int = 1024 * 1024
