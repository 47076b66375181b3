"""Connections to other nodes: mutual TLS 1.3, each bound to the node the directory means."""

import hashlib
import ssl

from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.model import Directory, NodeEntry
from pencere.gateway.http.client import Done, Endpoint, Pool, request_bytes
from pencere.gateway.wire.envelope import MEDIA_TYPE

LINK_TARGET = "/exchange"


def server_tls(config: NodeConfig) -> ssl.SSLContext:
    """Return the context of the node's link: no certificate, no connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, config)
    # A resumed session would bring the peer in without looking at its certificate again.
    context.num_tickets = 0
    return context


def client_tls(config: NodeConfig) -> ssl.SSLContext:
    """Return the context towards other nodes; who they are is for the directory to say."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _harden(context, config)
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


class Peers:
    """A pool for each node that was spoken to."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self.tls = client_tls(config)
        self._pools: dict[str, tuple[NodeEntry, Pool]] = {}
        self._retired: list[Pool] = []

    def send(self, node: NodeEntry, envelope: bytes, *, timeout_s: float, done: Done) -> None:
        """Send an envelope to a node."""
        headers = [
            (b"host", f"{node.host}:{node.port}".encode("ascii")),
            (b"content-type", MEDIA_TYPE),
        ]
        data = request_bytes("POST", LINK_TARGET, headers, envelope)
        self._pool(node).send(data, is_head=False, timeout_s=timeout_s, done=done)

    def on_directory(self, directory: Directory) -> None:
        """Let go of connections to nodes that left, moved, or changed certificates."""
        for identifier, (known, pool) in list(self._pools.items()):
            now = directory.nodes.get(identifier)
            if now is None or _way(now) != _way(known):
                pool.close()
                self._retired.append(pool)
                del self._pools[identifier]

    def reopen(self) -> None:
        """Open new connections from now on: this node shows another certificate."""
        for _, pool in self._pools.values():
            pool.close()
            self._retired.append(pool)
        self._pools.clear()

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in [pool for _, pool in self._pools.values()] + self._retired:
            await pool.aclose()

    def _pool(self, node: NodeEntry) -> Pool:
        known = self._pools.get(node.identifier)
        if known is not None:
            return known[1]

        def is_peer(connection: ssl.SSLObject) -> bool:
            return peer_fingerprint(connection) in node.tls

        pool = Pool(
            Endpoint(
                node.host,
                node.port,
                tls=self.tls,
                is_peer=is_peer,
                idle_s=30.0,
                max_body_bytes=self._config.limits.body_bytes + 256 * 1024,
            )
        )
        self._pools[node.identifier] = (node, pool)
        return pool


def _way(node: NodeEntry) -> tuple[str, int, frozenset[str]]:
    return node.host, node.port, node.tls
