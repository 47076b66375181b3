"""The applications as an ASGI application: choose whose, open a link, confirm, done."""

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.simulators.phones.sim import Sim
from pencere.simulators.sima.container import LONGEST_LINK, Question
from pencere.simulators.sima.pages import LANGUAGES, Pages
from pencere.simulators.sima.wallet import PURPOSES, Wallet

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).parent
# The look is that of the phones beside.
_STATIC = {
    "phones.css": _HERE.parent / "phones" / "static" / "phones.css",
    "sima.css": _HERE / "static" / "sima.css",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
LARGEST_FORM = 2 * LONGEST_LINK


@dataclass(frozen=True)
class SimaConfig:
    """What the process is given: the applications' keys, and relying parties by id."""

    folder: Path
    passphrase: str
    clients: dict[str, str]
    clock: Clock = field(default_factory=SystemClock)


class Wallets:
    """All applications of the folder; one that appears later is found when it is looked for."""

    def __init__(self, config: SimaConfig) -> None:
        self._config = config
        self._wallets: dict[str, Wallet] = {}

    def all(self) -> list[Wallet]:
        """Return the applications by their owners' short names."""
        folder = self._config.folder
        for path in sorted(folder.glob("*/signature.crt")) if folder.is_dir() else []:
            name = path.parent.name
            if name not in self._wallets and _NAME.fullmatch(name):
                sim = Sim(path.parent, self._config.passphrase)
                self._wallets[name] = Wallet(sim, self._config.clients, self._config.clock)
        return [self._wallets[name] for name in sorted(self._wallets)]

    def find(self, name: str) -> Wallet:
        """Return one application."""
        self.all()
        if name not in self._wallets:
            raise Missing("app.missing")
        return self._wallets[name]


class Desk:
    """The routes and what they share."""

    def __init__(self, config: SimaConfig) -> None:
        self._wallets = Wallets(config)
        self._pages = Pages()
        self._metrics = CollectorRegistry()
        self._acts = Counter(
            "pencere_sima_acts", "Acts by result", ["act", "result"], registry=self._metrics
        )

    def routes(self) -> list[Route]:
        """Return the table of routes."""
        return [
            Route("/", self.start),
            Route("/web-to-app", self.start),
            Route("/{language}/", self.listing),
            Route("/{language}/apps/{name}", self.app),
            Route("/{language}/apps/{name}/{act}", self.act, methods=["POST"]),
            Route("/static/{file}", self.static),
            Route("/healthz", self.healthz),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    async def start(self, request: Request) -> Response:
        """Send to the list in the first language, with the link if one was opened."""
        query = f"?{urlencode({'data': _link(request)})}" if _link(request) else ""
        return RedirectResponse(f"/az/{query}", 303, headers=HEADERS)

    async def listing(self, request: Request) -> Response:
        """Show whose applications there are; a link goes along."""
        wallets = await run_in_threadpool(self._wallets.all)
        cards = [wallet.sim.card for wallet in wallets]
        return self._page("list.html", request, path="", cards=cards, link=_link(request))

    async def app(self, request: Request) -> Response:
        """Show one application: the field for a link, or what a link asks."""
        wallet = await run_in_threadpool(self._wallets.find, request.path_params["name"])
        link = _link(request)
        if not link:
            return self._app(wallet, request)
        try:
            question = await run_in_threadpool(wallet.look, link)
        except PencereError as error:
            return self._app(wallet, request, link=link, error=error)
        return self._app(wallet, request, link=link, question=question)

    async def act(self, request: Request) -> Response:
        """Open what is asked with the PIN, sign it, or refuse it."""
        wallet = await run_in_threadpool(self._wallets.find, request.path_params["name"])
        _refuse_foreign(request)
        if int(request.headers.get("content-length") or LARGEST_FORM + 1) > LARGEST_FORM:
            raise Invalid("form.too_large")
        form = await request.form(max_files=0, max_fields=10)
        sent = {key: value for key, value in form.items() if isinstance(value, str)}
        act = request.path_params["act"]
        try:
            response = await run_in_threadpool(self._act, act, wallet, request, sent)
        except PencereError as error:
            self._acts.labels(act if act in _ACTS else "other", error.code).inc()
            log.info("sima_act act=%s result=%s", act if act in _ACTS else "other", error.code)
            return await run_in_threadpool(self._again, wallet, request, sent, error)
        self._acts.labels(act, "done").inc()
        return response

    def _act(self, act: str, wallet: Wallet, request: Request, sent: dict[str, str]) -> Response:
        if act == "open":
            link = sent.get("data", "")[:LONGEST_LINK]
            question = wallet.look(link)
            handle = wallet.open(link, sent.get("pin", "").strip()[:10])
            if question.kind == "Auth":
                return self._done(request, wallet, wallet.sign(handle))
            return self._page(
                "document.html",
                request,
                path=f"apps/{wallet.sim.card.name}",
                card=wallet.sim.card,
                fetched=wallet.fetched(handle),
                handle=handle,
            )
        if act == "sign":
            return self._done(request, wallet, wallet.sign(sent.get("handle", "")[:40]))
        if act == "refuse":
            wallet.forget(sent.get("handle", "")[:40])
            return self._page("refused.html", request, path="", card=wallet.sim.card)
        raise Missing("app.missing")

    def _again(
        self, wallet: Wallet, request: Request, sent: dict[str, str], error: PencereError
    ) -> Response:
        """Show the question once more with the reason; a link that is over has no question."""
        link = sent.get("data", "")[:LONGEST_LINK]
        try:
            question = wallet.look(link) if error.code.startswith("pin.") else None
        except PencereError:
            question = None
        return self._app(wallet, request, link=link, question=question, error=error)

    def _done(self, request: Request, wallet: Wallet, question: Question) -> Response:
        back = question.back if urlsplit(question.back).netloc == question.host else ""
        return self._page("done.html", request, path="", card=wallet.sim.card, back=back)

    def _app(
        self,
        wallet: Wallet,
        request: Request,
        *,
        link: str = "",
        question: Question | None = None,
        error: PencereError | None = None,
    ) -> Response:
        language = _language(request)
        said = None
        if error is not None:
            facts = {"left": error.facts.get("left", 0), "reason": error.facts.get("reason", "")}
            said = self._pages.say(error.code, language, **facts)
        card = wallet.sim.card
        return self._page(
            "app.html",
            request,
            200 if error is None else error.status,
            path=f"apps/{card.name}" + (f"?{urlencode({'data': link})}" if link else ""),
            card=card,
            link=link,
            question=question,
            purpose=PURPOSES[question.kind] if question is not None else "",
            error=said,
        )

    async def static(self, request: Request) -> Response:
        """Give a stylesheet."""
        path = _STATIC.get(request.path_params["file"])
        if path is None:
            raise Missing("app.missing")
        headers = HEADERS | {"Cache-Control": "max-age=300"}
        return Response(path.read_bytes(), media_type="text/css", headers=headers)

    async def healthz(self, _request: Request) -> Response:
        """Tell how many applications there are."""
        count = len(await run_in_threadpool(self._wallets.all))
        check = {"name": "applications", "ok": True, "detail": f"{count} applications"}
        return JSONResponse({"healthy": True, "checks": [check]})

    async def metrics(self, _request: Request) -> Response:
        """Give the figures."""
        return Response(generate_latest(self._metrics), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, _request: Request) -> Response:
        """Describe the routes."""
        return JSONResponse(json.loads((_HERE / "static" / "openapi.json").read_text("utf-8")))

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Answer an address with nothing behind it, or a form that is none of ours."""
        if not isinstance(error, PencereError):
            raise error
        return self._page("missing.html", request, error.status, path="")

    def _page(
        self, template: str, request: Request, status: int = 200, **facts: object
    ) -> Response:
        content = self._pages.page(template, _language(request), **facts)
        return Response(content, status, HEADERS, "text/html; charset=utf-8")


_ACTS = {"open", "sign", "refuse"}


def create_app(config: SimaConfig) -> Starlette:
    """Return the ASGI application of the simulator."""
    desk = Desk(config)
    return Starlette(routes=desk.routes(), exception_handlers={PencereError: desk.refuse})


def _link(request: Request) -> str:
    """Return the link that came along; the address in it may have been pasted bare."""
    given = request.query_params.get("data", "").strip()
    return given if len(given) <= LONGEST_LINK else ""


def _language(request: Request) -> str:
    language = request.path_params.get("language")
    return language if language in LANGUAGES else "az"


def _refuse_foreign(request: Request) -> None:
    """A page of another site must not press a button here."""
    origin = request.headers.get("origin")
    is_foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if is_foreign or request.headers.get("sec-fetch-site") == "cross-site":
        raise Refused("form.foreign")
