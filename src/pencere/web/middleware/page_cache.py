"""Whole public pages kept in memory, for those who come without a cookie.

A page takes part by `@page_cache(seconds)`. It is kept only when nothing in the answer belongs to
one reader: status 200, no cookie set, no other Vary than the two below, bounded size. A request
takes part only as a plain GET of a page with a language in its path, with no query, no cookie,
no authorisation and no range; the path holds the language, so one key serves one language.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from prometheus_client import Counter

from pencere.kernel.text import LANGUAGES
from pencere.web.middleware.compression import accepts_packed, pack

Answer = Callable[[HttpRequest], HttpResponse]

LARGEST_PAGE_BYTES = 300_000
LARGEST_CACHE_BYTES = 32_000_000
_OWN_VARY = {"cookie", "accept-encoding"}

_lookups = Counter("pencere_page_cache_lookups_total", "Public page requests", ["result"])


def page_cache(
    seconds: int,
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Mark the answers of a view as the same for everyone without a cookie, for so long."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = view(request, *args, **kwargs)
            if response.status_code == 200 and getattr(request, "visit", None) is None:
                response.page_cache_s = seconds  # type: ignore[attr-defined]
            return response

        return marked

    return decorate


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page as bytes, plain and packed, with its headers."""

    plain: bytes
    packed: bytes
    headers: tuple[tuple[str, str], ...]
    etag: str
    until: float

    @property
    def size_bytes(self) -> int:
        """The room it takes."""
        return len(self.plain) + len(self.packed)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the page, or 304 when the browser holds it already."""
        if request.headers.get("If-None-Match") == self.etag:
            response = HttpResponse(status=304)
            del response["Content-Type"]
        elif accepts_packed(request):
            response = HttpResponse(self.packed)
            response["Content-Encoding"] = "gzip"
        else:
            response = HttpResponse(self.plain)
        for name, value in self.headers:
            if response.status_code != 304 or name != "Content-Type":
                response[name] = value
        response["ETag"] = self.etag
        if response.status_code == 200:
            response["Content-Length"] = str(len(response.content))
        return response


class PageCache:
    """The outermost middleware. Least recently used pages leave when the room is full."""

    def __init__(
        self, get_response: Answer, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._get_response = get_response
        self._monotonic = monotonic
        self._pages: OrderedDict[tuple[str, str], KeptPage] = OrderedDict()
        self._size_bytes = 0
        self._lock = Lock()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        if not _may_be_kept_for(request):
            return self._pack(request, self._get_response(request))
        key = (request.META.get("HTTP_HOST", ""), request.path_info)
        page = self._find(key)
        if page is not None:
            _lookups.labels("hit").inc()
            return page.answer(request)
        response = self._get_response(request)
        page = self._kept(response)
        if page is None:
            return self._pack(request, response)
        _lookups.labels("miss").inc()
        self._store(key, page)
        return page.answer(request)

    def _find(self, key: tuple[str, str]) -> KeptPage | None:
        with self._lock:
            page = self._pages.get(key)
            if page is None:
                return None
            if page.until <= self._monotonic():
                self._size_bytes -= self._pages.pop(key).size_bytes
                return None
            self._pages.move_to_end(key)
            return page

    def _kept(self, response: HttpResponse) -> KeptPage | None:
        seconds = getattr(response, "page_cache_s", None)
        vary = {name.strip().lower() for name in response.get("Vary", "").split(",") if name}
        if (
            seconds is None
            or response.status_code != 200
            or response.streaming
            or response.cookies
            or vary - _OWN_VARY
            or len(response.content) > LARGEST_PAGE_BYTES
            or response.has_header("Content-Encoding")
        ):
            return None
        patch_vary_headers(response, ["Cookie", "Accept-Encoding"])
        return KeptPage(
            plain=response.content,
            packed=pack(response.content),
            headers=tuple((k, v) for k, v in response.items() if k != "Content-Length"),
            etag=f'"{sha256(response.content).hexdigest()[:24]}"',
            until=self._monotonic() + seconds,
        )

    def _store(self, key: tuple[str, str], page: KeptPage) -> None:
        with self._lock:
            if key in self._pages:
                self._size_bytes -= self._pages.pop(key).size_bytes
            self._pages[key] = page
            self._size_bytes += page.size_bytes
            while self._size_bytes > LARGEST_CACHE_BYTES:
                self._size_bytes -= self._pages.popitem(last=False)[1].size_bytes

    def _pack(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Pack a page that took part in nothing: someone with a cookie reads it."""
        if not hasattr(response, "page_cache_s") or response.has_header("Content-Encoding"):
            return response
        patch_vary_headers(response, ["Cookie", "Accept-Encoding"])
        if accepts_packed(request) and not response.streaming:
            response.content = pack(response.content)
            response["Content-Encoding"] = "gzip"
            response["Content-Length"] = str(len(response.content))
        return response


def _may_be_kept_for(request: HttpRequest) -> bool:
    meta = request.META
    return (
        request.method == "GET"
        and not meta.get("QUERY_STRING")
        and not meta.get("HTTP_COOKIE")
        and not meta.get("HTTP_AUTHORIZATION")
        and not meta.get("HTTP_RANGE")
        and request.path_info[1:].partition("/")[0] in LANGUAGES
    )
