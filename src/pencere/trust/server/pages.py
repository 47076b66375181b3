"""The centre's own pages: plain HTML that needs no script and loads nothing from elsewhere."""

from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pencere.kernel.errors import PencereError
from pencere.trust.remote.texts import section

LANGUAGES = ("az", "en", "ru")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pencere.trust.remote", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def page(  # noqa: PLR0913 -- what a page may be given beside its facts
    name: str,
    language: str,
    *,
    status: int = 200,
    problem: str | None = None,
    refresh: str | None = None,
    may_leave_to: str = "",
    languages: bool = True,
    **facts: Any,
) -> Response:
    """Return a page.

    `may_leave_to`: the address a form of it may be answered with; `refresh`: what the page goes
    on to by itself, as the header of that name says it.
    """
    body = (
        _environment()
        .get_template(f"{name}.jinja")
        .render(
            language=language,
            t={key: text.in_language(language) for key, text in section("page").items()},
            problem=problem,
            languages=languages,
            **facts,
        )
    )
    further = {} if refresh is None else {"Refresh": refresh}
    return HTMLResponse(body, status, headers=headers(may_leave_to) | further)


def headers(may_leave_to: str = "") -> dict[str, str]:
    """Return what every page is sent with."""
    policy = (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
        " frame-ancestors 'none';"
        f" form-action 'self'{_origin(may_leave_to)}"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def sentence(error: PencereError, language: str) -> str:
    """Return what a person is told of a refusal."""
    texts = section("refusal")
    text = texts.get(error.code, texts["other"]).in_language(language)
    return text.format_map({"left": error.facts.get("left", "")})


def language_of(request: Request, kept: str = "az") -> str:
    """Return the language that the address asks for, else the one that was kept."""
    wanted = request.query_params.get("lang", kept)[:2].lower()
    return wanted if wanted in LANGUAGES else "az"


def _origin(uri: str) -> str:
    """Return the source expression of an address, with a space before it; nothing for none."""
    parts = urlsplit(uri)
    if not parts.scheme or any(one in uri for one in " ;,'\"\r\n"):
        return ""
    if parts.scheme in ("http", "https") and parts.netloc:
        return f" {parts.scheme}://{parts.netloc}"
    return f" {parts.scheme}:"
