"""`/ocsp`, `/tsa`, `/crl/<ca>.crl`, `/ca/<ca>.crt`: open to everyone."""

import base64
import binascii
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, Missing
from pencere.trust import crl, ocsp, store, timestamps
from pencere.trust.ocsp_request import LARGEST_REQUEST
from pencere.trust.profile import AUTHORITIES
from pencere.trust.server.bodies import read_body
from pencere.trust.server.state import state_of


async def _answer(request: Request, encoded: bytes) -> Response:
    state = state_of(request)

    def work(connection: store.Connection) -> bytes:
        return state.responders.answer(
            encoded,
            lambda issuer, serial: store.status(connection, issuer, serial),
            at=state.clock.now(),
        )

    try:
        body = await state.database(work)
    except Exception:  # no answer is better than a guess, RFC 6960 section 2.3
        body = ocsp.TRY_LATER
    return Response(
        body, media_type="application/ocsp-response", headers={"Cache-Control": "no-store"}
    )


async def ocsp_post(request: Request) -> Response:
    """Answer a request in the body."""
    return await _answer(request, await read_body(request, LARGEST_REQUEST))


async def ocsp_get(request: Request) -> Response:
    """Answer a request in the path (RFC 6960 appendix A.1)."""
    # From the raw path: base64 has slashes, and %2F must not be taken apart before it is read.
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    text = unquote(raw.decode("latin-1").split("/ocsp/", 1)[1].split("?", 1)[0])
    try:
        encoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        encoded = b""
    return await _answer(request, encoded)


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
