"""OpenAPI documents in the form of services: with a new service, or for one that is described."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from pencere.kernel.errors import Invalid, PencereError
from pencere.web.people.models.person import Person
from pencere.web.stateregister.domain import openapi
from pencere.web.stateregister.domain.accord_document import keep
from pencere.web.stateregister.domain.exchange_data import EVENTS
from pencere.web.texts import t

Service = dict[str, Any]


def kept_document(data: bytes, *, by: Person, at: datetime) -> tuple[str, list[list[str]]]:
    """Keep a document as it was handed in; return its SHA-256 in hex and its operations.

    Raises:
        Invalid: as `openapi.read_document`.
    """
    endpoints = openapi.read_document(data).endpoints
    return keep(data, openapi.media_type(data), by=by, at=at).hex(), endpoints


def with_document(
    request: HttpRequest, services: list[Service], *, by: Person, at: datetime
) -> list[Service]:
    """Give the document that was sent to the service it was sent for; the rest of it stays.

    Raises:
        Invalid: as `kept_document`; `stateregister.openapi_service`.
    """
    given, code = request.FILES.get("document"), request.POST.get("document_of", "")
    if given is None:
        return services
    if code not in {one["code"] for one in services if one["code"] != EVENTS}:
        raise Invalid("stateregister.openapi_service")
    sha256, endpoints = kept_document(given.read(openapi.LARGEST + 1), by=by, at=at)
    added = {
        "kind": "OPENAPI",
        "endpoints": endpoints,
        "description": "/openapi.json",
        "openapi_sha256": sha256,
    }
    return [one | added if one["code"] == code else one for one in services]


def said_of(service: Service) -> str:
    """Say which document a service has: its title and version; empty where it has none."""
    if not service.get("openapi_sha256"):
        return ""
    try:
        of = openapi.document_of(service["openapi_sha256"])
    except PencereError:  # kept before documents were checked as they are now
        return t("stateregister.form.openapi")
    words = " ".join(filter(None, (of.title, of.version)))
    return f"{t('stateregister.form.openapi')}: {words}" if words else ""
