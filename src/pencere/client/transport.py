"""How a node is reached: its address, TLS with a client certificate, time-outs, connections."""

import ssl
from dataclasses import dataclass

import httpx

from pencere.client.request import Identity


@dataclass(frozen=True, slots=True)
class Way:
    """The node's address, and how long is waited: for a connection, then for an answer."""

    address: str
    connect_s: float = 2.0
    answer_s: float = 30.0
    connections: int = 16

    @property
    def timeout(self) -> httpx.Timeout:
        """The time-outs as httpx has them."""
        return httpx.Timeout(self.answer_s, connect=self.connect_s, pool=self.connect_s)

    @property
    def limits(self) -> httpx.Limits:
        """How many connections are opened and kept."""
        return httpx.Limits(
            max_connections=self.connections,
            max_keepalive_connections=self.connections,
            keepalive_expiry=30.0,
        )


def tls_of(identity: Identity) -> ssl.SSLContext | bool:
    """Return the TLS settings towards the node; TLS 1.2 at least."""
    if identity.anchors is None and identity.certificate is None:
        return True
    context = ssl.create_default_context(
        cafile=str(identity.anchors) if identity.anchors is not None else None
    )
    if identity.certificate is not None:
        context.load_cert_chain(identity.certificate, identity.certificate_key)
    return context
