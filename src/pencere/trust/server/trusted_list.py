"""`/tsl.xml` and `/tsl.sha2`: the national trusted list. ETSI TS 119 612 clause 6."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pencere.kernel.errors import Missing
from pencere.trust import trusted_list_publishing as publishing
from pencere.trust.server.state import state_of

_KEPT = "max-age=3600, public"


async def _content(request: Request) -> bytes:
    content = await state_of(request).database(publishing.in_force)
    if content is None:
        raise Missing("trusted_list.missing")
    return content


async def trusted_list(request: Request) -> Response:
    """Give the list, or say that the client has it already."""
    content = await _content(request)
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"etag": tag, "cache-control": _KEPT}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/vnd.etsi.tsl+xml", headers=headers)


async def trusted_list_digest(request: Request) -> Response:
    """Give the SHA-256 of the list, by which a change is noticed cheaply."""
    content = await _content(request)
    return Response(
        hashlib.sha256(content).digest(),
        media_type="application/octet-stream",
        headers={"cache-control": _KEPT},
    )


routes = [
    Route("/tsl.xml", trusted_list, methods=["GET"], name="trusted_list"),
    Route("/tsl.sha2", trusted_list_digest, methods=["GET"], name="trusted_list_digest"),
]
