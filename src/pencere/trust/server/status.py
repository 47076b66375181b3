"""`/ocsp`, `/tsa`, `/crl/<ca>.crl`, `/ca/<ca>.crt`: open to everyone."""

import base64
import binascii
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, Missing
from pencere.trust import crl, timestamps
from pencere.trust.ocsp_request import LARGEST_REQUEST
from pencere.trust.profile import AUTHORITIES
from pencere.trust.server.answers import CACHED_FOR, Presigned
from pencere.trust.server.bodies import read_body
from pencere.trust.server.state import state_of

OCSP_TYPE = "application/ocsp-response"


async def ocsp_post(request: Request) -> Response:
    """Answer a request in the body."""
    encoded = await read_body(request, LARGEST_REQUEST)
    body, _ = await state_of(request).answers.answer(encoded)
    return Response(body, media_type=OCSP_TYPE, headers={"cache-control": "no-store"})


async def ocsp_get(request: Request) -> Response:
    """Answer a request in the path (RFC 6960 appendix A.1), with what caches need to keep it."""
    state = state_of(request)
    # From the raw path: base64 has slashes, and %2F must not be taken apart before it is read.
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    body, presigned = await state.answers.answer(decode_path(raw.decode("latin-1")))
    headers = caching_headers(presigned, state.clock.now())
    return Response(body, media_type=OCSP_TYPE, headers=headers)


def decode_path(path: str) -> bytes:
    """Return the request that a path holds; nothing at all when it holds none."""
    text = unquote(path.split("/ocsp/", 1)[1].split("?", 1)[0])
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def caching_headers(presigned: Presigned | None, at: datetime) -> dict[str, str]:
    """Return what RFC 5019 section 6.2 wants for an answer that caches may keep, if it is one."""
    if presigned is None:
        return {"cache-control": "no-store"}
    left = min(CACHED_FOR, presigned.next_update - at)
    return {
        "cache-control": f"max-age={max(0, int(left.total_seconds()))},"
        "public,no-transform,must-revalidate",
        "last-modified": format_datetime(presigned.made_at, usegmt=True),
        "expires": format_datetime(presigned.next_update, usegmt=True),
        "etag": presigned.etag,
    }


async def tsa(request: Request) -> Response:
    """Give a time-stamp token."""
    state = state_of(request)
    body = await read_body(request, timestamps.LARGEST_REQUEST)
    if request.headers.get("content-type", "").split(";")[0] != "application/timestamp-query":
        raise Invalid("request.content_type", expected="application/timestamp-query")
    encoded = await run_in_threadpool(state.time_stamps.respond, body)
    return Response(encoded, media_type="application/timestamp-reply")


async def revocation_list(request: Request) -> Response:
    """Give the list of an authority."""
    state = state_of(request)
    name = request.path_params["name"]
    found = await state.database(lambda connection: crl.in_force(connection, name))
    if found is None:
        raise Missing("crl.missing")
    return Response(
        found[0], media_type="application/pkix-crl", headers={"Cache-Control": "max-age=60"}
    )


async def authority_certificate(request: Request) -> Response:
    """Give the certificate of an authority, DER (RFC 5280 section 4.2.2.1)."""
    state = state_of(request)
    name = request.path_params["name"]
    if name not in AUTHORITIES:
        raise Missing("certificate.missing")
    encoded = state.certificates[name].public_bytes(Encoding.DER)
    return Response(
        encoded, media_type="application/pkix-cert", headers={"Cache-Control": "max-age=3600"}
    )


routes = [
    Route("/ocsp", ocsp_post, methods=["POST"], name="ocsp"),
    Route("/ocsp/{request:path}", ocsp_get, methods=["GET"], name="ocsp_get"),
    Route("/tsa", tsa, methods=["POST"], name="tsa"),
    Route("/crl/{name}.crl", revocation_list, name="crl"),
    Route("/ca/{name}.crt", authority_certificate, name="ca"),
]
