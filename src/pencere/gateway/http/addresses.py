"""Endpoints of services that a node asks by their address: the register, time-stamps."""

import ssl
from pathlib import Path
from urllib.parse import SplitResult

from pencere.gateway.http.outcomes import Endpoint


def endpoint_of(url: SplitResult, anchors: Path | None, *, max_body_bytes: int) -> Endpoint:
    """Return the endpoint of an `http` or `https` address.

    A certificate may lead to an authority of the system or to one of the country (`anchors`, PEM).
    """
    host = url.hostname or ""
    if url.scheme != "https":
        return Endpoint(host, url.port or 80, max_body_bytes=max_body_bytes)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if anchors is not None:
        context.load_verify_locations(cafile=str(anchors))
    return Endpoint(
        host, url.port or 443, tls=context, server_name=host, max_body_bytes=max_body_bytes
    )
