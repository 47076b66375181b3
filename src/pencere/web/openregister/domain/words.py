"""The words of the register's systems and services, for the house's search."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pencere.kernel.text import LANGUAGES, Text
from pencere.services.search import Index
from pencere.web.openregister.domain.records import OpenService, OpenSystem, body_names
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.texts import texts

LONGEST_QUERY = 200
SYSTEM, SERVICE = "system:", "service:"


def event_names(name: str) -> Text:
    """Return the words of a type of events; one without words is shown by its name."""
    key = f"registry.event.{name.replace('-', '_')}"
    return texts().text(key) if key in texts() else Text(name, name, name)


@dataclass(frozen=True, slots=True)
class Words:
    """What is searched of one thing, in the form that the index takes."""

    id: str
    names: Text
    summary: Text
    result: Text | None
    keywords: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Words:
    all: tuple[Words, ...]


class SystemIndex:
    """Finds systems and services by what people call them and what they keep."""

    def __init__(self, systems: Iterable[OpenSystem]) -> None:
        found: list[Words] = []
        for system in systems:
            found.append(_of_system(system))
            found.extend(_of_service(one, system) for one in system.services)
        self._index = Index(_Words(tuple(found)))
        self._count = len(found)

    def find(self, words: str, language: str) -> list[str]:
        """Return ids with their prefix, SYSTEM or SERVICE, best first."""
        asked = words.strip()[:LONGEST_QUERY]
        if not asked or not self._count:
            return []
        return [hit.id for hit in self._index.search(asked, language, self._count)]


def _of_system(system: OpenSystem) -> Words:
    concepts = vocabulary().concepts
    kept = [concepts[one] for one in sorted(system.concepts) if one in concepts]
    # People call a thing by other words too, whatever the language of the page.
    called = sorted({word for one in kept for word in one.folded})
    objects: list[Mapping[str, Any]] = list(system.content.get("objects", ()))
    return Words(
        id=f"{SYSTEM}{system.id}",
        names=system.names,
        summary=system.purpose,
        result=system.owner_names,
        keywords={
            language: (
                system.code,
                *(one.names.in_language(language) for one in kept),
                *called,
                *(str(one.get("names", {}).get(language, "")) for one in objects),
            )
            for language in LANGUAGES
        },
    )


def _of_service(service: OpenService, of: OpenSystem) -> Words:
    owner = body_names(of.owner)
    return Words(
        id=f"{SERVICE}{service.id}",
        names=service.names,
        summary=of.names,
        result=owner,
        keywords=dict.fromkeys(LANGUAGES, (service.code,)),
    )
