"""From an error to what a person sees: a status, a sentence, an incident number. One table.

A `PencereError` carries its status; its sentence is `error.<code>` of the locale when there is
one, and the sentence of its status otherwise. Anything else is a fault of ours: the log gets the
traceback beside the incident number, the person gets the number.
"""

import logging
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string

from pencere.kernel.errors import PencereError
from pencere.web.texts import current_language, texts

Answer = Callable[[HttpRequest], HttpResponse]

_log = logging.getLogger("pencere.web.errors")

# Below it nobody reads a page.
API = "/api/"

LEVELS = {
    400: logging.INFO,
    403: logging.WARNING,
    404: logging.DEBUG,
    405: logging.INFO,
    409: logging.INFO,
    413: logging.INFO,
    500: logging.ERROR,
    503: logging.ERROR,
}

# Errors of the framework, by what they mean. The first that fits counts.
FOREIGN: tuple[tuple[type[BaseException], int], ...] = (
    (Http404, 404),
    (PermissionDenied, 403),
    (RequestDataTooBig, 413),
    (SuspiciousOperation, 400),
    (BadRequest, 400),
    (OperationalError, 503),
    (InterfaceError, 503),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of an error."""

    status: int
    code: str
    facts: dict[str, object]

    def sentence(self, language: str) -> str:
        """Say what happened and what to do."""
        known = texts()
        key = f"error.{self.code}"
        if key in known and known[key].placeholders <= self.facts.keys():
            wanted = {name: self.facts[name] for name in known[key].placeholders}
            return known.say(key, language, **wanted)
        return known.say(f"error.status_{self.status}.lead", language)

    def title(self, language: str) -> str:
        """Say it in a few words; a code may have a heading of its own."""
        known = texts()
        key = f"error.title.{self.code.replace('.', '_')}"
        return known.say(key if key in known else f"error.status_{self.status}.title", language)


def fault_of(error: BaseException | None) -> Fault:
    """Look an error up in the table."""
    if isinstance(error, PencereError):
        status = error.status if error.status in LEVELS else 500
        return Fault(status, error.code, dict(error.facts))
    for kind, status in FOREIGN:
        if isinstance(error, kind):
            return Fault(status, f"http.{status}", {})
    return Fault(500, "http.500", {})


def incident_number() -> str:
    """Return a number one can read out on the telephone, e.g. 4F7A-09C2."""
    digits = secrets.token_hex(4).upper()
    return f"{digits[:4]}-{digits[4:]}"


class Errors:
    """Turns what a view raised into a page."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; one by a method the address does not take gets a page too."""
        response = self._get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or request.method == "HEAD":
            return response
        page = answer(request, NotAllowedError("http.405"))
        page["Allow"] = response["Allow"]
        return page

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """Answer in place of the view."""
        return answer(request, error)


def answer(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """Log the error under an incident number and return its page, or JSON to who asked for it."""
    fault = fault_of(error)
    incident = incident_number()
    _log.log(
        LEVELS[fault.status],
        "refused incident=%s code=%s status=%d",
        incident,
        fault.code,
        fault.status,
        exc_info=error if fault.status == 500 else None,
    )
    language = current_language()
    sentence = fault.sentence(language)
    if "application/json" in request.headers.get("Accept", "") or request.path.startswith(API):
        facts = {"code": fault.code, "message": sentence, "incident": incident}
        return JsonResponse(facts, status=fault.status)
    page = {
        "fault": fault,
        "title": fault.title(language),
        "sentence": sentence,
        "incident": incident,
        "shows_incident": fault.status not in {404, 405},
    }
    if fault.status >= 500:
        request.visit = None  # type: ignore[attr-defined] # what failed may be what loads it
    html = render_to_string("components/pages/error.jinja", page, request)
    return HttpResponse(html, status=fault.status)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or old; Django's own wording stays in the log."""
    _log.info("csrf_refused reason=%r", reason[:80])
    return answer(request, ExpiredFormError("form.expired"))


class ExpiredFormError(PencereError):
    """A form that did not come from a page of ours, or from one opened too long ago."""

    status = 403


class NotAllowedError(PencereError):
    """An address that takes only forms was opened, or the other way round."""

    status = 405


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return answer(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return answer(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return answer(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500: also what a middleware raised comes here."""
    return answer(request, sys.exc_info()[1])
