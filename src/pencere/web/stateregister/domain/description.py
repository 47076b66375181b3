"""What a description holds, what is missing in it, and what one version changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.web.stateregister.domain.terms import persons_threshold
from pencere.web.stateregister.domain.vocabulary import vocabulary

# Sections of the form, in their order, with the keys that each writes.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "general": ("kind", "names", "purpose", "operator"),
    "law": ("legal_bases",),
    "data": ("objects",),
    "persons": ("persons", "personal_classes"),
    "exchange": ("sources", "users"),
    "protection": ("security_class", "location", "contacts"),
    "documents": ("documents",),
    "services": ("services",),
}

EMPTY: Mapping[str, Any] = {
    "kind": "system",
    "names": {"az": "", "en": "", "ru": ""},
    "purpose": {"az": "", "en": "", "ru": ""},
    "operator": "",
    "legal_bases": [],
    "objects": [],
    "persons": {"who": [], "count": 0},
    "personal_classes": [],
    "sources": [],
    "users": [],
    "security_class": "",
    "location": {"data_centre": "", "address": ""},
    "contacts": [],
    "documents": [],
    "services": [],
    "ask_once": [],
}


@dataclass(frozen=True, slots=True)
class Gap:
    """What must still be said: the section, the key, the code of the sentence."""

    section: str
    key: str
    code: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One change between two versions. `what` names the part; `kind` added, removed, changed."""

    key: str
    what: str
    kind: str
    before: Any
    after: Any


def is_personal(content: Mapping[str, Any], *, on: date) -> bool:
    """Say whether the supervisor of personal data decides too.

    Where a class or a concept is personal, or the persons reach the figure of the law.
    """
    concepts = vocabulary().concepts
    kept = (concepts[one].personal for one in concepts_of(content) if one in concepts)
    return (
        bool(content["personal_classes"])
        or any(personal != "none" for personal in kept)
        or int(content["persons"]["count"]) >= persons_threshold(on=on)
    )


def must_be_registered(content: Mapping[str, Any], *, on: date) -> bool:
    """Say whether the law makes registration a duty: persons from its figure on."""
    return int(content["persons"]["count"]) >= persons_threshold(on=on)


def concepts_of(content: Mapping[str, Any]) -> Iterator[str]:
    """Give the concept of each field that has one, in order, each once."""
    seen: set[str] = set()
    for _object, field in fields_of(content):
        concept = str(field["concept"])
        if concept and concept not in seen:
            seen.add(concept)
            yield concept


def fields_of(content: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each field with its object."""
    for one in content["objects"]:
        for field in one["fields"]:
            yield one, field


def gaps(content: Mapping[str, Any], *, on: date) -> list[Gap]:
    """Return what a description still lacks before it can be sent."""
    found = [
        *_needed(content, "general", "operator"),
        *_needed(content, "law", "legal_bases"),
        *_needed(content, "data", "objects"),
        *_needed(content, "protection", "security_class"),
        *_needed(content, "protection", "contacts"),
    ]
    found += [
        Gap("general", key, f"{key}_needed")
        for key in ("names", "purpose")
        if not content[key]["az"].strip()
    ]
    if not content["location"]["data_centre"]:
        found.append(Gap("protection", "data_centre", "data_centre_needed"))
    if is_personal(content, on=on):
        if not content["persons"]["who"]:
            found.append(Gap("persons", "who", "who_needed"))
        if not content["personal_classes"]:
            found.append(Gap("persons", "personal_classes", "personal_classes_needed"))
        if not any(one["kind"] == "impact-assessment" for one in content["documents"]):
            found.append(Gap("documents", "documents", "impact_assessment_needed"))
    said = set(content["personal_classes"])
    for concept in concepts_of(content):
        known = vocabulary().concepts.get(concept)
        if known is not None and known.personal not in {"none", *said}:
            found.append(Gap("persons", "personal_classes", f"class_{known.personal}_unsaid"))
    order = list(SECTIONS)
    unique = list(dict.fromkeys(found))
    return sorted(unique, key=lambda gap: order.index(gap.section))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return what changed, part by part, in the order of the sections."""
    found: list[Difference] = []
    for keys in SECTIONS.values():
        for key in keys:
            found += _differences(key, before.get(key), after.get(key))
    return found


def _differences(key: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if not isinstance(new, list):
        yield Difference(key, "", "changed", old, new)
        return
    olds, news = parts(key, old or []), parts(key, new)
    for name, part in olds.items():
        if name not in news:
            yield Difference(key, name, "removed", part, None)
        elif news[name] != part:
            yield Difference(key, name, "changed", part, news[name])
    for name, part in news.items():
        if name not in olds:
            yield Difference(key, name, "added", None, part)


def parts(key: str, values: list[Any]) -> dict[str, Any]:
    """Return the parts of a list by what makes each the same: a field by object and code."""
    found: dict[str, Any] = {}
    for value in values:
        if key == "objects":
            for field in value["fields"]:
                found[f"{value['code']}.{field['code']}"] = field
        elif isinstance(value, dict):
            name = next((value[of] for of in ("code", "act", "system", "name", "unit", "kind")
                         if value.get(of)), "")  # fmt: skip
            found[str(name)] = value
        else:
            found[str(value)] = value
    return found


def _needed(content: Mapping[str, Any], section: str, key: str) -> list[Gap]:
    return [] if content[key] else [Gap(section, key, f"{key}_needed")]
