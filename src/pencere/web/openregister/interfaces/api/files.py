"""Files to take away: bulk files of the job, DCAT-AP and CPSV-AP; and where a stable id leads."""

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from pencere.kernel.errors import Missing
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.classifiers.domain.reading import code_lists
from pencere.web.openregister.domain import bulk
from pencere.web.openregister.domain.snapshot import Stamp, snapshot
from pencere.web.openregister.exports import cpsv, dcat
from pencere.web.openregister.exports.names import FORMATS, addresses, serialize
from pencere.web.openregister.interfaces.api.answering import answer, answer_json, open_data
from pencere.web.rules import public, rule


@open_data
def bulk_list(request: HttpRequest) -> HttpResponse:
    """Give what there is, with date, size and digest."""
    found = bulk.newest()
    items = [
        {
            "address": str(addresses().api(f"bulk/{one.kind}.{one.format}")),
            "kind": one.kind,
            "format": one.format,
            "media_type": one.media_type,
            "made": one.made_at.isoformat(),
            "rows": one.rows,
            "bytes": len(bytes(one.content)),
            "sha256": bytes(one.sha256).hex(),
        }
        for one in found
    ]
    modified = max((one.made_at for one in found), default=settings.CLOCK.now())
    return answer_json(request, {"items": items}, modified)


@open_data
def bulk_file(request: HttpRequest, kind: str, form: str) -> HttpResponse:
    """Give a bulk file."""
    one = bulk.file(kind, form)
    name = f"{kind}-{one.made_at:%Y-%m-%d}.{form}"
    response = answer(request, bytes(one.content), one.media_type, one.made_at, name=name)
    response["Content-Digest"] = f"sha-256=:{bulk.encoded(bytes(one.sha256))}:"
    return response


@open_data
def export(request: HttpRequest, what: str, form: str) -> HttpResponse:
    """Give the catalogue as linked data."""
    if form not in FORMATS or what not in {"dcat", "cpsv"}:
        raise Missing("open_data.no_file")
    now = snapshot()
    if what == "cpsv":
        body = _cpsv(form)
    else:
        marks = tuple(bytes(one.sha256) for one in bulk.newest())
        body = _dcat(form, now.stamp, marks)
    return answer(request, body, FORMATS[form][1], now.modified, name=f"{what}.{form}")


@lru_cache(maxsize=3)
def _cpsv(form: str) -> bytes:
    """The catalogue of services is of the process; it is written once."""
    return serialize(cpsv.services(catalogue(), addresses()), form)


@lru_cache(maxsize=3)
def _dcat(form: str, stamp: Stamp, marks: tuple[bytes, ...]) -> bytes:
    """Written once for each state of the register and of its files."""
    del stamp, marks
    graph = dcat.catalogue(snapshot(), code_lists(), bulk.newest(), addresses())
    return serialize(graph, form)


@rule(public)
@require_safe
def stable(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    """Lead from a stable id to the page of the thing (303: the id names the thing, not a page)."""
    page = PAGES.get(kind)
    try:
        address = reverse("registry") if page is None else page(key)
    except NoReverseMatch as error:
        raise Missing("open_data.no_thing") from error
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def _dataset(key: str) -> str:
    parts = key.split("/")
    if parts[0] == "codelist" and len(parts) == 2:
        return reverse("registry_code_list", args=parts[1:])
    return reverse("registry_system", args=parts[:2]) if len(parts) >= 2 else reverse("registry")


# Where the page of a thing is, by the kind in its stable id. What has no page leads to the list.
PAGES: dict[str, Callable[[str], str]] = {
    "system": lambda key: reverse("registry_system", args=key.split("/", 1)),
    "dataset": _dataset,
    "service": lambda key: reverse("registry_system", args=key.split("/")[:2]) + "#services",
    "body": lambda key: reverse("registry_body", args=[key]),
    "concept": lambda key: reverse("registry_concept", args=[key]),
    "agreement": lambda key: reverse("registry_agreement", args=[key]),
    "codelist": lambda key: reverse("registry_code_list", args=[key]),
    "public-service": lambda key: reverse("service", args=[key]),
    "life-event": lambda key: reverse("life_event", args=[key]),
}
