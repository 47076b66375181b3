"""Asking the applicant of a decided case how it was, once."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Conflict
from pencere.web.cases.models import Case
from pencere.web.portal.window.own import case_for
from pencere.web.rules import party, rule
from pencere.web.satisfaction.domain import answering
from pencere.web.texts import t


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
def satisfied(request: HttpRequest, number: str) -> HttpResponse:
    """Ask; keep the answer."""
    case = case_for(request, number)
    if request.method == "POST":
        return _keep(request, case)
    if not answering.may_answer(case):
        messages.info(request, t("satisfaction.not_now"))
        return HttpResponseRedirect(reverse("case", args=[number]))
    return _page(request, case, {})


def _keep(request: HttpRequest, case: Case) -> HttpResponse:
    score = request.POST.get("score", "")
    comment = " ".join(request.POST.get("comment", "").split())
    errors = {}
    if score not in {str(one) for one in answering.SCORES}:
        errors["score"] = t("satisfaction.choose")
    if len(comment) > answering.LONGEST:
        errors["comment"] = t("satisfaction.too_long", n=answering.LONGEST)
    if errors:
        return _page(request, case, errors, status=422)
    try:
        answering.answer(case=case, score=int(score), comment=comment, at=settings.CLOCK.now())
    except Conflict:  # a second press, another tab
        messages.info(request, t("satisfaction.not_now"))
    else:
        messages.success(request, t("satisfaction.thanks"))
    return HttpResponseRedirect(reverse("case", args=[case.number]))


def _page(
    request: HttpRequest, case: Case, errors: dict[str, str], *, status: int = 200
) -> HttpResponse:
    page = {
        "case": case,
        "options": [
            {"value": str(one), "label": t(f"satisfaction.score_{one}")} for one in answering.SCORES
        ],
        "score": request.POST.get("score"),
        "comment": request.POST.get("comment", ""),
        "longest": answering.LONGEST,
        "errors": errors,
        "summary": [{"name": name, "text": words} for name, words in errors.items()],
    }
    return render(request, "portal/window/satisfied.jinja", page, status=status)
