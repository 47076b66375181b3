"""The registers as an HTTP service, for the gateway's node alone.

create_app(Config(database_url=..., secret=..., country=Country.load("az")))
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.countries import Country
from pencere.kernel.clock import Clock, SystemClock
from pencere.registers import endpoints, merge_endpoints, past
from pencere.registers.answers import sentences
from pencere.registers.endpoints import guarded
from pencere.registers.engine import open_registers
from pencere.registers.event_port import EventPort
from pencere.registers.lint import load_registers
from pencere.registers.metrics import Metrics
from pencere.registers.openapi import describe, describe_one
from pencere.registers.outbox import Outbox


@dataclass(frozen=True)
class Config:
    """What one process needs to know. `secret` is the node's bearer token.

    `ledger` tells for `/healthz` how the log is ordered: `{"name", "ok", "detail"}`.
    """

    database_url: str = field(repr=False)
    secret: str = field(repr=False)
    country: Country
    clock: Clock = field(default_factory=SystemClock)
    ledger: Callable[[], dict[str, object]] | None = None
    # Where events of writes are handed over; None: they are kept.
    events: EventPort | None = None


_BASE = "/v1/{subsystem}/{register}"


def create_app(config: Config) -> Starlette:
    """Make the application; the database is opened when the server starts it.

    Raises:
        Misconfigured: a definition or the table of sentences is wrong.
    """
    definitions = load_registers(config.country)
    sentences()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_registers(config.database_url, definitions, config.clock) as registers:
            app.state.registers = registers
            if config.events is None:
                yield
                return
            task = asyncio.create_task(Outbox(registers, config.events).run())
            app.state.outbox = task
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    app = Starlette(routes=_routes(), lifespan=lifespan)
    app.state.bearer = config.secret
    app.state.ledger = config.ledger
    app.state.outbox = None
    app.state.metrics = Metrics()
    app.state.description = describe(definitions.values())
    app.state.descriptions = {code: describe_one(one) for code, one in definitions.items()}
    return app


def _routes() -> list[Route]:
    def route(path: str, method: str, call: str, endpoint: endpoints.Endpoint) -> Route:
        return Route(_BASE + path, guarded(call, endpoint), methods=[method])

    return [
        Route("/healthz", _healthz),
        Route("/metrics", _metrics),
        Route("/openapi.json", _openapi),
        route("/openapi.json", "GET", "openapi", endpoints.description),
        route("/query", "POST", "query", endpoints.query),
        route("/records", "POST", "create", endpoints.create),
        route("/records/{id}", "GET", "read", endpoints.read),
        route("/records/{id}/versions", "GET", "history", past.history),
        route("/records/{id}", "PUT", "replace", endpoints.replace),
        route("/records/{id}/annul", "POST", "annul", endpoints.annul),
        route("/transactions", "POST", "transact", endpoints.transact),
        route("/numbers", "POST", "number", endpoints.number),
        *(route(*each) for each in merge_endpoints.ROUTES),
        Route("/{path:path}", guarded("unknown", endpoints.unknown_path), methods=_METHODS),
    ]


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def _healthz(request: Request) -> Response:
    ok = await request.app.state.registers.healthy()
    checks: list[dict[str, object]] = [
        {"name": "database", "ok": ok, "detail": "answers" if ok else "does not answer"}
    ]
    if request.app.state.ledger is not None:
        checks.append(request.app.state.ledger())
    if request.app.state.outbox is not None:
        checks.append(await _events(request))
    healthy = all(check["ok"] for check in checks)
    return JSONResponse({"healthy": healthy, "checks": checks}, 200 if healthy else 503)


async def _events(request: Request) -> dict[str, object]:
    """Dead events do not make the process ill: it would not be cured by a new start."""
    if request.app.state.outbox.done():
        return {"name": "events", "ok": False, "detail": "are not handed over"}
    counts = await request.app.state.registers.events()
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    return {"name": "events", "ok": True, "detail": told or "not counted"}


async def _metrics(request: Request) -> Response:
    request.app.state.metrics.tell_events(await request.app.state.registers.events())
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.state.description)
