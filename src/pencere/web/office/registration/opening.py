"""Opening an act and going to its page, from whichever form it came."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from pencere.kernel.errors import Invalid, PencereError
from pencere.web.certification.centre import centre
from pencere.web.middleware.errors import fault_of
from pencere.web.rules import visit_of
from pencere.web.texts import current_language

LONGEST_NOTE = 500


def new_id() -> str:
    """Return what a form carries so that two presses open one act."""
    return str(uuid.uuid4())


def id_of(request: HttpRequest) -> str:
    """Return the id that the form carried.

    Raises:
        Invalid: `request.field`, it carried none.
    """
    try:
        return str(uuid.UUID(request.POST.get("id", "")))
    except ValueError as error:
        raise Invalid("request.field", field="id") from error


def open_and_go(request: HttpRequest, kind: str, *, back: str, **facts: Any) -> HttpResponse:
    """Open an act and go to its page; say why when the centre refuses it, at `back`."""
    asked: dict[str, Any] = {
        "id": id_of(request),
        "act": kind,
        "opened_by": visit_of(request).person.fin,
        "note": request.POST.get("note", "").strip()[:LONGEST_NOTE],
        **facts,
    }
    try:
        view = centre().open_act(_given(asked))
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(reverse("registration_act", args=[view["id"]]))


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value not in (None, "", [])}
