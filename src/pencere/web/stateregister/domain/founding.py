"""Founding: what the country's data says becomes the first version, approved by law.

Done once for each system and agreement: a second time finds the version there is. The act of it
says that the register was founded, by no person; nobody's signature is made up for it.
"""

import copy
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction

from pencere.countries.country import Country
from pencere.registers.definition import Definition
from pencere.registers.lint import load_registers
from pencere.web.stateregister.domain import duties
from pencere.web.stateregister.domain.description import EMPTY
from pencere.web.stateregister.domain.recording import describe, record
from pencere.web.stateregister.domain.vocabulary import read
from pencere.web.stateregister.models import Act, Agreement, Description, Service, System

FOUNDED = "founded"


@transaction.atomic
def found(country: Country, *, at: datetime) -> int:
    """Describe every system of the data that has no description; return how many."""
    definitions = load_registers(country)
    described = set(Description.objects.values_list("system_id", flat=True))
    count = 0
    waiting = System.objects.filter(is_active=True, is_acted_on=False).exclude(pk__in=described)
    for system in waiting.select_related("owner"):
        content = _content(system, country, definitions)
        record("system", system.key, FOUNDED, person=None, at=at, body=system.owner_id,
               details={"act": system.legal_basis, "data": "exchange.yaml"})  # fmt: skip
        describe(system, content, why=FOUNDED, application="", person=None, at=at)
        duties.begin(system, content, at=at)
        count += 1
    known = set(
        Act.objects.filter(about="agreement", kind=FOUNDED).values_list("subject", flat=True)
    )
    for agreement in Agreement.objects.filter(is_active=True, accord=None).exclude(pk__in=known):
        record("agreement", agreement.id, FOUNDED, person=None, at=at,
               details={"acts": agreement.legal_bases, "data": "exchange.yaml"})  # fmt: skip
    return count


def _content(
    system: System, country: Country, definitions: Mapping[str, Definition]
) -> dict[str, Any]:
    vocabulary = read(country)
    content = copy.deepcopy(dict(EMPTY))
    content |= {
        "names": dict(system.names),
        "purpose": dict(system.names),
        "operator": system.owner_id,
        "legal_bases": [{"act": system.legal_basis, "article": ""}],
        "contacts": [{"unit": country.body(system.owner_id).names.az, "phone": "", "email": ""}],
    }
    subsystem = f"{system.code}/"
    for code, definition in definitions.items():
        if code.startswith(subsystem) and definition.owner == system.owner_id:
            content["objects"].append(_object(definition, vocabulary.fields.get(code, {})))
    content["services"] = [service_content(one) for one in Service.objects.filter(system=system)]
    said = vocabulary.founding.get(system.key)
    if said is None:
        return content
    persons = said.values.get("persons")
    if not isinstance(persons, int):
        raise said.wrong("persons", 1000)
    content |= {
        "purpose": said.text("purpose").as_mapping(),
        "operator": said.string("operator", system.owner_id),
        "persons": {"who": list(said.strings("who", ("citizens",))), "count": persons},
        "personal_classes": list(said.strings("classes", ("ordinary",))),
        "sources": [
            *([{"kind": "own"}] if content["objects"] else []),
            *(
                {"kind": "register", "system": one}
                for one in said.strings("sources", ("bpqmi/population",))
            ),
        ],
        "security_class": said.string("security_class", "3"),
        "location": {"data_centre": said.string("data_centre", "own"), "address": ""},
    }
    return content


def service_content(service: Service) -> dict[str, Any]:
    """Return a service as a description holds it."""
    return {
        "code": service.code,
        "names": dict(service.names),
        "kind": service.kind,
        "endpoints": service.endpoints,
        "demands": service.demands,
        "timeout_s": service.timeout_s,
        "consent": service.consent,
        "description": service.description,
        "openapi_sha256": service.openapi_sha256,
    }


def _object(definition: Definition, concepts: Mapping[str, str]) -> dict[str, Any]:
    properties: Any = definition.schema.get("properties")
    return {
        "code": definition.code.rpartition("/")[2],
        "names": definition.names.as_mapping(),
        "fields": [
            {
                "code": name,
                "names": properties[name].get("x-names") or {"az": name, "en": name, "ru": name},
                "concept": concepts.get(name, ""),
            }
            for name in definition.fields
        ],
    }


def since(system: System) -> date | None:
    """Return the day from which the register describes a system."""
    first = Description.objects.filter(system=system).order_by("number").first()
    return None if first is None else first.made_at.date()
