"""The page that gives a form of an ended session back to its owner."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.web.people.domain import held_forms
from pencere.web.rules import rule, signed_in, visit_of


@rule(signed_in)
@require_safe
def show(request: HttpRequest, token: str) -> HttpResponse:
    """Show what was kept, with one button that sends it again."""
    held = held_forms.take(visit_of(request).person, token, at=settings.CLOCK.now())
    return render(request, "identity/pages/held_form.jinja", {"held": held})
