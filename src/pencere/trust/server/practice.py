"""`/cps`: the certification practice statement in short, in three languages."""

import html
from functools import cache
from importlib import resources
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pencere.kernel.text import LANGUAGES

# The whole page is text: nothing is loaded, nothing is run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = "body{max-width:40rem;margin:2rem auto;padding:0 1rem;font:1.05rem/1.6 sans-serif}"


async def statement(_: Request) -> Response:
    """Show the short form."""
    return Response(
        _page(),
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "max-age=3600"},
    )


@cache
def _page() -> str:
    file = resources.files("pencere.trust") / "practice.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    parts = []
    for language in LANGUAGES:
        texts = "".join(f"<p>{html.escape(one[language])}</p>" for one in content["sections"])
        title = html.escape(content["title"][language])
        parts.append(f'<section lang="{language}"><h2>{title}</h2>{texts}</section>')
    title = html.escape(content["title"]["az"])
    return (
        f'<!doctype html><html lang="az"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>Pəncərə</h1>{''.join(parts)}</body></html>"
    )


routes = [Route("/cps", statement, methods=["GET"], name="cps")]
