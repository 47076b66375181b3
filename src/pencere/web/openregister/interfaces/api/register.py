"""Systems, services, agreements, the graph, statistics."""

import csv
import io
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pencere.kernel.clock import local_date
from pencere.kernel.datafile import read_yaml
from pencere.kernel.errors import Missing
from pencere.web.country import country
from pencere.web.openregister.domain.audience import Audience, open_part
from pencere.web.openregister.domain.finding import FACETS, Question, find
from pencere.web.openregister.domain.graph import graph
from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.openregister.domain.statistics import statistics
from pencere.web.openregister.interfaces.api import OPENAPI_FILE, shapes
from pencere.web.openregister.interfaces.api.answering import answer, answer_json, open_data
from pencere.web.openregister.interfaces.api.paging import page_of
from pencere.web.stateregister.domain import openapi as openapi_documents
from pencere.web.stateregister.domain import reading
from pencere.web.stateregister.domain.exchange_data import ExchangeData, read_exchange
from pencere.web.texts import current_language

LARGEST_NUMBER = 2_000_000_000  # of a version; the database counts no further


@cache
def _exchange() -> ExchangeData:
    return read_exchange(country())


@cache
def openapi_document() -> dict[str, Any]:
    """Return the description of this API."""
    found = read_yaml(OPENAPI_FILE)
    if not isinstance(found, dict):
        raise TypeError("openapi.yaml is a mapping")
    return found


@open_data
def openapi(request: HttpRequest) -> HttpResponse:
    """Give the OpenAPI document."""
    return answer_json(request, openapi_document(), snapshot().modified)


@open_data
def systems(request: HttpRequest) -> HttpResponse:
    """Give systems, found by words and facets."""
    now = snapshot()
    asked = {name: request.GET.get(name, "")[:100] for name in FACETS}
    question = Question(words=request.GET.get("q", ""), **asked)
    found = find(question, now, current_language())
    return answer_json(request, page_of(request, found.systems, shapes.summary), now.modified)


@open_data
def system(request: HttpRequest, body: str, code: str) -> HttpResponse:
    """Give one system."""
    now = snapshot()
    one = now.systems.get(f"{body}/{code}")
    if one is None:
        raise Missing("stateregister.no_system")
    return answer_json(request, shapes.system(one, now, _exchange()), now.modified)


@open_data
def versions(request: HttpRequest, body: str, code: str) -> HttpResponse:
    """Give every version of a system's description, the newest first."""
    now = snapshot()
    found = list(reading.descriptions(reading.system(body, code)))
    return answer_json(request, page_of(request, found, shapes.version), now.modified)


@open_data
def services(request: HttpRequest) -> HttpResponse:
    """Give every service of systems in use."""
    now = snapshot()
    page = page_of(request, now.services, lambda one: shapes.service(one, _exchange()))
    return answer_json(request, page, now.modified)


@open_data
def service_openapi(request: HttpRequest, body: str, system: str, code: str) -> HttpResponse:
    """Give the OpenAPI document of a service, byte for byte as its body registered it."""
    now = snapshot()
    known = now.systems.get(f"{body}/{system}")
    found = next((one for one in known.services if one.code == code), None) if known else None
    if known is None or found is None or not found.openapi_sha256:
        raise Missing("stateregister.no_document")
    return _file(request, found.openapi_sha256, known.published, f"{body}-{system}-{code}")


@open_data
def version_openapi(
    request: HttpRequest, body: str, code: str, number: int, service: str
) -> HttpResponse:
    """Give the OpenAPI document of a service as a version of the description had it."""
    if f"{body}/{code}" not in snapshot().systems or number > LARGEST_NUMBER:
        raise Missing("stateregister.no_description")
    kept = reading.description_of(reading.system(body, code), number)
    content = open_part("description", kept.content, Audience.PUBLIC)
    offered = {one["code"]: one.get("openapi_sha256") for one in content.get("services", ())}
    if not offered.get(service):
        raise Missing("stateregister.no_document")
    name = f"{body}-{code}-{service}-{number}"
    return _file(request, offered[service], kept.made_at, name)


def _file(request: HttpRequest, sha256: str, modified: datetime, name: str) -> HttpResponse:
    content = bytes(reading.document(bytes.fromhex(sha256)).content)
    media_type = openapi_documents.media_type(content)
    return answer(
        request, content, media_type, modified, name=f"{name}.{media_type.rpartition('/')[2]}"
    )


@open_data
def agreements(request: HttpRequest) -> HttpResponse:
    """Give agreements; `system` narrows to one system's, `on` is not asked: all there ever were."""
    now, system_id = snapshot(), request.GET.get("system", "")
    found = now.agreements_of(system_id) if system_id else tuple(now.agreements.values())
    return answer_json(request, page_of(request, found, shapes.agreement), now.modified)


@open_data
def agreement(request: HttpRequest, key: str) -> HttpResponse:
    """Give one agreement."""
    now = snapshot()
    if key not in now.agreements:
        raise Missing("stateregister.no_agreement")
    return answer_json(request, shapes.agreement(now.agreements[key]), now.modified)


@open_data
def uses(request: HttpRequest) -> HttpResponse:
    """Give who uses what; `system` or `body` narrows."""
    now = snapshot()
    found = graph(now, on=local_date(settings.CLOCK.now()))
    if request.GET.get("system"):
        found = found.of_system(request.GET["system"])
    if request.GET.get("body"):
        found = found.of_body(request.GET["body"])
    return answer_json(request, page_of(request, found.edges, shapes.edge), now.modified)


@open_data
def figures(request: HttpRequest, form: str) -> HttpResponse:
    """Give the figures of today as JSON or CSV."""
    at = settings.CLOCK.now()
    found = statistics(snapshot(), on=local_date(at))
    if form == "json":
        return answer_json(request, found.as_json(), at.replace(minute=0, second=0, microsecond=0))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("figure", "of", "number"))
    writer.writerows(found.rows())
    body = ("\ufeff" + out.getvalue()).encode()
    return answer(
        request, body, "text/csv; charset=utf-8",
        at.replace(minute=0, second=0, microsecond=0), name="statistics.csv",
    )  # fmt: skip
