"""The post office as an ASGI application. docs/specs/notifications.md."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Invalid, PencereError
from pencere.simulators.post.box import Box, Letter, State, new_id
from pencere.simulators.post.mail import MailServer
from pencere.simulators.post.pages import LANGUAGES, Pages
from pencere.simulators.post.reporting import Reporter
from pencere.simulators.post.signing import Kind, verify

LARGEST_BYTES = 16_384
_MESSAGE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["callback_url", "reference", "sender", "text", "to"],
    "properties": {
        "callback_url": {"type": "string", "pattern": "^https?://", "maxLength": 500},
        "reference": {"type": "string", "minLength": 1, "maxLength": 60},
        "sender": {"type": "string", "minLength": 1, "maxLength": 16},
        "text": {"type": "string", "minLength": 1, "maxLength": 1000},
        "to": {"type": "string", "pattern": r"^\+[0-9]{7,15}\Z"},
    },
}
# What becomes of a text, by the end of its number.
_FATES: Mapping[str, State] = {"99": "refused", "00": "failed"}
_PING = {"type": "object", "required": ["sender"]}
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True)
class PostConfig:
    """What the process is given. `folder` is its own; `secret` is shared with the portal."""

    folder: Path
    secret: str
    smtp_port: int


class Post:
    """The routes and what they share."""

    def __init__(self, config: PostConfig, clock: Clock) -> None:
        self._config, self._clock, self._pages = config, clock, Pages()
        self.box = Box(config.folder)
        self.reporter = Reporter(box=self.box, secret=config.secret, clock=clock)
        self.mail = MailServer(box=self.box, clock=clock, port=config.smtp_port)
        self._metrics = CollectorRegistry()
        self._texts = Counter(
            "post_texts", "Text messages by outcome", ["outcome"], registry=self._metrics
        )

    def routes(self) -> list[Route]:
        """Return the table of routes."""
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/messages", self.message, methods=["POST"]),
            Route("/ping", self.ping, methods=["POST"]),
            Route("/post.css", self.stylesheet, methods=["GET"]),
            Route("/healthz", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """Show what arrived."""
        asked = request.query_params.get("lang", "")
        language = asked if asked in LANGUAGES else "az"
        headers = {
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        shown = self._pages.letters(self.box.letters(), language=language)
        return Response(shown, media_type="text/html", headers=headers)

    async def message(self, request: Request) -> Response:
        """Take a text: 202, or 200 when its reference was taken before."""
        try:
            asked = await self._asked(request, "message", _MESSAGE)
        except PencereError as error:
            self._texts.labels(outcome="unsigned" if error.status == 403 else "malformed").inc()
            return JSONResponse({"error": error.code}, status_code=_status(error))
        number, now = asked["to"], self._now()
        state: State = _FATES.get(number[-2:], "arrived")
        letter = Letter(
            id=new_id(), kind="text", reference=asked["reference"], sender=asked["sender"],
            to=number, subject="", text=asked["text"], at=now, state=state,
            report_to="" if state == "refused" else asked["callback_url"], report_at=now + 1,
        )  # fmt: skip
        kept = self.box.put(letter)
        if kept is not letter and (kept.to, kept.text) != (letter.to, letter.text):
            return JSONResponse({"error": "reference.taken"}, status_code=409)
        self._texts.labels(outcome=kept.state if kept is letter else "again").inc()
        if kept.state == "refused":
            return JSONResponse({"error": "number.refused"}, status_code=422)
        return JSONResponse({"id": kept.id}, status_code=202 if kept is letter else 200)

    async def ping(self, request: Request) -> Response:
        """Say that the caller is known."""
        try:
            await self._asked(request, "ping", _PING)
        except PencereError as error:
            return JSONResponse({"error": error.code}, status_code=_status(error))
        return Response(status_code=204)

    async def stylesheet(self, request: Request) -> Response:
        """Serve the one stylesheet."""
        return Response(
            self._pages.stylesheet,
            media_type="text/css",
            headers={"Cache-Control": "public, max-age=3600"},
        )

    async def health(self, request: Request) -> Response:
        """Say whether the mail server listens and the folder can be written."""
        checks = [
            {"name": "folder", "ok": self._config.folder.is_dir(), "detail": "letters"},
            {"name": "smtp", "ok": self.mail.listens, "detail": "listens"},
        ]
        ok = all(check["ok"] for check in checks)
        return JSONResponse({"healthy": ok, "checks": checks}, status_code=200 if ok else 503)

    async def metrics(self, request: Request) -> Response:
        """Serve the counters."""
        return Response(
            generate_latest(self._metrics), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _asked(self, request: Request, kind: Kind, schema: dict[str, Any]) -> Any:
        body = await request.body()
        if len(body) > LARGEST_BYTES:
            raise Invalid("message.malformed")
        verify(
            secret=self._config.secret,
            kind=kind,
            timestamp=request.headers.get("Pencere-Sms-Timestamp"),
            signature=request.headers.get("Pencere-Sms-Signature"),
            body=body,
            now=self._now(),
        )
        try:
            asked = json.loads(body)
            jsonschema.validate(asked, schema)
        except (ValueError, jsonschema.ValidationError) as error:
            raise Invalid("message.malformed") from error
        return asked

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def create_app(config: PostConfig, *, clock: Clock | None = None) -> Starlette:
    """Return the post office. Mail server and reports start and stop with the application."""
    post = Post(config, clock or SystemClock())

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        post.mail.start()
        post.reporter.start()
        yield
        post.reporter.stop()
        post.mail.stop()

    app = Starlette(routes=post.routes(), lifespan=lifespan)
    app.state.post = post
    return app


def _status(error: PencereError) -> int:
    # The caller's key or clock is wrong, not the number: 401, after which it comes again.
    return 401 if error.status == 403 else error.status
