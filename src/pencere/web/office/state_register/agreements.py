"""Agreements at the desk: the rights that there are, stopped and ended."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import Invalid, PencereError
from pencere.web.country import country
from pencere.web.office.state_register import said
from pencere.web.office.state_register.steps import done
from pencere.web.office.state_register.who import reader, registrar_of_systems
from pencere.web.rules import rule, visit_of
from pencere.web.stateregister.domain import accords, agreements, reading
from pencere.web.stateregister.domain.accord_terms import fields_offered
from pencere.web.stateregister.domain.exchange_data import BUILT_IN, SUBSCRIPTION
from pencere.web.stateregister.domain.offices import PROPOSER, SIGNATORY, actor_of
from pencere.web.stateregister.domain.sides import asking_of, guarded
from pencere.web.stateregister.models import Accord, System
from pencere.web.texts import current_language, t

PAGES = "office/state_register/pages"


@rule(reader)
@require_safe
def agreement(request: HttpRequest, agreement_id: str) -> HttpResponse:
    """Show an agreement: the right that it gives, and its history."""
    actor = actor_of(visit_of(request))
    row = agreements.agreement_for(agreement_id)
    is_signatory = any(actor.holds(SIGNATORY, one.owner_id) for one in (row.consumer, row.provider))
    is_living = row.is_active and row.force != "ended"
    page = {
        "row": row,
        "force": said.tag("force", row.force if row.is_active else "ended"),
        "consumer": said.here(asking_of(row).names),
        "provider": said.here(guarded(row).names),
        "service": said.service_name(guarded(row), row.service_code),
        "rows": rights_said(
            {
                "service": row.service_code, "endpoints": row.endpoints,
                "purposes": row.purposes, "fields": row.fields,
                "legal_bases": row.legal_bases, "demands": row.demands, "rate": row.rate,
                "quota": row.quota, "represents": row.represents, "consent": row.consent,
                "suppress": row.suppress,
                "from": row.first_day.isoformat(), "until": row.last_day.isoformat(),
            },
            holder=guarded(row),
        ),
        "accord": row.accord.number
        if row.accord is not None and _is_open_to(row.accord, actor)
        else "",
        "is_by_law": row.accord is None,
        "may_guard": is_living and agreements.may_guard(row, actor),
        "may_end": is_living and is_signatory,
        "may_amend": is_living and actor.holds(PROPOSER, asking_of(row).owner_id),
        "steps": said.steps(reading.acts_of("agreement", row.id)),
    }  # fmt: skip
    return render(request, f"{PAGES}/agreement.jinja", page)


@rule(registrar_of_systems)
@require_POST
def agreement_do(request: HttpRequest, agreement_id: str) -> HttpResponse:
    """Suspend, resume, give notice, or draft an amendment."""
    actor, at = actor_of(visit_of(request)), settings.CLOCK.now()
    name, reason = request.POST.get("step", ""), request.POST.get("reason", "")
    here = reverse("register_agreement", args=[agreement_id])
    if name == "amend":
        row = accords.amend(agreement_id, actor=actor, at=at)
        return HttpResponseRedirect(reverse("register_accord_edit", args=[row.number]))
    steps = {
        "suspend": agreements.suspend,
        "resume": agreements.resume,
        "terminate": agreements.terminate,
    }
    if name not in steps:
        raise Invalid("stateregister.content")
    return done(request, here, lambda: steps[name](agreement_id, actor=actor, reason=reason, at=at))


def rights_said(
    terms: dict[str, Any], *, holder: System, is_text: bool = False
) -> list[dict[str, str]]:
    """Return what a right says, as rows. `is_text`: of an accord, in which no field is none."""
    language = current_language()
    purposes = country().purposes
    nothing = t("stateregister.nothing")
    rate, quota = terms["rate"], terms["quota"]
    values = {
        "endpoints": ", ".join(" ".join(one) for one in terms["endpoints"]),
        "purposes": "; ".join(
            purposes[one].names.in_language(language) if one in purposes else one
            for one in terms["purposes"]
        ),
        "legal_bases": "; ".join(said.act_name(one) for one in terms["legal_bases"]),
        "fields": _fields_said(terms, holder)
        or ("" if is_text else t("stateregister.all_fields")),
        "demands": ", ".join(said.word("demand", one) for one in terms["demands"]),
        "rate": t("stateregister.rate", n=int(rate["per_second"]), burst=rate["burst"])
        if rate
        else "",
        "quota": f"{quota['count']} / {said.word('per', quota['per'])}" if quota else "",
        "represents": "; ".join(said.body_name(one.partition("/")[2])
                                for one in terms["represents"]),
        "consent": t("stateregister.yes") if terms["consent"] else t("stateregister.no"),
        "suppress": _suppress_said(terms.get("suppress")),
        "from": said.day_of(terms["from"]),
        "until": said.day_of(terms["until"]),
        "persons": str(terms.get("persons") or ""),
        "note": terms.get("note", ""),
    }  # fmt: skip
    optional = {"persons", "note", "suppress"}
    if terms["service"] in BUILT_IN:
        optional.add("fields")
        values["fields"] = ""
    if terms["service"] == SUBSCRIPTION:
        optional |= {"demands", "rate", "quota", "represents"}
    return [
        {"label": said.word("term", key), "value": value or nothing}
        for key, value in values.items()
        if value or key not in optional
    ]


def _fields_said(terms: dict[str, Any], holder: System) -> str:
    offered = fields_offered(holder, terms["service"])
    return ", ".join(
        said.here(offered[one][0]) if one in offered else one for one in terms["fields"]
    )


def _suppress_said(suppress: dict[str, Any] | None) -> str:
    if suppress is None:
        return ""
    acts = "; ".join(said.act_name(one) for one in suppress["bases"])
    return t("stateregister.hidden_days", n=int(suppress["days"]), acts=acts)


def _is_open_to(row: Accord, actor: Any) -> bool:
    try:
        accords.accord(row.number, actor=actor)
    except PencereError:
        return False
    return True
