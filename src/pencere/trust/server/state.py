"""What all routes share: connections, keys, the time, and a way to wait for news."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from cryptography import x509
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Unavailable
from pencere.trust import crl
from pencere.trust.ocsp import Responder, Responders
from pencere.trust.profile import AUTHORITIES, ISSUING
from pencere.trust.remote.wrapping import KEY_NAME, WrappingKey
from pencere.trust.server.answers import Answers
from pencere.trust.server.config import TrustConfig
from pencere.trust.server.memory import StatusMemory
from pencere.trust.sessions import CHANNEL
from pencere.trust.signers import Signer
from pencere.trust.steady_clock import DatabaseClock, KernelClock, SteadyClock, since_boot
from pencere.trust.store import Connection, only_row
from pencere.trust.timestamps import TimeStampUnit
from pencere.trust.trusted_list_publishing import Publisher

log = logging.getLogger(__name__)
T = TypeVar("T")

# Even without a notice: time alone ends a session, and a notice may be lost.
LOOKED_EVERY_S = 2.0


class Metrics:
    """Figures of one process in the Prometheus form."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "pencere_trust_answers",
            "Answers by route and status",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "pencere_trust_answer_seconds",
            "Time to an answer, long polls left out",
            ["route"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
        )
        self.list_seconds = Gauge(
            "pencere_trust_crl_seconds_left",
            "Time until the next list must be there",
            ["issuer", "scope"],
            registry=self.registry,
        )


class News:
    """Wakes those who wait for a session or a phone, across all copies of the service.

    What is heard is only a reason to look again: a notice that is lost costs two seconds, since
    waiters look that often by themselves.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._waiters: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.is_listening = False

    async def listen(self) -> None:
        """Listen until cancelled, over a new connection whenever one is lost."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True
                ) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self.is_listening = True
                    async for notice in connection.notifies():
                        for event in self._waiters.get(notice.payload, ()):
                            event.set()
            except psycopg.Error as error:
                log.warning("news_interrupted error=%s", type(error).__name__)
            self.is_listening = False
            await asyncio.sleep(1)

    @contextmanager
    def about(self, subject: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when there is news; take it before looking."""
        event = asyncio.Event()
        self._waiters[subject].add(event)
        try:
            yield event
        finally:
            self._waiters[subject].discard(event)
            if not self._waiters[subject]:
                del self._waiters[subject]


class State:
    """The service's state, made when the application starts."""

    def __init__(self, config: TrustConfig) -> None:
        self.config = config
        self.clock = config.clock
        self.authority = config.issuance.authority
        self.pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            config.issuance.conninfo,
            min_size=1,
            max_size=config.most_connections,
            timeout=5,
            max_idle=30,  # each costs the server 15 MiB, and a busy minute is soon over
            open=False,
        )
        self.metrics = Metrics()
        self.news = News(config.issuance.conninfo)
        keys = config.keystore
        self.certificates = {
            name: keys.certificates(name)[0] for name in (*AUTHORITIES, "tsa", "directory")
        }
        self.responders = Responders(
            [
                Responder(name, self.certificates[name], keys.signer(f"ocsp-{name}"))
                for name in AUTHORITIES
            ]
        )
        self.lists = [
            crl.Lists(name, keys.signer(name), base_url=config.issuance.base_url)
            for name in ISSUING
        ]
        self.ledger: Callable[[], dict[str, object]] | None = None
        self._seals: dict[str, Signer] = {}
        # None in a centre that was founded before there were remote keys of people.
        self.wrapping = WrappingKey(keys.signer(KEY_NAME)) if keys.has_key(KEY_NAME) else None
        self.memory = StatusMemory(config.issuance.conninfo)
        self.answers = Answers(self.responders, self.memory, config.clock)
        # Only the machine's own clock can be held against its counter and other clocks.
        is_real = isinstance(config.clock, SystemClock)
        self.steady_clock = SteadyClock(
            config.clock,
            None,
            counter=since_boot if is_real else None,
            references=[
                KernelClock(must_be_synchronised=config.must_be_synchronised),
                DatabaseClock(self._database_time),
            ]
            if is_real
            else [],
        )
        self.time_stamps = TimeStampUnit(
            keys.signer("tsa"), self.authority.tsa_policy, self.steady_clock
        )
        self.trusted_list = self._publisher()
        self.trusted_list_at: datetime | None = None

    def services(self) -> dict[str, x509.Certificate]:
        """Return the certificates of the services that a trusted list may tell of."""
        keys, kinds = self.config.keystore, self.config.scheme.kinds if self.config.scheme else ()
        return {name: keys.certificates(name)[0] for name in kinds if keys.has(name)}

    def _publisher(self) -> Publisher | None:
        config = self.config
        # Without the key: a centre that was founded before there was a list.
        if config.scheme is None or not config.keystore.has("trusted-list"):
            return None
        signer = config.keystore.signer("trusted-list")
        return Publisher(config.scheme, signer, f"{config.issuance.base_url}/tsl.xml", config.pki)

    def _database_time(self) -> datetime:
        with self.pool.connection(timeout=2) as connection:
            found: datetime = only_row(connection, "select clock_timestamp()")[0]
            return found

    def seal(self, key_name: str) -> Signer:
        """Open the key of a seal; it stays open."""
        if key_name not in self._seals:
            self._seals[key_name] = self.config.keystore.signer(key_name)
        return self._seals[key_name]

    def remote(self) -> WrappingKey:
        """Return what remote keys of people are wrapped with; Unavailable without one."""
        if self.wrapping is None:
            raise Unavailable("remote.unavailable")
        return self.wrapping

    async def database(self, work: Callable[[Connection], T]) -> T:
        """Run `work` with a connection, in a thread; its transaction ends with it."""

        def run() -> T:
            with self.pool.connection() as connection:
                return work(connection)

        return await run_in_threadpool(run)

    async def wait_for(
        self, subject: str, look: Callable[[Connection], T | None], *, timeout_s: float
    ) -> T | None:
        """Look until there is something to see or the time is over."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        with self.news.about(subject) as event:
            while True:
                seen = await self.database(look)
                left = deadline - asyncio.get_running_loop().time()
                if seen is not None or left <= 0:
                    return seen
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, LOOKED_EVERY_S)):
                        await event.wait()
                event.clear()


def state_of(request: Request) -> State:
    """Return the state of the application that a request came to."""
    state: State = request.app.state.trust
    return state


@asynccontextmanager
async def listening(state: State) -> AsyncIterator[None]:
    """Keep the news coming, and the answers signed, while the application runs."""
    tasks = [
        asyncio.create_task(work)
        for work in (state.news.listen(), state.memory.listen(), state.answers.keep_signed())
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await state.memory.close()
