"""Searching and filtering: words, facets, and how many each facet would leave."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pencere.kernel.text import Text
from pencere.web.catalogue.domain.services import place
from pencere.web.openregister.domain.records import (
    OpenService,
    OpenSystem,
    act_names,
    body_names,
)
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.openregister.domain.words import SERVICE, SYSTEM
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.texts import texts


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for. An empty facet does not filter; an unknown value finds nothing."""

    words: str = ""
    kind: str = ""
    body: str = ""
    act: str = ""
    concept: str = ""
    personal: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet, how many systems have it, and its words."""

    value: str
    count: int
    names: Text


@dataclass(frozen=True, slots=True)
class Found:
    """Systems and services, best first where words were given, by name otherwise."""

    systems: tuple[OpenSystem, ...]
    services: tuple[OpenService, ...]
    facets: Mapping[str, tuple[Choice, ...]]


def _concept_names(key: str) -> Text:
    known = vocabulary().concepts.get(key)
    return Text(key, key, key) if known is None else known.names


def _class_names(key: str) -> Text:
    if key == "none":
        return texts().text("registry.no_personal_data")
    return vocabulary().word("personal_class", key)


Values = Callable[[OpenSystem], Sequence[str]]
FACETS: Mapping[str, tuple[Values, Callable[[str], Text]]] = MappingProxyType(
    {
        "kind": (lambda one: (one.kind,), lambda key: vocabulary().word("kind", key)),
        "stage": (
            lambda one: (one.stage,),
            lambda key: texts().text(f"registry.stage.{key.replace('-', '_')}"),
        ),
        "personal": (lambda one: sorted(one.classes) or ("none",), _class_names),
        "body": (lambda one: (one.owner,), body_names),
        "act": (lambda one: sorted(one.acts), act_names),
        "concept": (lambda one: sorted(one.concepts), _concept_names),
    }
)


def find(question: Question, of: Snapshot, language: str) -> Found:
    """Answer a question. Each facet counts what the others leave."""
    order = of.index.find(question.words, language) if question.words.strip() else None
    every = _systems(of, order, language)
    asked = {name: getattr(question, name) for name in FACETS}
    fits = {
        name: [not wanted or wanted in FACETS[name][0](one) for one in every]
        for name, wanted in asked.items()
    }
    systems = tuple(
        one for number, one in enumerate(every) if all(fits[name][number] for name in FACETS)
    )
    facets = {}
    for name, (values, names) in FACETS.items():
        left = (
            one
            for number, one in enumerate(every)
            if all(fits[other][number] for other in FACETS if other != name)
        )
        counted = Counter(value for one in left for value in values(one))
        choices = [Choice(value, count, names(value)) for value, count in counted.items()]
        choices.sort(key=lambda one: (-one.count, place(one.names.in_language(language), language)))
        facets[name] = tuple(choices)
    return Found(systems, _services(of, order, question, systems, language), facets)


def _systems(of: Snapshot, order: list[str] | None, language: str) -> list[OpenSystem]:
    if order is None:
        return sorted(
            of.systems.values(), key=lambda one: place(one.names.in_language(language), language)
        )
    keys = (key.removeprefix(SYSTEM) for key in order if key.startswith(SYSTEM))
    return [of.systems[key] for key in keys]


def _services(
    of: Snapshot,
    order: list[str] | None,
    question: Question,
    systems: tuple[OpenSystem, ...],
    language: str,
) -> tuple[OpenService, ...]:
    """Services by words, of systems that the facets leave; without words those of `systems`."""
    if order is None:
        found = [one for system in systems for one in system.services]
        return tuple(
            sorted(found, key=lambda one: place(one.names.in_language(language), language))
        )
    asked = {name: getattr(question, name) for name in FACETS}
    by_id = {one.id: one for one in of.services}
    keys = (key.removeprefix(SERVICE) for key in order if key.startswith(SERVICE))
    return tuple(
        by_id[key]
        for key in keys
        if key in by_id
        and all(
            not wanted or wanted in FACETS[name][0](of.systems[by_id[key].system])
            for name, wanted in asked.items()
        )
    )
