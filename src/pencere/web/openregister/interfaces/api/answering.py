"""What every answer of the API has: counting of anonymous readers, ETag, errors as JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date, parse_http_date_safe
from django.views.decorators.http import require_safe

from pencere.kernel.errors import PencereError
from pencere.web.people.domain import limits
from pencere.web.rules import public, rule
from pencere.web.texts import current_language, texts

# Many may stand behind one address; a program that wants everything takes the bulk files.
PER_ADDRESS = limits.Limit("open data from", most=600, window=timedelta(minutes=10))
TOO_MANY = 429
JSON = "application/json"

View = Callable[..., HttpResponse]


def open_data(view: View) -> View:
    """Make a view one of the API: for everybody, counted by address, errors as JSON."""

    @rule(public)
    @require_safe
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            address = request.META.get("REMOTE_ADDR", "")
            limits.count(PER_ADDRESS, address, at=settings.CLOCK.now())
        except PencereError as error:
            response = refusal(error, TOO_MANY)
            response["Retry-After"] = str(int(str(error.facts.get("n", 1))) * 60)
            return response
        try:
            return view(request, *args, **kwargs)
        except PencereError as error:
            return refusal(error, error.status)

    return answered


def refusal(error: PencereError, status: int) -> HttpResponse:
    """Return an error as the OpenAPI document shapes it."""
    key = f"error.{error.code}"
    known = texts()
    if key in known and known[key].placeholders <= error.facts.keys():
        facts = {name: error.facts[name] for name in known[key].placeholders}
        message = known.say(key, current_language(), **facts)
    else:
        message = known.say(f"error.status_{error.status}.lead", current_language())
    body = json.dumps({"code": error.code, "message": message}, ensure_ascii=False)
    response = HttpResponse(body.encode(), status=status, content_type=JSON)
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "no-store"
    return response


def answer_json(
    request: HttpRequest, body: Mapping[str, Any] | list[Any], modified: datetime
) -> HttpResponse:
    """Return JSON that may be kept and asked for again by its ETag."""
    return answer(request, json.dumps(body, ensure_ascii=False).encode(), JSON, modified)


def answer(
    request: HttpRequest, body: bytes, media_type: str, modified: datetime, *, name: str = ""
) -> HttpResponse:
    """Return bytes with validators; 304 where the reader has them. `name` makes it a download."""
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if _has(request, etag, modified):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        response = HttpResponse(body, content_type=media_type)
        if name:
            response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["ETag"] = etag
    response["Last-Modified"] = http_date(modified.timestamp())
    response["Cache-Control"] = "public, max-age=60"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _has(request: HttpRequest, etag: str, modified: datetime) -> bool:
    """Say whether the reader's copy is this one. An ETag, where given, alone decides (RFC 9110)."""
    given = request.headers.get("If-None-Match")
    if given is not None:
        tags = {one.strip().removeprefix("W/") for one in given.split(",")}
        return etag in tags or "*" in tags
    since = request.headers.get("If-Modified-Since")
    seconds = None if since is None else parse_http_date_safe(since)
    return seconds is not None and int(modified.timestamp()) <= seconds
