"""The language of a request is the first part of its path; without one, what the browser asks."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation
from django.utils.cache import patch_vary_headers

from pencere.kernel.text import LANGUAGES

Answer = Callable[[HttpRequest], HttpResponse]


def preferred_language(accept_language: str) -> str:
    """Return the first of our languages that the header names, Azerbaijani when it names none."""
    ranked: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept_language[:200].split(",")):
        tag, _, weight = item.strip().partition(";q=")
        language = tag.strip().lower()[:2]
        if language in LANGUAGES:
            ranked.append((-_weight(weight), position, language))
    return min(ranked)[2] if ranked else LANGUAGES[0]


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


class LanguageOfAddress:
    """Activates the language, and sends `/` to the start page of one."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        language: str
        head = request.path_info[1:].partition("/")[0]
        if head in LANGUAGES:
            language = head
        else:
            language = preferred_language(request.headers.get("Accept-Language", ""))
        with translation.override(language):
            if request.path_info == "/":
                response: HttpResponse = HttpResponseRedirect(f"/{language}/")
            else:
                response = self._get_response(request)
        if head not in LANGUAGES:
            patch_vary_headers(response, ["Accept-Language"])
        response.headers.setdefault("Content-Language", language)
        return response
