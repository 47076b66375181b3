"""Nodes of the gateway: who serves what, suspended or not; tokens by which a node joins."""

from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import Invalid, PencereError
from pencere.web.identity.anchors import anchors
from pencere.web.middleware.errors import fault_of
from pencere.web.office.state_register import said
from pencere.web.office.state_register.who import reader
from pencere.web.people.domain import sessions
from pencere.web.rules import role, rule, visit_of
from pencere.web.stateregister.domain import joining, node_acts, reading
from pencere.web.stateregister.domain.offices import APPROVER, actor_of
from pencere.web.stateregister.models import Body, Node
from pencere.web.texts import current_language, t

_SHOWN_ONCE = "join_token"
operator = role(APPROVER)


@rule(reader)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show nodes and tokens; a token that was just made is shown here once."""
    visit = visit_of(request)
    actor = actor_of(visit)
    at = settings.CLOCK.now()
    is_operator = actor.holds(APPROVER)
    token = visit.remembered.get(_SHOWN_ONCE)
    if token is not None:
        sessions.remember(visit, _SHOWN_ONCE, None)
    every = Node.objects.filter(is_active=True).prefetch_related("serves__owner")
    page = {
        "nodes": [
            {
                "id": one.pk,
                "identifier": one.identifier,
                "address": one.address,
                "is_suspended": one.is_suspended,
                "serves": ", ".join(said.here(system.names) for system in one.serves.all()),
            }
            for one in every.order_by("identifier")
        ],
        "tokens": [
            {
                "id": one.id,
                "node": one.node,
                "state": said.tag("token", one.state(at)),
                "is_open": one.state(at) == "open",
                "until": said.instant(one.expires_at),
            }
            for one in joining.listing()[:50]
        ]
        if is_operator
        else [],
        "token": token,
        "is_operator": is_operator,
        "bodies": [
            {"value": one.pk, "label": said.here(one.names)}
            for one in Body.objects.filter(is_active=True)
        ],
        "systems": [
            {"value": one.key, "label": said.here(one.names)}
            for one in reading.systems(stage="in-use")
            if one.is_active
        ],
    }
    return render(request, "office/state_register/pages/nodes.jinja", page)


@rule(operator)
@require_POST
def do(request: HttpRequest, node: int) -> HttpResponse:
    """Suspend a node, let it in again, or give it a system to serve."""
    actor, at = actor_of(visit_of(request)), settings.CLOCK.now()
    name, reason = request.POST.get("step", ""), request.POST.get("reason", "")
    body, _, code = request.POST.get("system", "").partition("/")
    try:
        if name == "suspend":
            node_acts.suspend(node, actor=actor, reason=reason, at=at)
        elif name == "resume":
            node_acts.resume(node, actor=actor, reason=reason, at=at)
        elif name == "serve":
            node_acts.serve(node, system=reading.system(body, code), actor=actor, at=at)
        else:
            raise Invalid("stateregister.content")
        messages.success(request, t("stateregister.done"))
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(reverse("register_nodes"))


@rule(operator)
@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """Make a token with which a node joins; its text is shown once, on the next page."""
    visit = visit_of(request)
    sent = request.POST
    name = sent.get("node", "").strip()[:200]
    try:
        body = Body.objects.filter(pk=sent.get("body", "")).first()
        if body is None:
            raise Invalid("stateregister.content")
        _token, text = joining.make(
            body,
            node=name,
            serves=sent.getlist("serves"),
            root_sha256=anchors()[0].fingerprint(SHA256()).hex(),
            name=sent.get("name", "").strip()[:200],
            hosts=[line.strip() for line in sent.get("hosts", "").splitlines() if line.strip()],
            by=visit.person,
            at=settings.CLOCK.now(),
        )
        sessions.remember(visit, _SHOWN_ONCE, {"node": name, "text": text})
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(reverse("register_nodes"))


@rule(operator)
@require_POST
def end_token(request: HttpRequest, token: str) -> HttpResponse:
    """End a token that nobody has used."""
    try:
        joining.end(token, by=visit_of(request).person, at=settings.CLOCK.now())
        messages.success(request, t("stateregister.done"))
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(reverse("register_nodes"))
