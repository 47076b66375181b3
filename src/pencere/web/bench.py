"""How fast pages of the portal are answered, beside a view that returns a constant.

Everything runs in this process through WSGI, without a server between: the work of the pages
alone is compared. The person who is signed in for it is deleted again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from statistics import median
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import path

from pencere.kernel.identifiers import Fin
from pencere.web.people.domain import accounts, sessions
from pencere.web.people.vault import Identity
from pencere.web.rules import public, rule

CACHED_TARGET, SIGNED_IN_TARGET = 0.9, 0.5
ROUNDS, CALLS = 7, 60
PAGE = "/az/services/driving-licence-replace/"

Call = Callable[[], None]


@rule(public)
def constant(request: HttpRequest) -> HttpResponse:
    """Answer always the same."""
    del request
    return HttpResponse("constant")


urlpatterns = [path("constant", constant), path("az/constant", constant)]


def bench_portal_page() -> list[dict[str, object]]:
    """Return the JSON of `pencere bench portal-page`: public and cached, then signed in.

    `value` and `limit` are requests a second; `queries` what the page asks the database. Needs
    Django set up as the portal.
    """
    full, bare = WSGIHandler(), _without_middleware()
    with _someone_signed_in() as cookie:
        with _addresses(__name__):
            limits = [_rate(_call(bare, "/constant")), _rate(_call(full, "/az/constant", cookie))]
        cached, signed_in = _call(full, PAGE), _call(full, PAGE, cookie)
        rates = [_rate(cached), _rate(signed_in)]
        queries = [_queries(cached), _queries(signed_in)]
    names = ("portal-page-cached", "portal-page-signed-in")
    peers = ("a constant view without middleware", "a constant view under the full stack")
    targets = (CACHED_TARGET, SIGNED_IN_TARGET)
    return [
        {
            "name": name,
            "value": round(rate),
            "unit": "requests/s",
            "limit": round(limit),
            "limit_name": peer,
            "ratio": round(rate / limit, 3),
            "target": target,
            "runs": ROUNDS * CALLS,
            "queries": asked,
        }
        for name, rate, limit, peer, target, asked in zip(
            names, rates, limits, peers, targets, queries, strict=True
        )
    ]


def _without_middleware() -> WSGIHandler:
    kept, settings.MIDDLEWARE = settings.MIDDLEWARE, []
    try:
        return WSGIHandler()
    finally:
        settings.MIDDLEWARE = kept


@contextmanager
def _addresses(urlconf: str) -> Iterator[None]:
    kept, settings.ROOT_URLCONF = settings.ROOT_URLCONF, urlconf
    try:
        yield
    finally:
        settings.ROOT_URLCONF = kept


@contextmanager
def _someone_signed_in() -> Iterator[str]:
    """Give the cookie of a person who exists as long as this lasts."""
    now = settings.CLOCK.now()
    person = accounts.open_account(Identity(Fin("7BENCH7"), "Ad", "Soyad"), at=now)
    try:
        token = sessions.begin(person=person, assurance="high", device="bench", at=now)
        yield f"{settings.SESSION_COOKIE}={token}"
    finally:
        person.delete()


def _call(handler: WSGIHandler, address: str, cookie: str = "") -> Call:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": address,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_ACCEPT_ENCODING": "gzip",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie

    def call() -> None:
        response = handler(environ.copy(), _begun)
        b"".join(response)
        response.close()
        if response.status_code != 200:
            raise RuntimeError(f"{address} answered {response.status_code}")

    return call


def _begun(
    _status: str, _headers: list[tuple[str, str]], _error: object = None, /
) -> Callable[[bytes], object]:
    return len


def _rate(call: Call) -> float:
    call()
    seconds = []
    for _ in range(ROUNDS):
        begin = perf_counter()
        for _ in range(CALLS):
            call()
        seconds.append(perf_counter() - begin)
    return CALLS / median(seconds)


def _queries(call: Call) -> int:
    with CaptureQueriesContext(connection) as asked:
        call()
    return len(asked)
