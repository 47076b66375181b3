"""The phones as an ASGI application: pages, forms, and the same forms as JSON.

A caller that accepts `application/json` is answered with it: `{"request": ...}` for a phone,
`{"done": true}` or `{"error": code}` for a form.
"""

import json
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.simulators.phones.enrolling import Enrolling
from pencere.simulators.phones.link import Link
from pencere.simulators.phones.pages import LANGUAGES, Pages
from pencere.simulators.phones.phone import Phone
from pencere.simulators.phones.sim import PURPOSES, Pins
from pencere.simulators.phones.split import SplitSim

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC = {"phones.css": "text/css", "phones.js": "text/javascript"}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
LARGEST_FORM = 4096


@dataclass(frozen=True)
class PhonesConfig:
    """What the process is given. `folder` holds a folder for each phone."""

    folder: Path
    trust_url: str
    passphrase: str
    clock: Clock = field(default_factory=SystemClock)


class Phones:
    """All phones of the folder; one that appears later is taken up when it is looked at."""

    def __init__(self, config: PhonesConfig) -> None:
        self._config = config
        self._phones: dict[str, Phone] = {}
        self._enrolling = Enrolling(config.trust_url)
        self._lock = threading.Lock()

    def all(self) -> list[Phone]:
        """Return the phones by their owners' short names."""
        folder = self._config.folder
        for path in sorted(folder.glob("*/card.json")) if folder.is_dir() else []:
            name = path.parent.name
            if name not in self._phones and _NAME.fullmatch(name):
                sim = SplitSim(path.parent, self._config.passphrase)
                link = Link(sim, self._config.trust_url)
                link.start()
                self._phones[name] = Phone(sim, link, self._config.clock, self._enrolling)
        return [self._phones[name] for name in sorted(self._phones)]

    def enrol(self, number: str, code: str, pins: Pins) -> Phone:
        """Make a new phone for an application; what it raises is said at `Enrolling.enrol`."""
        with self._lock:  # two presses of one button are one phone
            config = self._config
            name = self._enrolling.enrol(config.folder, number, code, pins, config.passphrase)
        return self.find(name)

    def find(self, name: str) -> Phone:
        """Return one phone."""
        for phone in self.all():
            if phone.name == name:
                return phone
        raise Missing("phone.missing")

    def stop(self) -> None:
        """Let the lines go."""
        for phone in self._phones.values():
            phone.link.stop()


