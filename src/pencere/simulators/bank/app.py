"""The bank as an ASGI application. docs/specs/payments.md."""

import base64
import binascii
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.simulators.bank.callbacks import CallbackSender
from pencere.simulators.bank.orders import EXPIRED, OUTCOMES, WAITING, Order, OrderBook
from pencere.simulators.bank.pages import LANGUAGES, Pages
from pencere.simulators.bank.signing import Kind, sign, verify

_URL = {"type": "string", "pattern": "^https?://", "maxLength": 500}
_REQUEST = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "merchant": {"type": "string", "minLength": 1, "maxLength": 64},
        "order": {"type": "string", "minLength": 1, "maxLength": 64},
        "amount": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
        "currency": {"const": "AZN"},
        "description": {
            "type": "object",
            "required": list(LANGUAGES),
            "additionalProperties": {"type": "string", "maxLength": 300},
        },
        "language": {"enum": list(LANGUAGES)},
        "return_url": _URL,
        "callback_url": _URL,
        "issued_at": {"type": "integer"},
        "expires_at": {"type": "integer"},
    },
}
_REQUEST["required"] = list(_REQUEST["properties"])  # type: ignore[call-overload]


@dataclass(frozen=True)
class BankConfig:
    """What the process is given. `folder` is its own; `secret` is shared with the merchant."""

    folder: Path
    secret: str
    merchant: str


