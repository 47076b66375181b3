"""From a reason to what the asker gets: status, sentence, and log line."""

import logging
import secrets
import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse

from pencere.kernel.datafile import Node
from pencere.kernel.errors import PencereError
from pencere.kernel.text import LANGUAGES, Text

_log = logging.getLogger("pencere.registers")

# RFC 9110, 13.1.1: the precondition of an If-Match was not met. RFC 6585: there is none.
_STATUS = {
    "version.stale": 412,
    "version.needed": 428,
    "bearer.wrong": 401,
    "json.too_long": 413,
    "data.invalid": 422,
}


@lru_cache(maxsize=1)
def sentences() -> Mapping[str, Text]:
    """Return the sentence of every code; the process does not start with one incomplete."""
    top = Node.of_file(Path(__file__).parent / "errors.yaml")
    return {str(code): top.child(code).own_text() for code in top.values}


def refusal(error: PencereError, request: Request) -> JSONResponse:
    """Answer with the reason: `{"type": code, "message": sentence, "detail": facts}`."""
    status = status_of(error)
    _log.info("request_refused code=%s status=%d", error.code, status)
    return _answer(status, error.code, error.facts, request)


def incident(error: Exception, request: Request) -> JSONResponse:
    """Answer that something is wrong with us; the log gets where, but not the values.

    A database error's text may quote a row, so only the kind of error and the lines are kept.
    """
    number = secrets.token_hex(6)
    lines = "".join(traceback.format_tb(error.__traceback__))
    _log.error("incident number=%s kind=%s\n%s", number, type(error).__name__, lines)
    return _answer(500, "internal", {"incident": number}, request)


def status_of(error: PencereError) -> int:
    """Return the HTTP status of a reason."""
    return _STATUS.get(error.code, error.status)


def _answer(status: int, code: str, facts: Mapping[str, object], request: Request) -> JSONResponse:
    text = sentences().get(code) or sentences()["internal"]
    message = text.in_language(_language(request))
    for name, value in {"incident": "-", **facts}.items():
        message = message.replace(f"{{{name}}}", str(value))
    detail = {name: value for name, value in facts.items() if value is not None}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"type": code, "message": message, "detail": detail}, status, headers)


def _language(request: Request) -> str:
    for asked in request.headers.get("accept-language", "").split(","):
        language = asked.split(";")[0].strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return "en"
