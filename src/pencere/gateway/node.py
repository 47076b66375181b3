"""One running node: its two listeners, its log, and what it does from time to time."""

import asyncio
import gc
import logging
import signal
import ssl
from datetime import datetime

import uvloop

from pencere.gateway import clients, front
from pencere.gateway.config import NodeConfig
from pencere.gateway.delivery.dispatch import Dispatcher
from pencere.gateway.delivery.fanout import FanOut
from pencere.gateway.delivery.pushing import Pusher
from pencere.gateway.directory.model import Directory
from pencere.gateway.directory.source import DirectorySource
from pencere.gateway.events.arrivals import Arrivals
from pencere.gateway.events.series import EventSeries
from pencere.gateway.exchange import provider
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.peers import Peers, peer_fingerprint, server_tls
from pencere.gateway.exchange.peers import link_limits as frame_limits
from pencere.gateway.exchange.refusals import answer_fault, unsigned_fault
from pencere.gateway.exchange.shares import Shares
from pencere.gateway.exchange.upstreams import Upstreams
from pencere.gateway.fetching import DirectoryFetcher
from pencere.gateway.gauges import gauges
from pencere.gateway.health import Witnesses
from pencere.gateway.http.spool_cipher import SpoolCipher
from pencere.gateway.keys import NodeKeys
from pencere.gateway.link.server import LinkServer
from pencere.gateway.listening import ClientConnection, link_limits, small
from pencere.gateway.log import recovery
from pencere.gateway.log.database import GONE
from pencere.gateway.log.identity import Identity
from pencere.gateway.log.quotas import QuotaCounter
from pencere.gateway.log.refusals import RefusalLog
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.log.signing import BatchSigner
from pencere.gateway.log.stamps import Stamper
from pencere.gateway.log.usage import UsageReader
from pencere.gateway.log.writer import LogWriter
from pencere.gateway.messages.inbox import Inbox
from pencere.gateway.messages.pool import DatabasePool
from pencere.gateway.messages.store import MessageStore
from pencere.gateway.metrics import Metrics
from pencere.gateway.monitoring import MonitoringPages
from pencere.gateway.node_file import NodeFileSource
from pencere.gateway.observe.clocks import Clocks
from pencere.gateway.observe.observer import Observer
from pencere.gateway.proof.desk import EvidenceDesk
from pencere.gateway.proof.kept import Keeper
from pencere.gateway.renewal import KeyBox, Renewer
from pencere.gateway.status import StatusWatch
from pencere.gateway.traffic_report import TrafficReport
from pencere.gateway.wire.faults import Kind, client_fault, server_fault
from pencere.gateway.wire.head import Headers
from pencere.gateway.working import keep
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import HttpServer, Respond
from pencere.kernel.http.spool import Spools

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_REFUSALS = {
    408: Kind.TOO_SLOW,
    413: Kind.MESSAGE_TOO_LARGE,
    431: Kind.HEAD_TOO_LARGE,
    500: Kind.NODE_ERROR,
    503: Kind.OVERLOADED,
}


