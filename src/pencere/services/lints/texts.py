"""Texts: complete in three languages and each in its own letters."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from pencere.kernel.text import Text
from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.definition import Definition

_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LETTER = re.compile(r"[^\W\d_]")
MAX_SENTENCE_WORDS = 30


def texts_of(value: object, path: str) -> Iterator[tuple[str, Text]]:
    """Yield every text of a definition with its place."""
    if isinstance(value, Text):
        yield path, value
    elif is_dataclass(value) and not isinstance(value, type):
        for member in fields(value):
            name = f"{path}.{member.name}" if path else member.name
            yield from texts_of(getattr(value, member.name), name)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_of(item, f"{path}.{key}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from texts_of(item, f"{path}.{index}")


def _own_letters(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for path, text in texts_of(definition, ""):
        for language in ("az", "en"):
            words = text.in_language(language)
            if _CYRILLIC.search(words):
                yield f"{path}.{language}", words, "has Cyrillic letters", "Latin letters"
        has_letters = _LETTER.search(text.ru)
        if has_letters and not _CYRILLIC.search(text.ru):
            yield f"{path}.ru", text.ru, "is not in Russian", "Замена удостоверения"


def _plain(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for path, text in texts_of(definition, ""):
        for language, words in text.as_mapping().items():
            place = f"{path}.{language}"
            if "!" in words:
                yield place, words, "shouts", "a sentence without an exclamation mark"
            longest = max(len(part.split()) for part in re.split(r"[.?:;\n]", words))
            if longest > MAX_SENTENCE_WORDS:
                yield place, words, f"has a sentence of {longest} words", "under 20 words"


def _keywords(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for language, words in definition.keywords.items():
        if not words:
            yield f"keywords.{language}", [], "is empty", "words by which people ask for it"


TEXT_RULES: tuple[Rule, ...] = (_own_letters, _plain, _keywords)
