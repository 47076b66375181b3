"""Lengthening the legal term of a case: what it means, the grounds, and doing it."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date
from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.services.case import Actor
from pencere.services.model.definition import Extension
from pencere.web.cases.domain import acting, definitions, extending, reading
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.middleware.errors import fault_of
from pencere.web.office.case.deciding import LONGEST_COMMENT, as_words, ground
from pencere.web.office.case.page import applicant_name
from pencere.web.office.number import as_version
from pencere.web.office.who import case_for, caseworker
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@rule(caseworker)
@require_http_methods(["GET", "HEAD", "POST"])
def extend(request: HttpRequest, number: str) -> HttpResponse:
    """Show what lengthening means; do it when there are grounds."""
    visit = visit_of(request)
    case = case_for(visit, number)
    actor = acting.officer_of(visit, case)
    opened = reading.open_case(case, at=settings.CLOCK.now())
    extension = opened.definition.term.extend
    if extension is None:
        raise Refused("case.extension_none")
    if request.method == "POST":
        return _do(request, opened, extension, actor)
    if not extending.may_extend(case=case, by=actor, at=settings.CLOCK.now()):
        messages.warning(request, t("error.case.extension_not_now"))
        return _back(number)
    return _page(request, opened, extension, version=case.version)


def _do(request: HttpRequest, opened: Opened, extension: Extension, actor: Actor) -> HttpResponse:
    case, visit = opened.case, visit_of(request)
    version = as_version(request.POST.get("version"))
    known = {reason.id for reason in extension.reasons}
    reasons = [one for one in request.POST.getlist("reasons") if one in known]
    comment = as_words(request.POST.get("comment"))
    errors = {}
    if not reasons:
        errors["reasons"] = t("office.decide.reason_needed")
    if len(comment) > LONGEST_COMMENT:
        errors["comment"] = t("office.decide.comment_long", n=LONGEST_COMMENT)
    if errors:
        return _page(request, opened, extension, version=version, errors=errors, status=422)
    try:
        extending.extend(
            case=case, by=actor, officer=visit.person, reasons=reasons, comment=comment,
            version=version, at=settings.CLOCK.now(),
        )  # fmt: skip
    except (Conflict, Refused, Invalid) as refusal:
        if _is_done_already(case, visit, version):
            messages.info(request, t("office.extend.done_already"))
            return _back(case.number)
        messages.warning(request, fault_of(refusal).sentence(current_language()))
        return _back(case.number)
    messages.success(request, t("office.extend.done"))
    return _back(case.number)


def _is_done_already(case: Case, visit: Visit, version: int) -> bool:
    """Say whether the same officer lengthened it from this very page: a second press."""
    if Case.objects.values_list("version", flat=True).get(pk=case.pk) == version:
        return False
    last = CaseEvent.objects.filter(case=case).order_by("-n").first()
    return last is not None and (last.kind, last.by_id) == ("clock_extended", visit.person.pk)


def _back(number: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("office_case", args=[number]))


def _page(  # noqa: PLR0913, a form is all of these
    request: HttpRequest,
    opened: Opened,
    extension: Extension,
    *,
    version: int,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    found, language = errors or {}, current_language()
    clock = opened.machine.clock
    due = clock.due
    longer = ""
    if due is not None:
        today = local_date(settings.CLOCK.now())
        later = clock.extend(today, extension.length, (), definitions.calendar()).due
        longer = "" if later is None else format_date(later, language)
    page = {
        "case": opened.case,
        "applicant": applicant_name(opened),
        "due": format_date(due, language) if due is not None else "",
        "longer": longer,
        "by": t(f"office.extend.by.{extension.unit.value}", n=extension.length),
        "grounds": [ground(reason) for reason in extension.reasons],
        "chosen": request.POST.getlist("reasons"),
        "comment": as_words(request.POST.get("comment")),
        "version": version,
        "errors": found,
        "summary": [{"name": name, "text": words} for name, words in found.items()],
    }
    return render(request, "office/case/pages/extend.jinja", page, status=status)
