"""One line and one measurement a request: which route, never which address or whose.

The route is the pattern (`az/services/<slug:service>/`), so nothing that a person typed into an
address reaches the log.
"""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

Answer = Callable[[HttpRequest], HttpResponse]

_log = logging.getLogger("pencere.web.requests")
_requests = Counter(
    "pencere_requests_total", "Answers by route", ["role", "route", "method", "status"]
)
_seconds = Histogram(
    "pencere_request_seconds",
    "Time to an answer by route",
    ["role", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
_METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"}


class RequestLog:
    """Logs and measures."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        begun = time.perf_counter()
        response = self._get_response(request)
        took_s = time.perf_counter() - begun
        route = _route(request)
        method = request.method if request.method in _METHODS else "other"
        _requests.labels(settings.ROLE, route, method, response.status_code).inc()
        _seconds.labels(settings.ROLE, route).observe(took_s)
        _log.info(
            "request role=%s route=%s method=%s status=%d ms=%.1f",
            settings.ROLE,
            route,
            method,
            response.status_code,
            took_s * 1000,
        )
        return response


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return "none" if match is None else (match.route or "/")
