"""Systems of the register: the list with its filters, one system with its history."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import Missing, PencereError
from pencere.web.country import country
from pencere.web.middleware.errors import fault_of
from pencere.web.office.number import as_version
from pencere.web.office.state_register import said
from pencere.web.office.state_register.who import reader, registrar_of_systems
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import duties, reading
from pencere.web.stateregister.domain.description import differences
from pencere.web.stateregister.domain.offices import PROPOSER, actor_of
from pencere.web.stateregister.domain.sides import asking_of, guarded
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Application, Duty, Stage, State
from pencere.web.texts import current_language, t

PAGE = 25


@rule(reader)
@require_safe
def show_list(request: HttpRequest) -> HttpResponse:
    """Show systems by words, owner, state and the concept that they keep."""
    form = {
        key: request.GET.get(key, "").strip()[:80] for key in ("text", "body", "stage", "concept")
    }
    found = reading.systems(**form)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    language = current_language()
    owners = {one.owner_id: said.here(one.owner.names) for one in reading.systems()}
    return render(
        request,
        "office/state_register/pages/systems.jinja",
        {
            "form": form,
            "bodies": [{"value": key, "label": name} for key, name in sorted(owners.items())],
            "stages": [{"value": one, "label": said.word("stage", one)} for one in Stage.values],
            "concepts": [
                {"value": one.id, "label": one.names.in_language(language)}
                for one in vocabulary().concepts.values()
            ],
            "systems": [
                {
                    "href": reverse("register_system", args=[one.owner_id, one.code]),
                    "name": said.here(one.names),
                    "key": one.key,
                    "owner": said.here(one.owner.names),
                    "stage": said.tag("stage", one.stage),
                }
                for one in page
            ],
            "count": len(found),
            "may_propose": bool(actor_of(visit_of(request)).bodies(PROPOSER)),
            "page": page.number,
            "pages": page.paginator.num_pages,
        },
    )


@rule(reader)
@require_safe
def show(request: HttpRequest, body: str, code: str) -> HttpResponse:
    """Show a system: a version of its description, what it changed, who uses it."""
    system = reading.system(body, code)
    asked = as_version(request.GET.get("version")) or None
    versions = list(reading.descriptions(system).select_related("made_by"))
    shown = reading.description_of(system, asked) if versions else None
    before = next((one for one in versions if shown and one.number == shown.number - 1), None)
    actor = actor_of(visit_of(request))
    is_own = actor.holds(PROPOSER, body)
    open_one = Application.objects.filter(
        owner_id=body, code=code, state__in=[State.DRAFT, State.RETURNED, State.SUBMITTED]
    ).first()
    kinds = {
        Stage.ESTABLISHED: ("take-into-use", "change", "close"),
        Stage.IN_USE: ("change", "close"),
        Stage.CLOSED: (),
    }[Stage(system.stage)]
    return render(
        request,
        "office/state_register/pages/system.jinja",
        {
            "system": system,
            "name": said.here(system.names),
            "owner": said.here(system.owner.names),
            "stage": said.tag("stage", system.stage),
            "sections": said.described(shown.content) if shown else [],
            "documents": shown.content["documents"] if shown else [],
            "shown": shown,
            "versions": [
                {
                    "number": one.number,
                    "href": f"?version={one.number}",
                    "is_shown": shown is not None and one.number == shown.number,
                    "who": one.made_by.name if one.made_by else t("stateregister.by_law"),
                    "at": one.made_at,
                    "why": said.word("why", one.why),
                }
                for one in versions
            ],
            "changes": [said.difference(one) for one in differences(before.content, shown.content)]
            if shown and before
            else [],
            "agreements": [
                {
                    "href": reverse("register_agreement", args=[one.id]),
                    "id": one.id,
                    "consumer": said.here(asking_of(one).names),
                    "provider": said.here(guarded(one).names),
                    "service": said.service_name(guarded(one), one.service_code),
                    "force": said.tag("force", one.force if one.is_active else "ended"),
                    "until": said.day(one.last_day),
                }
                for one in reading.agreements_of(system)
            ],
            "duties": [
                {
                    "id": one.pk,
                    "name": said.code_word("duty", one.kind),
                    "left": said.left(one.due),
                    "may": is_own,
                }
                for one in Duty.objects.filter(system=system, done_on=None).order_by("due")
            ],
            "steps": said.steps(reading.acts_of("system", system.key)),
            "kinds": [{"value": one, "label": said.word("kind", one)} for one in kinds]
            if is_own and open_one is None
            else [],
            "open_one": open_one if is_own else None,
            "may_ask": bool(actor.bodies(PROPOSER) - {body}) and system.stage == Stage.IN_USE,
        },
    )


@rule(registrar_of_systems)
@require_POST
def duty_done(request: HttpRequest, duty: int) -> HttpResponse:
    """Note a check as done; the next one is dated."""
    row = Duty.objects.select_related("system").filter(pk=duty).first()
    if row is None:
        raise Missing("stateregister.no_duty")
    try:
        duties.done(
            duty,
            actor=actor_of(visit_of(request)),
            result=request.POST.get("result", "")[:2000],
            at=settings.CLOCK.now(),
        )
        messages.success(request, t("stateregister.duty.noted"))
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(
        reverse("register_system", args=[row.system.owner_id, row.system.code])
    )


@rule(reader)
@require_safe
def document(request: HttpRequest, sha256: str) -> HttpResponse:
    """Return a file that a description names; it is saved, never shown in the page."""
    try:
        digest = bytes.fromhex(sha256)
    except ValueError as error:
        raise Missing("stateregister.no_document") from error
    found = reading.document(digest)
    answer = HttpResponse(bytes(found.content), content_type=found.media_type)
    ending = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg",
              "application/json": ".json", "application/yaml": ".yaml"}  # fmt: skip
    name = sha256[:16] + ending.get(found.media_type, ".txt")
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    answer["Cache-Control"] = "private, no-store"
    return answer


def bodies() -> list[dict[str, str]]:
    """Return all bodies as options."""
    language = current_language()
    return [
        {"value": one.id, "label": one.names.in_language(language)}
        for one in country().bodies.values()
    ]
