"""What an accord says, and what the register checks of it before anybody signs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.web.country import country
from pencere.web.stateregister.domain.description import fields_of
from pencere.web.stateregister.domain.exchange_data import BUILT_IN, DEMANDS, SUBSCRIPTION
from pencere.web.stateregister.domain.reading import description_of
from pencere.web.stateregister.domain.sides import asked, asking, endpoints_about
from pencere.web.stateregister.models import (
    Accord,
    Act,
    Agreement,
    Description,
    Service,
    Stage,
    System,
)

MOST_YEARS = 5
# For so long at most may an access be kept from the person.
MOST_HIDDEN_DAYS = 365
KEYS = frozenset(
    {
        "service", "endpoints", "purposes", "legal_bases", "fields", "persons", "demands", "rate",
        "quota", "represents", "consent", "suppress", "from", "until", "note",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its code, whether it holds, what it is about. `is_hard`: it must hold."""

    code: str
    holds: bool
    detail: str = ""
    is_hard: bool = True


def empty_terms(*, on: date, service: str, endpoints: list[list[str]]) -> dict[str, Any]:
    """Return terms in which only the service is agreed, for two years from a day.

    Nobody asks for an event, so how often, and with which headers, is no question there.
    """
    is_asked = service != SUBSCRIPTION
    return {
        "service": service,
        "endpoints": endpoints,
        "purposes": [],
        "legal_bases": [],
        "fields": [],
        "persons": 0,
        "demands": ["case"] if is_asked else [],
        "rate": {"per_second": 10, "burst": 20} if is_asked else None,
        "quota": {"per": "day", "count": 10000} if is_asked else None,
        "represents": [],
        "consent": False,
        "suppress": None,
        "from": on.isoformat(),
        "until": date(on.year + 2, 12, 31).isoformat(),
        "note": "",
    }


def checks(accord: Accord, *, on: date) -> list[Check]:
    """Return what the register checks, in the order in which pages show it."""
    terms = accord.terms
    wants, holder = asking(accord), asked(accord)
    acts, purposes = country().acts, country().purposes
    service = Service.objects.filter(system=holder, code=terms["service"], is_active=True).first()
    open_there = endpoints_about(holder, terms["service"])
    strange = [one for one in terms["purposes"] if one not in purposes]
    bases = set(terms["legal_bases"])
    unfit = [
        one for one in terms["purposes"] if one in purposes and purposes[one].basis not in bases
    ]
    offered = fields_offered(holder, terms["service"])
    missing = [one for one in terms["fields"] if one not in offered]
    has_fields = bool(terms["fields"]) != (terms["service"] in BUILT_IN)
    first, last = _day(terms["from"]), _day(terms["until"])
    ends = last_day_by_notice(accord.agreement_id)
    return [
        Check("consumer_registered", _is_registered(wants)),
        Check("provider_in_use", holder.stage == Stage.IN_USE and holder.is_active),
        Check("service_offered", bool(open_there), terms["service"]),
        Check("endpoints_offered", bool(terms["endpoints"])
              and all(list(one) in open_there for one in terms["endpoints"])),
        Check("purposes_known", bool(terms["purposes"]) and not strange, ", ".join(strange)),
        Check("bases_known", bool(bases) and all(one in acts for one in bases),
              ", ".join(sorted(bases - acts.keys()))),
        Check("bases_fit", not unfit, ", ".join(unfit)),
        Check("fields_described", has_fields and not missing, ", ".join(missing)),
        Check("limits_given", _limits_fit(terms)),
        Check("demands_known", all(one in DEMANDS for one in terms["demands"])),
        Check("represented_known", all(_is_body(one) for one in terms["represents"])),
        Check("consent_kept", service is None or not service.consent or terms["consent"]),
        Check("suppress_fits", _suppress_fits(terms)),
        Check("persons_given", int(terms["persons"]) > 0),
        Check("days_in_order", first is not None and last is not None and first <= last
              and last >= on and last.year - first.year <= MOST_YEARS),
        Check("notice_kept", ends is None or (last is not None and last <= ends),
              "" if ends is None else ends.isoformat()),
        Check("asked_once", _is_linked(wants, holder), is_hard=False),
    ]  # fmt: skip


def fields_offered(system: System, service: str) -> dict[str, tuple[dict[str, Any], str]]:
    """Return what may be agreed about: names and object by code of the field.

    A service that is called like an object of the description answers with that object; what the
    node itself answers has no fields.
    """
    if service in BUILT_IN:
        return {}
    found: dict[str, tuple[dict[str, Any], str]] = {}
    every = list(fields_of(description_of(system).content))
    own = [(one, field) for one, field in every if one["code"] == service]
    for one, field in own or every:
        found.setdefault(str(field["code"]), (field["names"], str(one["names"]["az"])))
    return found


def last_day_by_notice(agreement_id: str) -> date | None:
    """Return the day with which an agreement ends because a side gave notice; None: nobody did."""
    if not Act.objects.filter(about="agreement", subject=agreement_id, kind="notice").exists():
        return None
    return Agreement.objects.values_list("last_day", flat=True).get(id=agreement_id)


def holds(accord: Accord, *, on: date) -> bool:
    """Say whether everything that must hold does."""
    return all(one.holds for one in checks(accord, on=on) if one.is_hard)


def _is_registered(system: System) -> bool:
    return (
        system.stage in {Stage.ESTABLISHED, Stage.IN_USE}
        and Description.objects.filter(system=system).exists()
    )


def _limits_fit(terms: Mapping[str, Any]) -> bool:
    rate, quota = terms["rate"], terms["quota"]
    fits = rate is None or (rate["per_second"] > 0 and rate["burst"] >= 1)
    return bool(
        fits and (quota is None or (quota["per"] in {"day", "month"} and quota["count"] >= 1))
    )


def _suppress_fits(terms: Mapping[str, Any]) -> bool:
    """Say whether hiding accesses from the person rests on acts that the agreement names."""
    suppress = terms.get("suppress")
    if suppress is None:
        return True
    bases = set(suppress["bases"])
    return (
        bool(bases)
        and bases <= set(terms["legal_bases"])
        and (1 <= suppress["days"] <= MOST_HIDDEN_DAYS)
    )


def _is_body(represented: str) -> bool:
    member_class, _, body = represented.partition("/")
    return bool(member_class) and body in country().bodies


def _is_linked(consumer: System, provider: System) -> bool:
    """Say whether the consumer's description names the provider as a source."""
    content = description_of(consumer).content
    return any(one.get("system") == provider.key for one in content["sources"]) or any(
        one["decision"] == "use" and one["holder"] == provider.key for one in content["ask_once"]
    )


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
