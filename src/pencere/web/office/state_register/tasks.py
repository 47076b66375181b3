"""What waits for the person in the register, the most urgent first; the supervisor's view."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Misconfigured
from pencere.web.country import country
from pencere.web.office.state_register import said
from pencere.web.office.state_register.who import registrar_of_systems
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import applications, duties, signing
from pencere.web.stateregister.domain.newer_data import newer_data
from pencere.web.stateregister.domain.offices import APPROVER, PROPOSER, SUPERVISOR, Actor, actor_of
from pencere.web.stateregister.domain.sides import asked, asking
from pencere.web.stateregister.models import Accord, AccordState, Application, State
from pencere.web.texts import t

Line = dict[str, object]


@rule(registrar_of_systems)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show tasks with their deadlines; a supervisor sees everything that is open."""
    actor = actor_of(visit_of(request))
    is_supervisor = actor.holds(SUPERVISOR)
    sent = Application.objects.filter(state=State.SUBMITTED).select_related("owner")
    to_decide = [_line(one) for one in sent.order_by("due") if applications.may_approve(one, actor)]
    own = Application.objects.filter(
        owner_id__in=actor.bodies(PROPOSER),
        state__in=[State.DRAFT, State.RETURNED, State.SUBMITTED],
    ).select_related("owner")
    today = local_date(settings.CLOCK.now())
    bodies = None if is_supervisor else actor.bodies(PROPOSER)
    page = {
        "to_decide": to_decide,
        "own": [_line(one) for one in own.order_by("due", "-made_at")],
        "open": [_line(one) for one in sent.order_by("due")] if is_supervisor else [],
        "late": sum(1 for one in sent if one.due is not None and one.due < today)
        if is_supervisor
        else 0,
        "is_supervisor": is_supervisor,
        "accords": [_accord(one) for one in _accords(actor)],
        "duties": [
            {
                "href": reverse("register_system", args=[one.system.owner_id, one.system.code]),
                "name": said.here(one.system.names),
                "what": said.code_word("duty", one.kind),
                "left": said.left(one.due),
            }
            for one in duties.open_duties(bodies)
        ],
        "newer": _newer() if is_supervisor else 0,
        "may_propose": bool(actor.bodies(PROPOSER)),
        "may_manage_nodes": actor.holds(APPROVER),
    }
    return render(request, "office/state_register/pages/tasks.jinja", page)


def _newer() -> int:
    """Count the systems and agreements of which the country's files say something otherwise."""
    try:
        return len({(one.about, one.key) for one in newer_data(country())})
    except Misconfigured:
        return 1  # the page of differences says what is wrong with the file


def _line(row: Application) -> Line:
    return {
        "href": reverse("register_application", args=[row.number]),
        "number": row.number,
        "name": said.here(applications.name_of(row)),
        "kind": said.word("kind", row.kind),
        "owner": said.here(row.owner.names),
        "state": said.tag("application", row.state),
        "left": said.left(row.due if row.state == State.SUBMITTED else None),
    }


def _accord(row: Accord) -> Line:
    return {
        "href": reverse("register_accord", args=[row.number]),
        "number": row.number,
        "what": t(
            "stateregister.between",
            consumer=said.here(asking(row).names),
            provider=said.here(asked(row).names),
        ),
        "state": said.tag("accord", row.state),
    }


def _accords(actor: Actor) -> list[Accord]:
    """Return open accords at which this person can do the next step."""
    found = []
    open_ones = Accord.objects.filter(
        state__in=[AccordState.DRAFT, AccordState.OFFERED, AccordState.ACCEPTED,
                   AccordState.SIGNING],
    ).select_related("consumer__owner", "provider__owner")  # fmt: skip
    for one in open_ones.order_by("made_at"):
        mine = {
            AccordState.DRAFT: actor.holds(PROPOSER, asking(one).owner_id),
            AccordState.OFFERED: actor.holds(PROPOSER, asked(one).owner_id),
            AccordState.ACCEPTED: actor.holds(APPROVER),
            AccordState.SIGNING: signing.side_of(one, actor) is not None,
        }[AccordState(one.state)]
        if mine or actor.holds(SUPERVISOR):
            found.append(one)
    return found