class Bank:
    """The routes and what they share."""

    def __init__(self, config: BankConfig, clock: Clock) -> None:
        self._config, self._clock, self._pages = config, clock, Pages()
        self.book = OrderBook(config.folder)
        self.sender = CallbackSender(book=self.book, secret=config.secret, clock=clock)
        self._metrics = CollectorRegistry()
        self._settled = Counter(
            "bank_orders_settled", "Orders by outcome", ["outcome"], registry=self._metrics
        )

    def routes(self) -> list[Route]:
        """Return the table of routes."""
        return [
            Route("/pay", self.open, methods=["GET"]),
            Route("/pay/{payment}", self.page, methods=["GET"]),
            Route("/pay/{payment}", self.choose, methods=["POST"]),
            Route("/status", self.status, methods=["POST"]),
            Route("/refunds", self.refund, methods=["POST"]),
            Route("/statement", self.statement, methods=["POST"]),
            Route("/bank.css", self.stylesheet, methods=["GET"]),
            Route("/healthz", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def open(self, request: Request) -> Response:
        """Take a signed request of a merchant and send the person to the page of its order."""
        language = _language(request, "az")
        try:
            body = _decode(request.query_params.get("request", ""))
            asked = _parse(body, _REQUEST)
            verify(
                secret=self._config.secret,
                kind="request",
                timestamp=str(asked["issued_at"]),
                signature=request.query_params.get("signature"),
                body=body,
                now=self._now(),
            )
            self._own(asked)
            order = self.book.open(asked, body=body, now=self._now())
        except PencereError as error:
            return self._sorry(error, language)
        return RedirectResponse(f"/pay/{order.payment}?lang={order.language}", status_code=303)

    async def page(self, request: Request) -> Response:
        """Show an order."""
        try:
            order = self.book.of_payment(request.path_params["payment"])
        except PencereError as error:
            return self._sorry(error, _language(request, "az"))
        language = _language(request, order.language)
        return self._html(self._pages.payment(order, language=language), order=order)

    async def choose(self, request: Request) -> Response:
        """Settle an order as the person chose and send them back to the merchant."""
        form = await request.form()
        outcome = form.get("outcome")
        try:
            if not isinstance(outcome, str) or outcome not in OUTCOMES:
                raise Invalid("outcome.unknown")
            order = self.book.settle(
                request.path_params["payment"], outcome=outcome, now=self._now()
            )
        except PencereError as error:
            return self._sorry(error, _language(request, "az"))
        self._settled.labels(outcome=order.state).inc()
        self.sender.nudge()
        return RedirectResponse(order.return_url, status_code=303)

    async def status(self, request: Request) -> Response:
        """Tell the merchant where an order stands; for when no callback came."""
        try:
            asked = await self._asked(request, "status", ("merchant", "order"))
            order = self.book.of_merchant(merchant=asked["merchant"], order=asked["order"])
        except PencereError as error:
            return _problem(error)
        if order is None:
            return self._answer({"order": asked["order"], "state": "unknown"})
        return self._answer(self._standing(order))

    async def refund(self, request: Request) -> Response:
        """Give money of a paid order back."""
        try:
            asked = await self._asked(request, "refund", ("merchant", "order", "refund", "amount"))
            order = self.book.refund(
                merchant=asked["merchant"],
                order=asked["order"],
                refund=asked["refund"],
                amount=asked["amount"],
                now=self._now(),
            )
        except PencereError as error:
            return _problem(error)
        return self._answer({**self._standing(order), "refund": asked["refund"]})

    async def statement(self, request: Request) -> Response:
        """Give the merchant's movements between two instants."""
        try:
            asked = await self._asked(request, "statement", ("merchant", "begin", "end"))
        except PencereError as error:
            return _problem(error)
        lines = self.book.statement(
            merchant=asked["merchant"], begin=asked["begin"], end=asked["end"]
        )
        return self._answer({"begin": asked["begin"], "end": asked["end"], "lines": lines})

    async def stylesheet(self, request: Request) -> Response:
        """Serve the one stylesheet."""
        return Response(
            self._pages.stylesheet,
            media_type="text/css",
            headers={"Cache-Control": "public, max-age=3600"},
        )

    async def health(self, request: Request) -> Response:
        """Say whether the folder can be written."""
        ok = self._config.folder.is_dir()
        check = {"name": "folder", "ok": ok, "detail": self._config.folder.name}
        return JSONResponse({"healthy": ok, "checks": [check]}, status_code=200 if ok else 503)

    async def metrics(self, request: Request) -> Response:
        """Serve the counters."""
        return Response(
            generate_latest(self._metrics), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _asked(self, request: Request, kind: Kind, required: tuple[str, ...]) -> Any:
        body = await request.body()
        verify(
            secret=self._config.secret,
            kind=kind,
            timestamp=request.headers.get("Pencere-Pay-Timestamp"),
            signature=request.headers.get("Pencere-Pay-Signature"),
            body=body,
            now=self._now(),
        )
        types = {name: {"type": "integer"} for name in ("amount", "begin", "end")}
        schema = {
            "type": "object",
            "required": list(required),
            "properties": {name: types.get(name, {"type": "string"}) for name in required},
        }
        asked = _parse(body, schema)
        self._own(asked)
        return asked

    def _own(self, asked: Mapping[str, Any]) -> None:
        if asked["merchant"] != self._config.merchant:
            raise Refused("merchant.unknown")

    def _standing(self, order: Order) -> dict[str, Any]:
        expired = order.state == WAITING and order.expires_at <= self._now()
        return {
            "amount": order.amount,
            "currency": order.currency,
            "event": order.notice.event if order.notice else None,
            "order": order.order,
            "payment": order.payment,
            "refunded": sum(order.refunds.values()),
            "state": EXPIRED if expired else order.state,
        }

    def _answer(self, value: Mapping[str, Any]) -> Response:
        body, timestamp = canonical_json(value), self._now()
        signature = sign(secret=self._config.secret, kind="answer", timestamp=timestamp, body=body)
        headers = {"Pencere-Pay-Timestamp": str(timestamp), "Pencere-Pay-Signature": signature}
        return Response(body, media_type="application/json", headers=headers)

    def _html(self, text: str, *, order: Order | None = None, status: int = 200) -> Response:
        # A browser follows the redirect after the form only to places form-action allows.
        back = ""
        if order is not None:
            parts = urlsplit(order.return_url)
            back = f" {parts.scheme}://{parts.netloc}"
        policy = (
            f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{back}; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return Response(text, status_code=status, media_type="text/html", headers=headers)

    def _sorry(self, error: PencereError, language: str) -> Response:
        key, status = _page_for(error)
        return self._html(self._pages.error(key, language=language), status=status)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def create_app(config: BankConfig, *, clock: Clock | None = None) -> Starlette:
    """Return the bank. Its callbacks start and stop with the application."""
    bank = Bank(config, clock or SystemClock())

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        bank.sender.start()
        yield
        bank.sender.stop()

    app = Starlette(routes=bank.routes(), lifespan=lifespan)
    app.state.bank = bank
    return app


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise Invalid("request.malformed") from error


def _parse(body: bytes, schema: Mapping[str, Any]) -> Any:
    try:
        value = json.loads(body)
        jsonschema.validate(value, schema)
    except (ValueError, jsonschema.ValidationError) as error:
        raise Invalid("request.malformed") from error
    return value


def _language(request: Request, fallback: str) -> str:
    asked = request.query_params.get("lang", fallback)
    return asked if asked in LANGUAGES else "az"


def _page_for(error: PencereError) -> tuple[str, int]:
    if isinstance(error, Missing):
        return "error_missing", 404
    if isinstance(error, Conflict):
        return "error_conflict", 409
    return "error_refused", 403 if isinstance(error, Refused) else 400


def _problem(error: PencereError) -> Response:
    status = _page_for(error)[1]
    return JSONResponse({"error": error.code}, status_code=status)
