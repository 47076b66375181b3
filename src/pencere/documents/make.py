"""Documents as PDF/A-2a and PDF/UA-1, set by typst in this process.

A template is a typst file that may lie anywhere; `#import "@pencere/letterhead:1.0.0": *` gives
it the sheet. See docs/how-to/write-a-document.md.
"""

import io
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import segno
import typst
from babel.dates import get_month_names

from pencere.documents.code import grouped, parse_code
from pencere.documents.texts import texts
from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.text import LANGUAGES

STANDARDS: Final[list["typst.PDFStandard"]] = ["a-2a", "ua-1"]

_PACKAGES = Path(__file__).parent / "templates"
_FONTS = typst.Fonts(include_system_fonts=False)


class TemplateError(PencereError):
    """A template does not compile with these facts: `document.template`, with the place."""


@dataclass
class _Kept:
    """A compiler keeps parsed sources and fonts, so that a second document costs milliseconds."""

    compiler: typst.Compiler
    lock: threading.Lock = field(default_factory=threading.Lock)


_compilers: dict[Path, _Kept] = {}
_compilers_lock = threading.Lock()


def make_pdf(  # noqa: PLR0913 - the last two have defaults
    template: Path,
    facts: Mapping[str, object],
    language: str,
    verification_url: str,
    *,
    document: Mapping[str, object] | None = None,
    made_at: datetime | None = None,
) -> bytes:
    """Set `template` with `facts` and return a tagged PDF.

    `facts`: what JSON can hold, dates besides. `verification_url`: ends in `/v/<code>`.
    `document`: what the letterhead shows, all optional: `authority` (text, or `{az, en, ru}`),
    `number`, `issued_on` (ISO date). `made_at`: the instant written into the file; the same
    arguments with the same instant give the same bytes.

    Raises:
        Invalid: `text.unknown_language`, or `document_code.invalid` when the URL ends in no code.
        TemplateError: `document.template` with typst's message.
    """
    if language not in LANGUAGES:
        raise Invalid("text.unknown_language", language=language[:16])
    data = _inputs(facts, language, verification_url, document or {})
    kept = _kept(template.resolve())
    try:
        with kept.lock:
            pages = kept.compiler.compile(
                format="pdf",
                sys_inputs={"data": data},
                pdf_standards=STANDARDS,
                timestamp=int(made_at.timestamp()) if made_at else None,
            )
    except typst.TypstError as error:
        raise TemplateError(
            "document.template", template=template.name, problem=error.message, hints=error.hints
        ) from error
    # One file comes as bytes; only images come as a list of pages.
    return pages if isinstance(pages, bytes) else b"".join(pages or ())


def _inputs(
    facts: Mapping[str, object],
    language: str,
    verification_url: str,
    document: Mapping[str, object],
) -> str:
    parts = urlsplit(verification_url)
    code = parse_code(parts.path.rpartition("/")[2])
    shown = f"{parts.netloc}{parts.path.rpartition('/')[0]}"
    months = get_month_names("wide", locale=language)
    return json.dumps(
        {
            "facts": dict(facts),
            "document": dict(document),
            "language": language,
            "months": [months[n] for n in range(1, 13)],
            "texts": {key: text.in_language(language) for key, text in texts("letterhead").items()},
            "verification_url": verification_url,
            "verification_shown": shown,
            "code": grouped(code),
            "qr": _qr_svg(verification_url),
        },
        ensure_ascii=False,
        default=_iso,
    )


def _qr_svg(url: str) -> str:
    svg = io.BytesIO()
    # Level M survives a fold or a stamp; the quiet zone of 4 is part of the standard.
    segno.make(url, error="m", micro=False).save(svg, kind="svg", border=4, xmldecl=False)
    return svg.getvalue().decode()


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise Invalid("document.fact", type=type(value).__name__)


def _kept(template: Path) -> _Kept:
    with _compilers_lock:
        if template not in _compilers:
            _compilers[template] = _Kept(
                typst.Compiler(
                    template,
                    root=template.parent,
                    font_paths=_FONTS,
                    ignore_system_fonts=True,
                    package_path=_PACKAGES,
                    package_cache_path=_PACKAGES,
                )
            )
        return _compilers[template]
