"""Styles and the script, served from inside the package under names that carry their digest.

A name changes with its content, so an answer may be kept for ever; nothing has to be collected
or copied at installation.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse

from pencere.kernel.errors import Misconfigured, Missing

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its public name, and its bytes as they are and packed."""

    public_name: str
    content_type: str
    content: bytes
    packed: bytes


@cache
def static_files() -> dict[str, StaticFile]:
    """Return all files by their own name."""
    return {file.name: _read(file) for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES}


def static_url(name: str) -> str:
    """Return the address of a file of `web/static`.

    Raises:
        Misconfigured: there is no such file.
    """
    try:
        return PREFIX + static_files()[name].public_name
    except KeyError:
        raise Misconfigured(
            file=str(FOLDER), key="static", value=name, example=", ".join(static_files())
        ) from None


@cache
def _by_public_name() -> dict[str, StaticFile]:
    return {file.public_name: file for file in static_files().values()}


def serve(request: HttpRequest, public_name: str) -> HttpResponse:
    """Answer with a file; a name whose digest is not of today's content is not found."""
    try:
        file = _by_public_name()[public_name]
    except KeyError:
        raise Missing("static.missing") from None
    is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(
        file.packed if is_packed else file.content, content_type=file.content_type
    )
    if is_packed:
        response["Content-Encoding"] = "gzip"
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = FOR_EVER
    return response


def _read(file: Path) -> StaticFile:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return StaticFile(
        public_name=f"{file.stem}.{digest}{file.suffix}",
        content_type=TYPES[file.suffix],
        content=content,
        packed=gzip.compress(content, 9, mtime=0),
    )
