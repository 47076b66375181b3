"""Connections to the node's own information systems. No redirects followed, nothing retried."""

import ssl
from collections.abc import Callable

from pencere.gateway.clients import peer_of
from pencere.gateway.http.client import Pool, request_stream
from pencere.gateway.http.outcomes import Done, Endpoint, Failure, Trouble
from pencere.gateway.keys import NodeKeys
from pencere.gateway.node_file import Upstream
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.head import BODY_METHODS, Headers
from pencere.gateway.wire.identifiers import ServiceTarget
from pencere.kernel.http.body import Body
from pencere.kernel.http.message import Limits
from pencere.kernel.http.spool import Spools

_Way = tuple[str, int, bool, frozenset[str], bytes]


class Upstreams:
    """A pool for each address and each way to believe it.

    To a service over https the node shows its own certificate.
    """

    def __init__(self, limits: Limits, keys: NodeKeys, spools: Spools | None = None) -> None:
        self._limits = limits
        self._spools = spools
        self._keys = keys
        self._pools: dict[_Way, Pool] = {}

    def send(  # noqa: PLR0913
        self,
        upstream: Upstream,
        target: ServiceTarget,
        request: tuple[str, Headers, bytes | Body],
        *,
        timeout_s: float,
        done: Done,
        moved: Callable[[], None] | None = None,
    ) -> None:
        """Forward a request: the raw path and query behind the service's address.

        `moved` is called whenever a piece of a large body came or went.
        """
        method, headers, body = request
        outgoing = [(b"host", upstream.authority.encode("ascii"))]
        if upstream.bearer is not None:
            outgoing.append((b"authorization", b"Bearer " + upstream.bearer.encode("ascii")))
            headers = [pair for pair in headers if pair[0].lower() != b"authorization"]
        data = request_stream(
            method,
            join(upstream.base_path, target),
            outgoing + headers,
            body if method in BODY_METHODS else None,
        )
        pool = self._pool(upstream)
        pool.send(data, is_head=method == "HEAD", timeout_s=timeout_s, done=done, moved=moved)

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    def _pool(self, upstream: Upstream) -> Pool:
        way = (
            upstream.host, upstream.port, upstream.is_tls, upstream.pinned, upstream.authority_der,
        )  # fmt: skip
        pool = self._pools.get(way)
        if pool is None:
            pinned = upstream.pinned
            pool = Pool(
                Endpoint(
                    upstream.host,
                    upstream.port,
                    tls=self._context(upstream) if upstream.is_tls else None,
                    server_name=upstream.host,
                    # Asked before a byte is sent.
                    is_peer=(lambda shown: peer_of(shown) in pinned) if pinned else None,
                    max_body_bytes=self._limits.body_bytes,
                    spools=self._spools,
                    stream_bytes=self._limits.stream_bytes,
                )
            )
            self._pools[way] = pool
        return pool

    def _context(self, upstream: Upstream) -> ssl.SSLContext:
        if upstream.pinned:
            # The certificate itself is what is believed, not who issued it.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = ssl.create_default_context(cadata=upstream.authority_der or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._keys.watch(context)
        return context


def join(base_path: str, target: ServiceTarget) -> str:
    """Return the upstream target: one slash kept where both have it, the rest byte for byte."""
    base = base_path
    if base.endswith("/") and target.path.startswith("/"):
        base = base[:-1]
    return (base + target.path or "/") + target.query


def fault_of(failure: Failure, service: str) -> Fault:
    """Return the fault that tells the consumer why the service gave no answer."""
    kinds = {
        Trouble.UNKNOWN_HOST: Kind.UNKNOWN_HOST,
        Trouble.REFUSED: Kind.NETWORK_ERROR,
        Trouble.WRONG_PEER: Kind.SSL_AUTHENTICATION_FAILED,
        Trouble.TIMEOUT: Kind.TIMEOUT,
        Trouble.TOO_LARGE: Kind.MESSAGE_TOO_LARGE,
        Trouble.NO_ROOM: Kind.OVERLOADED,
    }
    kind = kinds.get(failure.trouble, Kind.IO_ERROR)
    if failure.trouble is Trouble.LOST and failure.is_reset:
        kind = Kind.NETWORK_ERROR  # as X-Road, to which only a bare end is an IOError
    # The address of the system is its owner's business, so it is not told.
    return server_fault(kind, f"Service {service}: {failure.trouble.value}")