class Desk:
    """The routes and what they share."""

    def __init__(self, config: PhonesConfig) -> None:
        self.phones = Phones(config)
        self._pages = Pages()
        self._metrics = CollectorRegistry()
        self._acts = Counter(
            "pencere_phones_acts", "Acts by result", ["act", "result"], registry=self._metrics
        )

    def routes(self) -> list[Route]:
        """Return the table of routes."""
        return [
            Route("/", self.start),
            Route("/{language}/", self.listing),
            Route("/{language}/new", self.new),
            Route("/{language}/new", self.enrol, methods=["POST"]),
            Route("/{language}/phones/{name}", self.phone),
            Route("/{language}/phones/{name}/{act}", self.act, methods=["POST"]),
            Route("/static/{file}", self.static),
            Route("/healthz", self.healthz),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    async def start(self, _request: Request) -> Response:
        """Send to the list in the first language."""
        return RedirectResponse("/az/", 303, headers=HEADERS)

    async def listing(self, request: Request) -> Response:
        """Show all phones."""
        language = _language(request)
        phones = await run_in_threadpool(self.phones.all)
        screens = [phone.screen() for phone in phones]
        return _html(self._pages.listing(screens, language=language))

    async def new(self, request: Request) -> Response:
        """Show the form for a new phone."""
        return _html(self._pages.new(language=_language(request)))

    async def enrol(self, request: Request) -> Response:
        """Make a new phone for an application and its code."""
        language, form = await self._form(request)
        pins = _pins(form)
        number, code = _field(form, "number"), _field(form, "code")
        try:
            phone = await run_in_threadpool(self.phones.enrol, number, code, pins)
        except PencereError as error:
            self._acts.labels("enrol", error.code).inc()
            if _wants_json(request):
                content = {"error": error.code, **error.facts}
                return JSONResponse(content, error.status, headers=HEADERS)
            sentence = self._pages.say(error.code, language, **_said(error))
            return _html(self._pages.new(language=language, error=sentence), error.status)
        self._acts.labels("enrol", "done").inc()
        if _wants_json(request):
            return JSONResponse({"done": True, "name": phone.name}, headers=HEADERS)
        target = f"/{language}/phones/{phone.name}?done=enrol"
        return RedirectResponse(target, 303, headers=HEADERS)

    async def _form(self, request: Request) -> tuple[str, FormData]:
        language = _language(request)
        _refuse_foreign(request)
        if int(request.headers.get("content-length") or LARGEST_FORM + 1) > LARGEST_FORM:
            raise Invalid("form.too_large")
        return language, await request.form(max_files=0, max_fields=10)

    async def phone(self, request: Request) -> Response:
        """Show one phone."""
        language = _language(request)
        phone = await run_in_threadpool(self.phones.find, request.path_params["name"])
        if _wants_json(request):
            return JSONResponse(_screen_json(phone), headers=HEADERS)
        done = request.query_params.get("done")
        is_known = done in _ACTS or done == "enrol"
        notice = self._pages.say(f"done_{done}", language) if is_known else None
        return _html(self._pages.phone(phone.screen(), language=language, notice=notice))

    async def act(self, request: Request) -> Response:
        """Confirm, cancel, or unblock."""
        language, act = _language(request), request.path_params["act"]
        _refuse_foreign(request)
        phone = await run_in_threadpool(self.phones.find, request.path_params["name"])
        work = _ACTS.get(act)
        if work is None:
            raise Missing("phone.missing")
        _, form = await self._form(request)
        try:
            await run_in_threadpool(work, phone, form)
        except PencereError as error:
            self._acts.labels(act, error.code).inc()
            log.info("phone_act act=%s result=%s", act, error.code)
            if _wants_json(request):
                content = {"error": error.code, **error.facts}
                return JSONResponse(content, error.status, headers=HEADERS)
            sentence = self._pages.say(error.code, language, **_said(error))
            page = self._pages.phone(phone.screen(), language=language, error=sentence)
            return _html(page, error.status)
        self._acts.labels(act, "done").inc()
        log.info("phone_act act=%s result=done", act)
        if _wants_json(request):
            return JSONResponse({"done": True}, headers=HEADERS)
        # The page after a form is fetched anew: going back or reloading sends nothing twice.
        target = f"/{language}/phones/{phone.name}?done={act}"
        return RedirectResponse(target, 303, headers=HEADERS)

    async def static(self, request: Request) -> Response:
        """Give the stylesheet or the script."""
        name = request.path_params["file"]
        if name not in _STATIC:
            raise Missing("phone.missing")
        content = (Path(__file__).parent / "static" / name).read_bytes()
        headers = HEADERS | {"Cache-Control": "max-age=300"}
        return Response(content, media_type=_STATIC[name], headers=headers)

    async def healthz(self, _request: Request) -> Response:
        """Tell how many phones have a line."""
        phones = await run_in_threadpool(self.phones.all)
        on = sum(phone.link.is_connected for phone in phones)
        check = {"name": "phones", "ok": True, "detail": f"{on} of {len(phones)} on the network"}
        return JSONResponse({"healthy": True, "checks": [check]})

    async def metrics(self, _request: Request) -> Response:
        """Give the figures."""
        return Response(generate_latest(self._metrics), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, _request: Request) -> Response:
        """Describe the routes."""
        file = Path(__file__).parent / "static" / "openapi.json"
        return JSONResponse(json.loads(file.read_text("utf-8")))

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Answer an address with nothing behind it, or a form that is none of ours."""
        if not isinstance(error, PencereError):
            raise error
        if _wants_json(request):
            return JSONResponse({"error": error.code}, error.status, headers=HEADERS)
        language = request.path_params.get("language")
        language = language if language in LANGUAGES else "az"
        return _html(self._pages.missing(language=language), error.status)


def create_app(config: PhonesConfig) -> Starlette:
    """Return the ASGI application of the phones."""
    desk = Desk(config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(desk.phones.all)
        yield
        desk.phones.stop()

    return Starlette(
        routes=desk.routes(), lifespan=lifespan, exception_handlers={PencereError: desk.refuse}
    )


def _confirm(phone: Phone, form: FormData) -> None:
    phone.confirm(_field(form, "request"), _field(form, "pin"))


def _cancel(phone: Phone, form: FormData) -> None:
    phone.cancel(_field(form, "request"))


def _unblock(phone: Phone, form: FormData) -> None:
    asked = _field(form, "purpose")
    for purpose in PURPOSES:
        if purpose == asked:
            phone.unblock(purpose, _field(form, "puk"), _field(form, "pin"))
            return
    raise Invalid("form.purpose")


def _pins(form: FormData) -> Pins:
    return Pins(_field(form, "pin1"), _field(form, "pin2"), _field(form, "puk"))


def _renew_puk(phone: Phone, form: FormData) -> None:
    phone.renew_puk(_field(form, "code"), _pins(form))


def _renew(phone: Phone, form: FormData) -> None:
    phone.renew(_pins(form))


_ACTS: dict[str, Callable[[Phone, FormData], None]] = {
    "confirm": _confirm,
    "cancel": _cancel,
    "unblock": _unblock,
    "puk": _renew_puk,
    "renew": _renew,
}


def _said(error: PencereError) -> dict[str, object]:
    """Return what a sentence may need of an error."""
    return {name: error.facts.get(name, 0) for name in ("left", "digits")}


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip()[:100] if isinstance(value, str) else ""


def _language(request: Request) -> str:
    language = request.path_params["language"]
    if language not in LANGUAGES:
        raise Missing("phone.missing")
    return str(language)


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _refuse_foreign(request: Request) -> None:
    """A page of another site must not press a button here."""
    origin = request.headers.get("origin")
    is_foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if is_foreign or request.headers.get("sec-fetch-site") == "cross-site":
        raise Refused("form.foreign")


def _html(content: str, status: int = 200) -> Response:
    return Response(content, status, HEADERS, "text/html; charset=utf-8")


def _screen_json(phone: Phone) -> dict[str, object]:
    screen = phone.screen()
    waiting = screen.request
    return {
        "connected": screen.is_connected,
        "tries_left": screen.tries_left,
        "puk_left": screen.puk_left,
        "days_left": screen.days_left,
        "further": screen.further,
        "request": waiting
        and {
            "id": waiting.id,
            "purpose": waiting.purpose,
            "relying_party": waiting.relying_party,
            "text": waiting.text,
            "code": waiting.code,
            "expires_at": waiting.expires_at.isoformat(),
        },
    }
