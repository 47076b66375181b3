"""A draft as applicants will meet it, in the language of the page. Nothing is sent from here."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.errors import PencereError
from pencere.services.model.casework import State
from pencere.services.model.definition import Definition
from pencere.services.places import Places
from pencere.web.authoring.domain import checking, drafts
from pencere.web.authoring.models import ServiceDraft
from pencere.web.country import country
from pencere.web.office.who import author
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@rule(author)
@require_safe
def show(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Show the service's page, every question as a form that is shut, and the steps of a case."""
    found = drafts.draft_for(visit_of(request), draft_id)
    try:
        with checking.definition_of(found.service, drafts.texts_of(found)) as definition:
            page = _page(found, definition)
    except PencereError:
        messages.warning(request, t("office.drafts.preview_faults"))
        return HttpResponseRedirect(reverse("authoring_draft", args=[draft_id]))
    return render(request, "office/authoring/pages/preview.jinja", page)


def _page(found: ServiceDraft, definition: Definition) -> dict[str, object]:
    language = current_language()
    places = Places.of(country())
    return {
        "draft": found,
        "definition": definition,
        "regions": [
            {"value": code, "label": names.in_language(language)}
            for code, names in places.regions.items()
        ],
        "steps": [_step(definition, state) for state in definition.states.values()],
    }


def _step(definition: Definition, state: State) -> dict[str, object]:
    language = current_language()
    ways = [
        {
            "action": action.name.in_language(language),
            "by": t(f"office.drafts.role.{action.by.value}"),
            "to": definition.states[action.to].name.in_language(language)
            if action.to in definition.states
            else action.to,
        }
        for action in state.actions
    ]
    return {
        "name": state.name.in_language(language),
        "next": state.next.in_language(language) if state.next is not None else "",
        "is_final": state.final,
        "stands": state.clock_stops,
        "ways": ways,
        "appeal": state.appeal.text.in_language(language) if state.appeal is not None else "",
    }
