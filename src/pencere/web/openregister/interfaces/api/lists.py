"""Code lists: all of them, one as of a day, a version, what a version changed."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Missing
from pencere.web.classifiers.domain import reading
from pencere.web.classifiers.domain.writing import FORMATS, document
from pencere.web.classifiers.models import CodeList, Version
from pencere.web.openregister.exports.names import addresses
from pencere.web.openregister.interfaces.api.answering import answer, answer_json, open_data
from pencere.web.openregister.interfaces.api.paging import day_of, page_of


@open_data
def code_lists(request: HttpRequest) -> HttpResponse:
    """Give every list with its versions."""
    found = reading.code_lists()
    newest = max((_modified(one) for one in found), default=settings.CLOCK.now())
    return answer_json(request, page_of(request, found, _list), newest)


@open_data
def code_list(request: HttpRequest, key: str) -> HttpResponse:
    """Give the version that holds today, or on the day `on`, with the codes of that day."""
    found = reading.code_list(key)
    on = day_of(request, "on", local_date(settings.CLOCK.now()))
    version = reading.version_on(found, on)
    codes = reading.codes_of(version, on=on)
    body = document(version, codes, _address(found))
    return answer_json(request, body, version.published_at)


@open_data
def code_list_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Give a version whole."""
    version = reading.version_of(reading.code_list(key), number)
    body = document(version, reading.codes_of(version), _address(version.code_list))
    return answer_json(request, body, version.published_at)


@open_data
def code_list_changes(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Give what a version changed of the one before it, or of version `since`."""
    found = reading.code_list(key)
    version = reading.version_of(found, number)
    since = request.GET.get("since", "")
    was: Version | None
    if since:
        if not (since.isascii() and since.isdigit() and len(since) < 6):
            raise Missing("code_list.no_version")
        was = reading.version_of(found, int(since))
    else:
        was = reading.before(version)
    old = [] if was is None else reading.codes_of(was)
    changed = reading.changes(old, reading.codes_of(version))
    body = {
        "id": found.id,
        "version": version.number,
        "since": None if was is None else was.number,
        "changes": [
            {
                "kind": one.kind,
                "code": one.code,
                "before": None if one.before is None else one.before.as_json(),
                "after": None if one.after is None else one.after.as_json(),
            }
            for one in changed
        ],
    }
    return answer_json(request, body, version.published_at)


@open_data
def code_list_file(request: HttpRequest, key: str, form: str) -> HttpResponse:
    """Give the version that holds today, or on the day `on`, as a file."""
    found = reading.code_list(key)
    if form not in FORMATS:
        raise Missing("open_data.no_file")
    on = day_of(request, "on", local_date(settings.CLOCK.now()))
    version = reading.version_on(found, on)
    media_type, write = FORMATS[form]
    body = write(version, reading.codes_of(version, on=on), _address(found))
    name = f"{found.id}-{version.number}.{form}"
    return answer(request, body, media_type, version.published_at, name=name)


def _address(of: CodeList) -> str:
    return str(addresses().id("codelist", of.id))


def _modified(of: CodeList) -> datetime:
    return max(one.published_at for one in of.versions.all())


def _list(of: CodeList) -> dict[str, Any]:
    return {
        "id": of.id,
        "address": _address(of),
        "names": of.names,
        "about": of.about,
        "owner": of.owner,
        "source": of.source,
        "licence": of.licence,
        "verified": of.is_verified,
        "versions": [
            {
                "number": one.number,
                "valid_from": one.valid_from.isoformat(),
                "published": one.published_at.isoformat(),
                "sha256": bytes(one.content_sha256).hex(),
            }
            for one in of.versions.all()
        ],
    }
