"""Services one can apply for, with findings of the lint, and what was searched for in vain."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Misconfigured
from pencere.services.catalogue import Catalogue
from pencere.services.commands import check
from pencere.services.model.definition import Definition
from pencere.web.catalogue.domain import searches
from pencere.web.country import country
from pencere.web.office.who import editor
from pencere.web.rules import rule
from pencere.web.texts import current_language, t

MISSED = 50


@rule(editor)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Lint every executable service now and show what was found."""
    catalogue = Catalogue.load(country().folder)
    pages = [entry for entry in catalogue.all if not entry.is_executable]
    rows = [_row(definition) for definition in catalogue.executable]
    figures = [
        ("executable", len(rows)),
        ("pages", len(pages)),
        ("provisional", sum(entry.provisional for entry in pages)),
    ]
    return render(
        request,
        "office/authoring/pages/services.jinja",
        {
            "services": rows,
            "missed": [
                [words, t(f"office.authoring.language.in_{language}"), times]
                for words, language, times in searches.missed(
                    MISSED, on=local_date(settings.CLOCK.now())
                )
            ],
            "figures": [{"label": t(f"office.authoring.{key}"), "value": n} for key, n in figures],
        },
    )


def _row(definition: Definition) -> dict[str, object]:
    language = current_language()
    return {
        "name": definition.names.in_language(language),
        "id": definition.service,
        "version": definition.version,
        "authority": country().body(definition.authority).names.in_language(language),
        "sha256": definition.sha256[:16],
        "findings": _findings(definition.service),
    }


def _findings(service: str) -> list[dict[str, str]]:
    """Return the findings; a file that does not fit its schema any more is one too."""
    try:
        found = check([service], country())
    except Misconfigured as fault:
        facts = fault.facts
        said = {name: str(facts[name]) for name in ("file", "key", "example")}
        return [{**said, "message": str(fault)}]
    return [
        {
            "file": str(one.file),
            "key": one.key,
            "message": one.message,
            "example": str(one.example),
        }
        for one in found
    ]
