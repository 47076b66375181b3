"""Links to other nodes: mutual TLS 1.3, each bound to the node the directory means."""

import asyncio
import hashlib
import ssl
from collections.abc import Sequence

from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.model import Directory, NodeEntry
from pencere.gateway.http.outcomes import Done, Endpoint, Failure, Reply, Trouble
from pencere.gateway.link.client import PeerLink
from pencere.gateway.link.connection import LinkLimits
from pencere.gateway.link.frames import ALPN, HTTP
from pencere.kernel.http.body import Stream
from pencere.kernel.http.message import Limits
from pencere.kernel.http.spool import Spools

_SHUNNED_S, _LONGEST_SHUNNED_S = 2.0, 60.0


def server_tls(config: NodeConfig) -> ssl.SSLContext:
    """Return the context of the node's link: no certificate, no connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, config)
    context.set_alpn_protocols(config.link_protocols)
    # A resumed session would bring the peer in without looking at its certificate again.
    context.num_tickets = 0
    return context


def client_tls(config: NodeConfig, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """Return the context towards other nodes; who they are is for the directory to say."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _harden(context, config)
    context.set_alpn_protocols(protocols)
    return context


def _harden(context: ssl.SSLContext, config: NodeConfig) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=str(config.tls_anchors))
    context.load_cert_chain(
        str(config.tls_certificate), str(config.tls_key), password=config.tls_key_password
    )


def peer_fingerprint(connection: ssl.SSLObject) -> str:
    """Return the SHA-256 of the certificate at the other end, in hex."""
    certificate = connection.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def link_limits(config: NodeConfig) -> LinkLimits:
    """Return what the link takes: an envelope is a message with its head and evidence."""
    limits = config.limits
    largest = limits.body_bytes + 256 * 1024
    in_memory = min(largest, streamed_above(limits))
    return LinkLimits(
        message_bytes=largest,
        unfinished_bytes=max(4 * in_memory, 64 * 1024 * 1024),
        stream_bytes=streamed_above(limits),
        streams=max(config.in_flight, 16),
        piece_s=limits.body_s,
        write_s=limits.write_s,
    )


def streamed_above(limits: Limits) -> int:
    """Return from where an envelope goes to a file: never before its whole head is there."""
    return max(limits.stream_bytes, 512 * 1024)


class _Peer:
    """What this node knows of another."""

    def __init__(self, node: NodeEntry, link: PeerLink) -> None:
        self.node, self.link = node, link
        self.in_flight = 0
        self.chosen = 0
        self.shunned_until = 0.0
        self.failures = 0


class Peers:
    """A link to each node that was spoken to, and which of several nodes to speak to."""

    def __init__(self, config: NodeConfig, spools: Spools | None = None) -> None:
        self._config = config
        self._spools = spools
        self._loop = asyncio.get_running_loop()
        self.tls = client_tls(config, config.link_protocols)
        self.plain_tls = client_tls(config, (HTTP,))
        self._peers: dict[str, _Peer] = {}
        self._retired: list[PeerLink] = []

    def choose(self, nodes: Sequence[NodeEntry]) -> list[NodeEntry]:
        """Return the nodes in the order to try them.

        First who did not fail of late, of these who has least in work, of these who was chosen
        least: one after the other when all is quiet.
        """
        if len(nodes) == 1:
            return list(nodes)
        now = self._loop.time()

        def rank(node: NodeEntry) -> tuple[float, int, int]:
            peer = self._peer(node)
            return max(peer.shunned_until - now, 0.0), peer.in_flight, peer.chosen

        found = sorted(nodes, key=rank)
        self._peer(found[0]).chosen += 1
        return found

    def shun(self, node: NodeEntry) -> None:
        """Prefer others for a while, longer each time."""
        peer = self._peer(node)
        wait_s = min(_SHUNNED_S * 2**peer.failures, _LONGEST_SHUNNED_S)
        peer.failures = min(peer.failures + 1, 8)
        peer.shunned_until = self._loop.time() + wait_s

    def send(
        self, node: NodeEntry, envelope: bytes | Stream, *, timeout_s: float, done: Done
    ) -> None:
        """Send an envelope to a node."""
        peer = self._peer(node)
        peer.in_flight += 1

        def on_done(outcome: Reply | Failure) -> None:
            peer.in_flight -= 1
            if not isinstance(outcome, Failure):
                peer.failures, peer.shunned_until = 0, 0.0
            elif outcome.is_unsent or outcome.trouble in _LASTING:
                self.shun(node)
            done(outcome)

        peer.link.send(envelope, timeout_s=timeout_s, done=on_done)

    def on_directory(self, directory: Directory) -> None:
        """Let go of connections to nodes that left, moved, or changed certificates."""
        for identifier, peer in list(self._peers.items()):
            now = directory.nodes.get(identifier)
            if now is None or _way(now) != _way(peer.node):
                self._retire(peer)
                del self._peers[identifier]

    def reopen(self) -> None:
        """Open new connections from now on: this node shows another certificate."""
        for peer in self._peers.values():
            self._retire(peer)
            peer.link = self._link(peer.node)

    async def aclose(self) -> None:
        """Close all connections."""
        for link in [peer.link for peer in self._peers.values()] + self._retired:
            await link.aclose()

    def _retire(self, peer: _Peer) -> None:
        peer.link.close()
        self._retired = [link for link in self._retired if not link.is_over]
        self._retired.append(peer.link)

    def _peer(self, node: NodeEntry) -> _Peer:
        known = self._peers.get(node.identifier)
        if known is None:
            known = self._peers[node.identifier] = _Peer(node, self._link(node))
        return known

    def _link(self, node: NodeEntry) -> PeerLink:
        def is_peer(connection: ssl.SSLObject) -> bool:
            return peer_fingerprint(connection) in node.tls

        endpoint = Endpoint(
            node.host,
            node.port,
            tls=self.tls,
            is_peer=is_peer,
            idle_s=30.0,
            max_body_bytes=self._config.limits.body_bytes + 256 * 1024,
            spools=self._spools,
            stream_bytes=streamed_above(self._config.limits),
        )
        is_plain = ALPN not in self._config.link_protocols
        return PeerLink(endpoint, self.plain_tls, link_limits(self._config), is_plain=is_plain)


_LASTING = frozenset({Trouble.LOST, Trouble.TIMEOUT, Trouble.PROTOCOL})


def _way(node: NodeEntry) -> tuple[str, int, frozenset[str]]:
    return node.host, node.port, node.tls
