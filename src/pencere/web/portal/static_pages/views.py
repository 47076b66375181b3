"""Pages whose words are all in `locale/portal_start.yaml` under `pages.<name>`."""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.web.middleware.page_cache import page_cache
from pencere.web.rules import public, rule
from pencere.web.texts import texts

CACHED_S = 3600


@cache
def _sections(name: str) -> tuple[str, ...]:
    """Keys of the sections of a page, in the order of the file."""
    prefix = f"pages.{name}."
    keys = [sentence.key for sentence in texts() if sentence.key.startswith(prefix)]
    return tuple(
        key.removesuffix(".title") for key in keys if key.count(".") == 3 and key.endswith(".title")
    )


def _page(request: HttpRequest, name: str) -> HttpResponse:
    page = {"name": name, "sections": _sections(name)}
    return render(request, "portal/static_pages/page.jinja", page)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def help_page(request: HttpRequest) -> HttpResponse:
    """How to sign in, apply, pay, follow, and whom to ask."""
    return _page(request, "help")


@rule(public)
@require_safe
@page_cache(CACHED_S)
def accessibility(request: HttpRequest) -> HttpResponse:
    """What was done so that everybody can use the pages, and where to tell what does not work."""
    return _page(request, "accessibility")


@rule(public)
@require_safe
@page_cache(CACHED_S)
def personal_data(request: HttpRequest) -> HttpResponse:
    """What is kept about whom, for how long, and what one may ask."""
    return _page(request, "personal_data")


@rule(public)
@require_safe
@page_cache(CACHED_S)
def about(request: HttpRequest) -> HttpResponse:
    """What this is."""
    return _page(request, "about")