class Node:
    """A node of the gateway. Make it inside a running loop."""

    def __init__(self, config: NodeConfig, box: KeyBox | None = None) -> None:
        self.config = config
        self._sealer = Sealer(config.secret, *config.older_secrets)
        spools = Spools(
            config.spool_folder or config.directory_cache.with_suffix(".spool"),
            SpoolCipher,
            limit=config.spool_bytes,
            free=config.disk_free_bytes,
        )
        peers = Peers(config, spools)
        directory = DirectorySource(
            verify=config.verify_directory,
            clock=config.clock,
            file=config.directory_file,
            cache=config.directory_cache,
            on_change=self._on_directory,
        )
        self.identity = Identity(config.database_url, config.node)
        metrics, loop = Metrics(), asyncio.get_running_loop()
        keys = NodeKeys.of(config)
        self.keeper = Keeper.of(config, directory)
        signer = BatchSigner(keys, config.clock, limit=config.signing_batch)
        pool = DatabasePool(config.database_url)
        self.core = Core(
            pool=pool,
            messages=MessageStore(pool, self._sealer, config.node),
            inbox=Inbox(pool, self._sealer),
            series=EventSeries(pool, self._sealer, keys, config.node),
            arrivals=Arrivals(pool, self._sealer, config.node),
            config=config,
            directory=directory,
            node_file=NodeFileSource(config.node_file),
            log=LogWriter(config.database_url, signer, on_commit=metrics.committed),
            signer=signer,
            sealer=self._sealer,
            peers=peers,
            spools=spools,
            upstreams=Upstreams(config.limits, keys, spools),
            metrics=metrics,
            keys=keys,
            observer=Observer(config, metrics, loop),
            clocks=Clocks(config.clock_window),
            shares=Shares(config.share),
            loop=loop,
            quotas=QuotaCounter(config.database_url),
            refusals=RefusalLog(config.database_url),
            desk=EvidenceDesk(config, keys, self._sealer, self.keeper),
        )
        self.dispatcher = Dispatcher(self.core)
        self._fan_out, self._pusher = FanOut(self.core), Pusher(self.core)
        self.usage = UsageReader(config.database_url, self._sealer)
        self.stamper = (
            Stamper(
                database_url=config.database_url,
                tsa_url=config.tsa_url,
                clock=config.clock,
                verify=config.verify_token,
                every_s=config.stamp_every_s,
                failure_limit=config.stamp_failure_limit,
                anchors=config.tls_anchors,
            )
            if config.tsa_url
            else None
        )
        self._front = front.Front(
            self.core, self._witnesses, MonitoringPages(self.core), self._metrics
        )
        self.status = (
            StatusWatch(
                directory,
                config.clock,
                config.check_status,
                every=config.revocation_every,
                limit=config.revocation_limit,
            )
            if config.check_status is not None
            else None
        )
        self.fetcher = (
            DirectoryFetcher(self.core, config.directory_url)
            if config.directory_url is not None
            else None
        )
        self.renewer = Renewer(self.core, box) if box is not None else None
        self.traffic = (
            TrafficReport(self.core, box, config.traffic_every_s)
            if box is not None and config.traffic_every_s is not None
            else None
        )
        self._clients = HttpServer(self._on_client, self._refuse_client, config.limits)
        self._tls_clients = HttpServer(
            self._on_client, self._refuse_client, config.limits, clients.peer_of
        )
        self._link = LinkServer(
            self._on_peer,
            self._refuse_peer,
            link_limits(config.limits),
            self._admit_peer,
            frame_limits(config),
        )
        for server in (self._clients, self._tls_clients, self._link):
            server.spools = spools
        self._clients.connection = self._tls_clients.connection = ClientConnection
        self._tasks: list[asyncio.Task[None]] = []
        self.client_address = self.client_tls_address = ("", 0)
        self.link_address = ("", 0)

    async def start(self) -> None:
        """Start; a missing directory or database makes the node unhealthy, not absent."""
        core, config = self.core, self.config
        core.spools.clean()
        core.directory.load()
        started = core.now()
        await self.identity.look()
        core.not_alone = self.identity.refusal
        await core.log.start()
        core.observer.start()
        tls = server_tls(config)
        core.keys.watch(tls, core.peers.tls, core.peers.plain_tls)
        self.link_address = await self._link.start(config.link_host, config.link_port, tls)
        self.client_address = await self._clients.start(config.client_host, config.client_port)
        if config.client_tls_port is not None:
            await self._listen_to_tls_clients(config.client_tls_port)
        make = core.loop.create_task
        self._tasks = [
            make(keep(core, self._look)),
            make(self._recover(started)),
        ]
        workers = (
            self.fetcher,
            self.identity,
            self.stamper,
            self.status,
            self.renewer,
            self.traffic,
            self.dispatcher,
            self._fan_out,
            self._pusher,
        )
        self._tasks += [make(keep(core, one.run)) for one in workers if one is not None]
        if self.keeper is not None:
            self._tasks.append(make(keep(core, self.keeper.run)))
        log.info(
            "node_started node=%s clients=%s link=%s",
            config.node, self.client_address[1], self.link_address[1],
        )  # fmt: skip

    async def stop(self) -> None:
        """Take no more, finish what is in work, write the log, close."""
        core = self.core
        core.is_stopping = True
        await self._clients.stop(self.config.grace_s)
        await self._tls_clients.stop(self.config.grace_s)
        await self._link.stop(self.config.grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.dispatcher.stop()
        await core.inbox.stop()
        await core.pool.stop()
        await self.usage.stop()
        await core.quotas.stop()
        await core.refusals.stop()
        await core.log.stop()
        await core.observer.stop()
        await self._front.monitoring.stop()
        core.desk.close()
        await self.identity.stop()
        if self.traffic is not None:
            await self.traffic.stop()
        if self.keeper is not None:
            await self.keeper.stop()
        if self.stamper is not None:
            await self.stamper.stop()
        await core.upstreams.aclose()
        await core.peers.aclose()
        if self.fetcher is not None:
            await self.fetcher.stop()
        core.spools.stop()
        log.info("node_stopped node=%s", self.config.node)

    # Clients

    async def _listen_to_tls_clients(self, port: int) -> None:
        core, config = self.core, self.config
        known = core.node_file.current.clients.values()
        context = clients.client_tls(config.tls_anchors, known)
        core.keys.watch(context)
        core.node_file.on_change = lambda content: clients.trust(context, content.clients.values())
        self.client_tls_address = await self._tls_clients.start(config.client_host, port, context)

    def _witnesses(self) -> Witnesses:
        return Witnesses(self.core, self.stamper, self.status, self.renewer)

    def _on_client(self, request: Request, respond: Respond) -> None:
        front.handle(self._front, request, respond)

    def _refuse_client(self, status: int, message: str) -> tuple[int, Headers, bytes]:
        fault = client_fault(_REFUSALS.get(status, Kind.INTERNAL_ERROR), message)
        kept: list[tuple[int, Headers, bytes]] = []
        answer_fault(
            self.core,
            Request("GET", "/", [], b""),
            lambda code, headers, body, reason="": kept.append((code, headers, small(body))),
            fault,
        )
        return kept[0]

    # Other nodes

    def _admit_peer(self, connection: ssl.SSLObject) -> str:
        fingerprint = peer_fingerprint(connection)
        directory = self.core.directory.newest
        if directory is not None and directory.node_of_certificate(fingerprint) is not None:
            return fingerprint
        # It may have joined a moment ago.
        self.core.directory.refresh_from_file()
        directory = self.core.directory.newest
        if directory is not None and directory.node_of_certificate(fingerprint) is not None:
            return fingerprint
        log.warning("link_unknown_peer certificate=%s", fingerprint[:16])
        return ""

    def _on_peer(self, request: Request, respond: Respond) -> None:
        provider.handle(self.core, self.usage, request, respond)

    def _refuse_peer(self, status: int, message: str) -> tuple[int, Headers, bytes]:
        return unsigned_fault(server_fault(_REFUSALS.get(status, Kind.INVALID_REQUEST), message))

    # From time to time

    def _on_directory(self, directory: Directory) -> None:
        self.core.verified.clear()
        self.core.peers.on_directory(directory)
        self.core.rates.forget_others(
            {one.identifier for group in directory.agreements.values() for one in group}
        )

    async def _look(self) -> None:
        """Notice within a second what changed on disk and with the time-stamps."""
        was_available = self.core.log.is_available
        while True:
            is_available = self.core.log.is_available
            if is_available and not was_available:
                self._tasks.append(self.core.loop.create_task(self._recover_later()))
            was_available = is_available
            self.core.directory.refresh_from_file()
            self.core.node_file.refresh()
            self._judge_clock()
            self.core.not_alone = self.identity.refusal
            self.core.stamps_overdue = self.stamper.overdue if self.stamper is not None else ""
            await asyncio.sleep(_LOOK_S)

    def _judge_clock(self) -> None:
        clocks, directory, stamper = self.core.clocks, self.core.directory.newest, self.stamper
        if stamper is not None:
            stamper.notice_jump()
            if stamper.clock_off is not None:
                clocks.attest(stamper.clock_off)
                stamper.clock_off = None
        if directory is not None:
            clocks.issued(directory.issued_at, self.core.now())
        refusal = clocks.refusal
        if bool(refusal) != bool(self.core.clock_wrong):
            log.warning("clock_judged refusing=%s off_s=%.0f", bool(refusal), clocks.off_s)
        self.core.clock_wrong = refusal

    async def _recover(self, before: datetime) -> None:
        """End what a crash left open, as soon as the database is there, and nobody else's."""
        while True:
            await self.identity.held.wait()
            try:
                rows = await recovery.interrupted(
                    self.config.database_url,
                    node=self.config.node,
                    before=before,
                    now=self.core.now(),
                    sealer=self._sealer,
                )
            except GONE:
                await asyncio.sleep(_LOOK_S)
                continue
            for row in rows:
                self.core.log.response(row, lambda outcome: None)
            return

    async def _recover_later(self) -> None:
        """End what an absence of the database left open, once nothing of it can be in work."""
        back = self.core.now()
        directory = self.core.directory.newest
        services = directory.services.values() if directory is not None else ()
        longest_s = max((one.timeout_s for one in services), default=0.0)
        await asyncio.sleep(longest_s + 2 * self.config.link_margin_s)
        await self._recover(back)

    def _metrics(self) -> bytes:
        connections = len(self._clients.connections) + len(self._link.connections)
        found = gauges(self.core, self.stamper, self.dispatcher, self._pusher, connections)
        return self.core.metrics.render(found)


def run(config: NodeConfig, box: KeyBox | None = None) -> None:
    """Run a node until SIGTERM or SIGINT, then drain and return; with `box` its keys renew."""

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        node = Node(config, box)
        await node.start()
        # What is loaded by now stays: no collection need walk it again, and rarer ones do.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        await stopping.wait()
        await node.stop()

    uvloop.run(main())
