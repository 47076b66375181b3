"""`POST /validate`: the validation service over HTTP, open to everyone.

The body is the signed file, or a multipart form with it and what a detached signature is over.
Nothing is kept, and no more is logged than the form of the file and the indication.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from jinja2 import Environment, StrictUndefined, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from pencere.documents.texts import texts
from pencere.documents.validation.policy import POLICIES
from pencere.documents.validation.pool import Pool
from pencere.documents.validation.report import LARGEST_FILE_BYTES, Report
from pencere.documents.validation.request import Request
from pencere.documents.validation.trust_store import TrustStore
from pencere.kernel.clock import Clock
from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.text import LANGUAGES
from pencere.trust.server.bodies import read_body

_MOST_FILES = 16
_XML = "application/xml"


class TooMany(PencereError):  # noqa: N818 - named as its family is
    """A client asks more often than one may."""

    status = 429


@dataclass
class Allowance:
    """How often one address may ask: `burst` at once, one more every `seconds` after that.

    Addresses are kept in memory only, and only the newest `most`.
    """

    burst: int = 20
    seconds: float = 2.0
    most: int = 10_000
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, init=False)

    def spend(self, address: str, now: float) -> None:
        """Count one question.

        Raises:
            TooMany: `request.too_many`.
        """
        left, since = self._left.pop(address, (float(self.burst), now))
        left = min(float(self.burst), left + (now - since) / self.seconds)
        self._left[address] = (max(left - 1, 0.0), now)
        while len(self._left) > self.most:
            self._left.popitem(last=False)
        if left < 1:
            raise TooMany("request.too_many", count=self.burst)


@dataclass(frozen=True)
class ValidationService:
    """What the route needs. `pool` is shared by all requests."""

    store: TrustStore
    clock: Clock
    pool: Pool = field(default_factory=Pool)
    allowance: Allowance = field(default_factory=Allowance)

    @property
    def routes(self) -> list[Route]:
        """The routes, for the application they are mounted in."""
        return [Route("/validate", self.validate, methods=["POST"], name="validate")]

    async def validate(self, request: HttpRequest) -> Response:
        """Judge a file and answer in the form that is asked for."""
        self.allowance.spend(request.client.host if request.client else "", time.monotonic())
        policy = request.query_params.get("policy", "pencere")
        if policy not in POLICIES:
            raise Invalid("request.field", field="policy")
        form = _form_of(request.headers.get("accept", ""))
        content, detached = await _given(request)
        report = await run_in_threadpool(self._judge, content, detached, policy, form == _XML)
        return _answer(report, form, _language(request.headers.get("accept-language", "")))

    def _judge(
        self, content: bytes, detached: Mapping[str, bytes], policy: str, wants_xml: bool
    ) -> Report:
        return self.pool.judge(
            Request(
                content=content,
                anchors=tuple(one.public_bytes(Encoding.DER) for one in self.store.anchors()),
                at=self.clock.now(),
                detached=detached,
                policy=policy,
                lists=self.store.lists(),
                list_signers=tuple(one.public_bytes(Encoding.DER) for one in self.store.signers()),
                wants_xml=wants_xml,
            )
        )


async def _given(request: HttpRequest) -> tuple[bytes, dict[str, bytes]]:
    body = await read_body(request, LARGEST_FILE_BYTES + 65_536)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return body, {}

    async def whole() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    again = HttpRequest(request.scope, whole)
    try:
        async with again.form(max_files=_MOST_FILES, max_fields=_MOST_FILES) as form:
            signed = [one for one in form.getlist("file") if isinstance(one, UploadFile)]
            others = [one for one in form.getlist("detached") if isinstance(one, UploadFile)]
            contents = [await one.read() for one in (*signed, *others)]
    except Exception as error:  # whatever the parser of forms raises for what is no form
        raise Invalid("request.field", field="form") from error
    if len(signed) != 1:
        raise Invalid("request.field", field="file")
    names = [one.filename or f"file-{number}" for number, one in enumerate(others)]
    return contents[0], dict(zip(names, contents[1:], strict=True))


def _form_of(accepted: str) -> str:
    """Return the first of our forms that a client accepts; JSON when it does not say."""
    for one in accepted.lower().split(","):
        kind = one.split(";")[0].strip()
        if kind in {_XML, "text/xml"}:
            return _XML
        if kind == "text/html":
            return "text/html"
        if kind in {"application/json", "*/*"}:
            break
    return "application/json"


def _language(accepted: str) -> str:
    for one in accepted.lower().split(","):
        language = one.split(";")[0].strip()[:2]
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def _answer(report: Report, form: str, language: str) -> Response:
    headers = {"cache-control": "no-store", "vary": "accept, accept-language"}
    if form == _XML and report.etsi_xml is not None:
        return Response(report.etsi_xml, media_type=_XML, headers=headers)
    if form == "text/html":
        page = _template().render(in_words(report, language))
        return HTMLResponse(page, headers={**headers, "content-security-policy": _POLICY})
    return JSONResponse(
        {**report.as_json(), "words": {one: in_words(report, one) for one in LANGUAGES}},
        headers=headers,
    )


_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def in_words(report: Report, language: str) -> dict[str, Any]:
    """Return the report in sentences of a language, for a page or a letter."""
    reasons, labels = texts("reasons"), texts("report")

    def sentences(codes: tuple[str, ...]) -> list[str]:
        return [reasons[code].in_language(language) for code in codes]

    return {
        "language": language,
        "heading": texts("verdicts")[report.verdict.value].in_language(language),
        "verdict": report.verdict.value,
        "labels": {key: text.in_language(language) for key, text in labels.items()},
        "reasons": sentences(report.reasons),
        "signatures": [
            {
                "verdict": one.verdict.value,
                "signer": "" if one.signer is None else one.signer.name,
                "organization": (one.signer.organization or "") if one.signer else "",
                "issuer": "" if one.signer is None else one.signer.issuer,
                "level": one.level,
                "time": format_instant(one.signed_at, language) if one.signed_at else "",
                "reasons": sentences(one.reasons),
                "is_qualified": bool(one.quality and one.quality.is_qualified),
                "is_in_device": bool(one.quality and one.quality.is_in_device),
            }
            for one in report.signatures
        ],
    }


@cache
def _template() -> Any:
    file = files("pencere.documents.validation") / "report.html"
    environment = Environment(undefined=StrictUndefined, autoescape=select_autoescape())
    return environment.from_string(
        "{% autoescape true %}" + file.read_text(encoding="utf-8") + "{% endautoescape %}"
    )
