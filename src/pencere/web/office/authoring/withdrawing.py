"""Taking a service back: no new applications, cases under way go on."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.web.authoring.domain import checking, drafts, publishing
from pencere.web.middleware.errors import fault_of
from pencere.web.office.who import author
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@rule(author)
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, service: str) -> HttpResponse:
    """Ask why; take the service back."""
    visit, error = visit_of(request), ""
    newest = checking.surroundings().catalogue.definition(service)
    if newest.authority not in drafts.bodies(visit):
        raise Refused("authoring.role")
    if request.method == "POST":
        try:
            publishing.withdraw(
                service=service, reason=request.POST.get("reason", ""), visit=visit,
                at=settings.CLOCK.now(),
            )  # fmt: skip
        except Invalid as refusal:
            error = fault_of(refusal).sentence(current_language())
        except Conflict:  # a second press, or a colleague
            messages.info(request, t("error.authoring.withdrawn"))
            return HttpResponseRedirect(reverse("authoring_drafts"))
        else:
            messages.success(request, t("office.drafts.withdrawn"))
            return HttpResponseRedirect(reverse("authoring_drafts"))
    page = {
        "service": newest,
        "reason": request.POST.get("reason", ""),
        "error": error,
    }
    status = 422 if error else 200
    return render(request, "office/authoring/pages/withdraw.jinja", page, status=status)
