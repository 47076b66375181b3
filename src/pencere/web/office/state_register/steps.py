"""A step of a form: done, said, and back to its page."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from pencere.kernel.errors import PencereError
from pencere.web.middleware.errors import fault_of
from pencere.web.texts import current_language, t


def done(request: HttpRequest, back: str, step: Callable[[], Any]) -> HttpResponse:
    """Do a step and go back; a refusal is said there."""
    try:
        step()
        messages.success(request, t("stateregister.done"))
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(back)
