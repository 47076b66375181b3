"""Collects the routes of packages of pages.

A package `pencere.web.portal.<name>` with a module `urls` brings `urlpatterns` (below the
language) and, where it needs them, `plain_urlpatterns` (below the root, e.g. a callback). A data
app brings the same in `interfaces/portal_urls.py` or `interfaces/office_urls.py`.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from django.conf.urls.i18n import i18n_patterns
from django.urls import URLPattern, URLResolver, path

from pencere.web.health import healthz, metrics
from pencere.web.rules import public, rule
from pencere.web.settings.apps import DATA
from pencere.web.static_files import PREFIX, serve

WEB = Path(__file__).parents[1]
Routes = list[URLPattern | URLResolver]


def routes(role: str, pages: Routes, plain: Routes) -> Routes:
    """Return all routes of a role: its own and those its packages bring."""
    for module in _modules(role):
        pages = [*pages, *getattr(module, "urlpatterns", [])]
        plain = [*plain, *getattr(module, "plain_urlpatterns", [])]
    return [
        path("healthz", healthz, name="healthz"),
        path("metrics", metrics, name="metrics"),
        path(f"{PREFIX[1:]}<str:public_name>", rule(public)(serve), name="static"),
        *plain,
        *i18n_patterns(*pages),
    ]


def _modules(role: str) -> list[object]:
    names = [
        f"pencere.web.{role}.{folder.name}.urls"
        for folder in sorted((WEB / role).iterdir() if (WEB / role).is_dir() else [])
        if (folder / "urls.py").exists()
    ]
    names += [
        f"pencere.web.{app}.interfaces.{role}_urls"
        for app in DATA
        if (WEB / app / "interfaces" / f"{role}_urls.py").exists()
    ]
    return [import_module(name) for name in names if find_spec(name) is not None]
