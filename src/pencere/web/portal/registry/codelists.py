"""Code lists: all of them, one as of a day, one version and what it changed."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, parse_date
from pencere.kernel.errors import Invalid, Missing
from pencere.kernel.text import Text
from pencere.web.classifiers.domain import reading
from pencere.web.classifiers.domain.data import Code
from pencere.web.classifiers.domain.writing import FORMATS
from pencere.web.classifiers.models import CodeList, Version
from pencere.web.middleware.page_cache import page_cache
from pencere.web.openregister.domain.records import body_names
from pencere.web.rules import public, rule
from pencere.web.texts import current_language, t

CACHED_S = 600
MOST_SHOWN = 300


@rule(public)
@require_safe
@page_cache(CACHED_S)
def code_lists(request: HttpRequest) -> HttpResponse:
    """List every list."""
    found = [
        (one, Text.from_mapping(one.names), Text.from_mapping(one.about), one.versions.all())
        for one in reading.code_lists()
    ]
    return render(request, "portal/registry/codelists.jinja", {"lists": found})


@rule(public)
@require_safe
@page_cache(CACHED_S)
def code_list(request: HttpRequest, key: str) -> HttpResponse:
    """Show a list as it holds today, or on the day that was asked for."""
    found, today = reading.code_list(key), local_date(settings.CLOCK.now())
    typed, wrong, status = request.GET.get("on", "").strip()[:20], "", 200
    on = today
    try:
        on = parse_date(typed) if typed else today
    except Invalid:
        wrong, status = t("registry.codelist.bad_day"), 422
    version, codes = None, []
    try:
        version = reading.version_on(found, on)
        codes = reading.codes_of(version, on=on)
    except Missing:
        wrong = t("registry.codelist.not_yet")
    asked = {"typed": typed, "wrong": wrong, "on": format_date(on, current_language())}
    facts = {**asked, **_facts(found, version, codes), "day": on}
    return render(request, "portal/registry/codelist.jinja", facts, status=status)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def code_list_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Show a version whole, and what it changed of the one before."""
    found = reading.code_list(key)
    version = reading.version_of(found, number)
    was = reading.before(version)
    codes = reading.codes_of(version)
    language = current_language()
    changes = [] if was is None else reading.changes(reading.codes_of(was), codes)
    rows = [
        [one.code, _name(one.after or one.before, language), t(f"registry.change.{one.kind}")]
        for one in changes[:MOST_SHOWN]
    ]
    facts = {**_facts(found, version, codes), "changes": rows, "was": was}
    return render(request, "portal/registry/codelist_version.jinja", facts)


def _name(code: Code | None, language: str) -> str:
    return "" if code is None else code.names.in_language(language)


def _facts(of: CodeList, version: Version | None, codes: list[Code]) -> dict[str, object]:
    return {
        "list": of,
        "names": Text.from_mapping(of.names),
        "about": Text.from_mapping(of.about),
        "owner": body_names(of.owner),
        "version": version,
        "valid_from": None if version is None else version.valid_from,
        "note": None if version is None else Text.from_mapping(version.note),
        "codes": codes[:MOST_SHOWN],
        "number": len(codes),
        "versions": sorted(of.versions.all(), key=lambda one: -one.number),
        "forms": list(FORMATS),
    }
