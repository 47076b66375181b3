"""What every page of an application does first: find the draft, ask the registers, or say sorry."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from pencere.kernel.errors import Missing, Unavailable
from pencere.web.cases.domain import drafts
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Draft
from pencere.web.cases.models.draft import State
from pencere.web.exchange import gateway
from pencere.web.exchange.registers import register
from pencere.web.mandates import acting
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import visit_of

View = Callable[..., HttpResponse]


class AlreadySent(Exception):  # noqa: N818, it is not an error: the person is led to the case
    """The draft became a case, in another tab or by a second press."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


def now() -> datetime:
    """Return the present instant."""
    instant: datetime = settings.CLOCK.now()
    return instant


def open_draft(request: HttpRequest, draft_id: UUID) -> Draft:
    """Return the visitor's draft, or the one they write for whom they act.

    Raises:
        Missing: not theirs, or left.
        AlreadySent: it is a case by now.
        Refused: "power.ended": they may not act for that person any more.
        Unavailable: the register of the power does not answer.
    """
    visit = visit_of(request)
    draft = drafts.draft_of(person=visit.party, draft_id=draft_id, agent=visit.agent)
    if draft.state == State.SUBMITTED:
        raise AlreadySent(draft.number)
    return written_by(visit, draft)


def written_by(visit: Visit, draft: Draft) -> Draft:
    """Return the draft with the persons and the power of this visit."""
    draft.person, draft.agent = visit.party, visit.agent
    draft.acting = acting.make_sure(visit, draft.service, gateway=gateway(), at=now())
    return draft


def open_writing(draft: Draft, *, anew: bool = False) -> Writing:
    """Return the draft with what registers say; they are asked when that is old or `anew`."""
    told = drafts.tell_facts(draft=draft, gateway=gateway(), at=now(), anew=anew)
    return drafts.writing(draft=draft, told=told, at=now())


def with_draft(view: View) -> View:
    """Give the view its draft, lead away who has sent it, and say sorry for a silent register."""

    @wraps(view)
    def opened(request: HttpRequest, draft_id: UUID, **kwargs: object) -> HttpResponse:
        try:
            draft = open_draft(request, draft_id)
            return view(request, draft, **kwargs)
        except AlreadySent as sent:
            return HttpResponseRedirect(reverse("case", args=[sent.number]))
        except Unavailable as error:
            return sorry(request, error)

    return opened


def sorry(request: HttpRequest, error: Unavailable) -> HttpResponse:
    """Say which register does not answer, with a button that sends the same form again."""
    name = None
    try:
        name = register(str(error.facts.get("register", ""))).names
    except Missing:
        name = None
    kept = [
        (key, value)
        for key, values in request.POST.lists()
        if key != "csrfmiddlewaretoken"
        for value in values
    ]
    page = {"register": name, "kept": kept, "is_post": request.method == "POST"}
    return render(request, "portal/applications/unavailable.jinja", page, status=503)
