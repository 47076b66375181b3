"""Ask once: who already holds what a system would collect, and what its owner says to that.

Matching is by concept; a field without one is compared by its name, which is only a hint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pencere.kernel.alphabet import fold
from pencere.web.stateregister.domain.description import fields_of
from pencere.web.stateregister.domain.reading import newest_contents
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Service, System

LEAST_REASON = 20  # signs: a justification is a sentence, not a dash


@dataclass(frozen=True, slots=True)
class Finding:
    """A field that another system holds. `is_hint`: only the names are alike."""

    concept: str
    field: str
    holder: System
    held_as: str
    services: tuple[Service, ...]
    is_hint: bool
    decision: str
    reason: str

    @property
    def key(self) -> str:
        """Name of this finding in a form and in the description."""
        return f"{self.concept or fold(self.field)}@{self.holder.key}"


def findings(content: Mapping[str, Any], *, own: str) -> list[Finding]:
    """Return what others hold of what this description collects; `own` is its `body/code`.

    A key by which records are found is no collection. Who takes a field from the holder says so
    with the decision `use`.
    """
    said = {one["key"]: one for one in content.get("ask_once", ())}
    held, named = _held(own)
    found: dict[str, Finding] = {}
    for _object, field in fields_of(content):
        concept = str(field["concept"])
        matches = held.get(concept, ()) if concept else named.get(fold(_name(field)), ())
        if concept in vocabulary().keys:
            continue
        for system, held_as in matches:
            one = Finding(
                concept=concept,
                field=_name(field),
                holder=system,
                held_as=held_as,
                services=(),
                is_hint=not concept,
                decision="",
                reason="",
            )
            answer = said.get(one.key, {})
            found.setdefault(
                one.key,
                Finding(
                    concept, one.field, system, held_as, _services(system), not concept,
                    str(answer.get("decision", "")), str(answer.get("reason", "")),
                ),
            )  # fmt: skip
    return list(found.values())


def undecided(found: Sequence[Finding]) -> list[Finding]:
    """Return findings by concept that the proposer has not answered well enough."""
    return [
        one
        for one in found
        if not one.is_hint
        and one.decision != "use"
        and (one.decision != "justify" or len(one.reason.strip()) < LEAST_REASON)
    ]


def _held(
    own: str,
) -> tuple[dict[str, list[tuple[System, str]]], dict[str, list[tuple[System, str]]]]:
    """Return who collects what: by concept and by folded name of a field."""
    by_concept: dict[str, list[tuple[System, str]]] = {}
    by_name: dict[str, list[tuple[System, str]]] = {}
    for system, content in newest_contents():
        if system.key == own:
            continue
        used = {one["concept"] for one in content.get("ask_once", ()) if one["decision"] == "use"}
        for _object, field in fields_of(content):
            concept = str(field["concept"])
            place = (system, _name(field))
            if concept and concept not in used:
                by_concept.setdefault(concept, [])
                if all(holder.pk != system.pk for holder, _ in by_concept[concept]):
                    by_concept[concept].append(place)
            for name in {fold(_name(field))} | _called(concept):
                by_name.setdefault(name, [])
                if all(holder.pk != system.pk for holder, _ in by_name[name]):
                    by_name[name].append(place)
    return by_concept, by_name


def _called(concept: str) -> frozenset[str]:
    known = vocabulary().concepts.get(concept)
    return known.folded if known is not None else frozenset()


def _name(field: Mapping[str, Any]) -> str:
    return str(field["names"]["az"])


def _services(system: System) -> tuple[Service, ...]:
    return tuple(Service.objects.filter(system=system, is_active=True).order_by("code"))
