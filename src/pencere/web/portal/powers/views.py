"""Pages of powers: acting for another, giving up, taking back."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date
from pencere.kernel.errors import Conflict, Missing, Unavailable
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.exchange import gateway
from pencere.web.mandates import acting, powers
from pencere.web.mandates.powers import Power
from pencere.web.portal.powers import papers
from pencere.web.rules import party, rule, signed_in, visit_of
from pencere.web.texts import current_language, t


@dataclass(frozen=True, slots=True)
class Shown:
    """A power in words. `kind` and `record` name it in a form; `is_given` powers can be ended."""

    who: str
    what: str
    scope: str
    until: str
    kind: str
    record: str
    can_end: bool


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show for whom the person may act, and who may act for them; registers are asked now."""
    person, now = visit_of(request).person, settings.CLOCK.now()
    page: dict[str, object] = {
        "is_silent": False,
        "giving": reverse("service", args=[papers.GIVING])
        if papers.GIVING in catalogue().entries
        else "",
    }
    try:
        held = powers.powers_of(person, gateway=gateway(), on=local_date(now))
        given = powers.given_by(person, gateway=gateway(), on=local_date(now))
    except Unavailable:
        return render(
            request, "portal/powers/listed.jinja", {**page, "is_silent": True}, status=503
        )
    page |= {
        "held": [_shown(power, power.principal.name) for power in held],
        "given": [_shown(power, _of_whom(power)) for power in given],
    }
    return render(request, "portal/powers/listed.jinja", page)


@rule(signed_in)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Begin to act for another."""
    kind, record = _named(request)
    try:
        acting.begin(visit_of(request), kind, record, gateway=gateway(), at=settings.CLOCK.now())
    except Missing:
        messages.warning(request, t("powers.gone"))
        return HttpResponseRedirect(reverse("powers"))
    except Unavailable:
        return HttpResponseRedirect(reverse("powers"))  # which says that a register is silent
    return HttpResponseRedirect(reverse("window"))


@rule(party)
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Go on for oneself; a second press changes nothing."""
    acting.stop(visit_of(request))
    return HttpResponseRedirect(reverse("window"))


@rule(signed_in)
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End a power of attorney that one gave, or give up one that one holds."""
    kind, record = _named(request)
    person, now = visit_of(request).person, settings.CLOCK.now()
    try:
        ended = powers.end(person, kind, record, gateway=gateway(), on=local_date(now))
    except (Missing, Conflict):  # ended already, in another tab or by the other side
        messages.info(request, t("powers.gone"))
    except Unavailable:
        messages.warning(request, t("powers.silent"))
    else:
        papers.revoke(ended, at=now)
        messages.success(request, t("powers.ended"))
    return HttpResponseRedirect(reverse("powers"))


def _named(request: HttpRequest) -> tuple[str, str]:
    return request.POST.get("kind", "")[:40], request.POST.get("record", "")[:40]


def _of_whom(power: Power) -> str:
    """Return who may act, and for which company where it is not for the giver."""
    agent = str(power.data.get("agent_name", ""))
    company = power.principal.voen is not None
    return t("powers.for_company", agent=agent, company=power.principal.name) if company else agent


def _shown(power: Power, who: str) -> Shown:
    language = current_language()
    return Shown(
        who=who,
        what=power.kind.names.in_language(language),
        scope=_scope(power, language),
        until=format_date(power.until, language) if power.until is not None else "",
        kind=power.kind.id,
        record=power.record,
        can_end=bool(power.kind.given_by),
    )


def _scope(power: Power, language: str) -> str:
    """Name what the power reaches: life events and services; "" for everything."""
    known = catalogue()
    names = {event.id: event.name for event in known.life_events}
    names |= {entry.id: entry.names for entry in known.entries.values()}
    return ", ".join(
        names[one].in_language(language) for one in sorted(power.scope) if one in names
    )
