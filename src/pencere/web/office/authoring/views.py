"""Services one can apply for, with version, digest and findings of the lint."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.services.catalogue import Catalogue
from pencere.services.commands import check
from pencere.web.country import country
from pencere.web.office.who import editor
from pencere.web.rules import rule
from pencere.web.texts import current_language, t


@rule(editor)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Lint every executable service now and show what was found."""
    language = current_language()
    catalogue = Catalogue.load(country().folder)
    rows = []
    for definition in catalogue.executable:
        findings = check([definition.service], country())
        rows.append(
            {
                "name": definition.names.in_language(language),
                "id": definition.service,
                "version": definition.version,
                "authority": country().body(definition.authority).names.in_language(language),
                "sha256": definition.sha256[:16],
                "findings": findings,
            }
        )
    pages = [entry for entry in catalogue.all if not entry.is_executable]
    return render(
        request,
        "office/authoring/pages/services.jinja",
        {
            "services": rows,
            "figures": [
                {"label": t("office.authoring.executable"), "value": len(rows)},
                {"label": t("office.authoring.pages"), "value": len(pages)},
                {
                    "label": t("office.authoring.provisional"),
                    "value": sum(entry.provisional for entry in pages),
                },
            ],
        },
    )
