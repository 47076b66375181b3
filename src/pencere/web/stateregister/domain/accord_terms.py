"""What an accord says, and what the register checks of it before anybody signs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.web.country import country
from pencere.web.stateregister.domain.description import fields_of
from pencere.web.stateregister.domain.exchange_data import BUILT_IN, DEMANDS
from pencere.web.stateregister.domain.reading import description_of
from pencere.web.stateregister.models import Accord, Description, Service, Stage, System

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


def empty_terms(*, on: date) -> dict[str, Any]:
    """Return terms in which nothing is agreed yet, for two years from a day."""
    return {
        "service": "",
        "endpoints": [],
        "purposes": [],
        "legal_bases": [],
        "fields": [],
        "persons": 0,
        "demands": ["case"],
        "rate": {"per_second": 10, "burst": 20},
        "quota": {"per": "day", "count": 10000},
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
    provider, consumer = accord.provider, accord.consumer
    acts, purposes = country().acts, country().purposes
    service = Service.objects.filter(system=provider, code=terms["service"], is_active=True).first()
    strange = [one for one in terms["purposes"] if one not in purposes]
    bases = set(terms["legal_bases"])
    unfit = [
        one for one in terms["purposes"] if one in purposes and purposes[one].basis not in bases
    ]
    offered = fields_offered(provider, terms["service"])
    missing = [one for one in terms["fields"] if one not in offered]
    first, last = _day(terms["from"]), _day(terms["until"])
    return [
        Check("consumer_registered", _is_registered(consumer)),
        Check("provider_in_use", provider.stage == Stage.IN_USE and provider.is_active),
        Check("service_offered", service is not None, terms["service"]),
        Check("endpoints_offered", _endpoints_fit(terms, service)),
        Check("purposes_known", bool(terms["purposes"]) and not strange, ", ".join(strange)),
        Check("bases_known", bool(bases) and all(one in acts for one in bases),
              ", ".join(sorted(bases - acts.keys()))),
        Check("bases_fit", not unfit, ", ".join(unfit)),
        Check("fields_described", bool(terms["fields"]) and not missing, ", ".join(missing)),
        Check("limits_given", _limits_fit(terms)),
        Check("demands_known", all(one in DEMANDS for one in terms["demands"])),
        Check("represented_known", all(_is_body(one) for one in terms["represents"])),
        Check("consent_kept", service is None or not service.consent or terms["consent"]),
        Check("suppress_fits", _suppress_fits(terms)),
        Check("persons_given", int(terms["persons"]) > 0),
        Check("days_in_order", first is not None and last is not None and first <= last
              and last >= on and last.year - first.year <= MOST_YEARS),
        Check("asked_once", _is_linked(consumer, provider), is_hard=False),
    ]  # fmt: skip


def fields_offered(system: System, service: str) -> dict[str, tuple[dict[str, Any], str]]:
    """Return what may be agreed about: names and object by code of the field.

    A service that is called like an object of the description answers with that object.
    """
    found: dict[str, tuple[dict[str, Any], str]] = {}
    every = list(fields_of(description_of(system).content))
    own = [(one, field) for one, field in every if one["code"] == service]
    for one, field in own or every:
        found.setdefault(str(field["code"]), (field["names"], str(one["names"]["az"])))
    return found


def holds(accord: Accord, *, on: date) -> bool:
    """Say whether everything that must hold does."""
    return all(one.holds for one in checks(accord, on=on) if one.is_hard)


def _is_registered(system: System) -> bool:
    return (
        system.stage in {Stage.ESTABLISHED, Stage.IN_USE}
        and Description.objects.filter(system=system).exists()
    )


def _endpoints_fit(terms: Mapping[str, Any], service: Service | None) -> bool:
    if terms["service"] == BUILT_IN:
        return bool(terms["endpoints"] == [["POST", "**"]])
    if service is None or not terms["endpoints"]:
        return False
    offered = [tuple(pair) for pair in service.endpoints]
    return all(tuple(pair) in offered for pair in terms["endpoints"])


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
