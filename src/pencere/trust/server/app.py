"""The application: routes, errors, health, figures."""

import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import resources
from types import MappingProxyType
from typing import Any

import psycopg
import yaml
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pencere.kernel.errors import PencereError, Refused, Unavailable
from pencere.ledger.sequencer import Sequencer
from pencere.trust.acme.enrolment import ISSUER
from pencere.trust.server import (
    consent,
    csc,
    csc_v2,
    device,
    mid,
    nodes,
    oauth2,
    practice,
    ra,
    remote,
    status,
    trusted_list,
)
from pencere.trust.server import log as public_log
from pencere.trust.server.config import TrustConfig
from pencere.trust.server.csc_errors import csc_error
from pencere.trust.server.machines import MachineConfig, Machines
from pencere.trust.server.state import State, listening, state_of
from pencere.trust.server.tls import TlsListener
from pencere.trust.server.upkeep import checks, keeping_up, load_mark
from pencere.trust.signers import LogSigner
from pencere.trust.timestamps import parse_request
from pencere.trust.timestamps import request as time_stamp_request

log = logging.getLogger(__name__)

# Facts of a refusal that a caller needs to say what to do; the others are for the log.
TOLD = ("field", "left", "state", "count", "reason")


def create_app(config: TrustConfig, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the ASGI application of the certification centre.

    `more`: routes of planes above this one that are served at the same address.

    Raises:
        Missing, Misconfigured: a key is not there or does not open; the service does not start.
    """
    state = State(config)
    routes: list[BaseRoute] = [
        *status.routes,
        *practice.routes,
        *mid.routes,
        *device.routes,
        *csc.routes,
        *csc_v2.routes,
        *oauth2.routes,
        *consent.routes,
        *remote.routes,
        *ra.routes,
        *nodes.routes,
        *public_log.routes,
        *trusted_list.routes,
        *more,
        Route("/healthz", healthz, name="healthz"),
        Route("/metrics", metrics, name="metrics"),
        Route("/openapi.json", openapi, name="openapi"),
    ]
    app = Starlette(
        routes=routes,
        lifespan=_lifespan,
        exception_handlers={
            PencereError: _refuse,
            psycopg.OperationalError: _unavailable,
            Exception: _fail,
        },
    )
    app.state.trust = state
    app.add_middleware(_Measured, state=state, routes=routes)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    state: State = app.state.trust
    async with AsyncExitStack() as stack:
        await run_in_threadpool(state.pool.open, wait=True, timeout=10)
        stack.callback(state.pool.close)
        await run_in_threadpool(load_mark, state)
        if origin := state.config.ledger_origin:
            sequencer = Sequencer(
                state.config.issuance.conninfo,
                origin,
                LogSigner(state.config.keystore.signer("ledger")),
                time_stamp=lambda digest: _token(state, digest),
            )
            sequencer.start()
            state.ledger = sequencer.check
            stack.callback(sequencer.stop)
        await stack.enter_async_context(listening(state))
        await stack.enter_async_context(keeping_up(state))
        await stack.enter_async_context(ra.carrying_on(state))
        if (settings := state.config.machines) is not None:
            # Connections of its own: who storms this listener keeps nobody from status answers.
            pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
                state.config.issuance.conninfo,
                min_size=0,
                max_size=4,
                timeout=5,
                max_idle=30,
                open=True,
            )
            stack.callback(pool.close)
            listener = TlsListener(_machines(state, settings, pool))
            await run_in_threadpool(listener.start)
            app.state.listener = listener
            stack.callback(listener.stop)
        yield


def _machines(
    state: State, settings: MachineConfig, pool: ConnectionPool[psycopg.Connection[Any]]
) -> Machines:
    keys, issuance = state.config.keystore, state.config.issuance
    return Machines(settings, issuance, keys.signer(ISSUER), keys.certificates("root")[0], pool)


def _token(state: State, digest: bytes) -> bytes:
    return state.time_stamps.token(
        parse_request(time_stamp_request(digest, nonce=uuid.uuid4().int))
    )


async def healthz(request: Request) -> Response:
    """Tell whether everything needed works."""
    found = await run_in_threadpool(checks, request.app.state.trust)
    listener: TlsListener | None = getattr(request.app.state, "listener", None)
    if listener is not None:
        found.append(listener.check())
    healthy = all(one["ok"] for one in found)
    return JSONResponse({"healthy": healthy, "checks": found}, 200 if healthy else 503)


async def metrics(request: Request) -> Response:
    """Give the figures."""
    state = state_of(request)
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def openapi(_request: Request) -> Response:
    """Describe the routes."""
    return JSONResponse(openapi_document())


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    file = resources.files("pencere.trust.server") / "openapi.yaml"
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return document


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, PencereError):
        raise error
    # Who does not prove itself is told so with 401, as both protocols want it.
    is_unproven = isinstance(error, Refused) and error.code in {
        "request.bearer",
        "relying_party.unknown",
        "credential.token",
        "device.token",
        "device.proof",
        "ra.channel",
        "enrolment.code",
        "compromise.proof",
    }
    status_code = 401 if is_unproven else error.status
    log.info("request_refused path=%s error=%s", _template(request), error)
    told = {name: error.facts[name] for name in TOLD if name in error.facts}
    return _error(request, status_code, error.code, told=told)


async def _unavailable(request: Request, _error_: Exception) -> Response:
    log.warning("database_unavailable path=%s", _template(request))
    return _error(request, 503, Unavailable("database.unavailable").code)


async def _fail(request: Request, error: Exception) -> Response:
    incident = uuid.uuid4()
    log.error("incident=%s path=%s", incident, _template(request), exc_info=error)
    return _error(request, 500, "incident", trace=incident)


def _error(
    request: Request,
    status_code: int,
    code: str,
    *,
    told: Mapping[str, object] = MappingProxyType({}),
    trace: uuid.UUID | None = None,
) -> Response:
    """Answer in the shape of the protocol: CSC's error pair, or Mobile-ID's with a trace."""
    described = f"{code} {told['field']}" if "field" in told else code
    if request.url.path.startswith(("/csc/", "/oauth2/")):
        name, status_code = csc_error(code, status_code)
        return JSONResponse({"error": name, "error_description": described}, status_code)
    state = state_of(request)
    if request.url.path.startswith("/ra/"):
        described = code
    content = {
        **told,
        "error": described,
        "time": state.clock.now().isoformat(),
        "traceId": str(trace or uuid.uuid4()),
    }
    return JSONResponse(content, status_code)


def _template(request: Request) -> str:
    """Return the route's template: a path itself may hold a session id."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))


class _Measured:
    """Counts answers by route, and how long the short ones took."""

    LONG = frozenset(
        {"mid_authentication_session", "mid_signature_session", "device_requests", "consent"}
    )

    def __init__(self, app: ASGIApp, state: State, routes: list[BaseRoute]) -> None:
        self._app = app
        self._metrics = state.metrics
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, name = time.perf_counter(), self._name(scope)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answers.labels(name, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)
        if name not in self.LONG:
            self._metrics.seconds.labels(name).observe(time.perf_counter() - began)

    def _name(self, scope: Scope) -> str:
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return route.name
        return "none"
