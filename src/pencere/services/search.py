"""Finding a service by the words people type: three languages, slang, typos, missing letters.

A small index of words in memory. A word typed is compared with every word of the catalogue that
shares letter triples with it: equal, beginning alike (endings carry the grammar in Azerbaijani
and Russian), or alike in most triples (typos). Rare words weigh more. A service is as good as its
best phrase, with what the rest of its words add.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Protocol

from pencere.kernel.alphabet import fold
from pencere.kernel.text import LANGUAGES, Text
from pencere.rules.yamlfile import load_yaml

MAX_QUERY = 200
MAX_WORDS = 12

# How much a phrase counts by where it stands.
NAME, KEYWORD, RESULT, SUMMARY = 1.0, 1.0, 0.8, 0.45
# What a phrase says beyond the words asked for makes it less exact.
EXACTNESS = 0.35
# What the other words of a service add to its best phrase.
REST = 0.6
MIN_SIMILARITY = 0.45
# Below this share of the query a hit is chance.
MIN_COVERAGE = 0.34

_WORD = re.compile(r"[a-z0-9]+")
_DOUBLED = re.compile(r"(.)\1+")
# x and h, w and v, y and i are typed for one another.
_ALIKE = str.maketrans({"x": "h", "w": "v"})


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared: folded, doubled letters made single."""
    return [_DOUBLED.sub(r"\1", word.translate(_ALIKE)) for word in _WORD.findall(fold(text))]


# Words that say that something is wanted, not what. They count a little, so that nothing is
# lost when they are all there is.
_FILLER = frozenset(
    word
    for texts in load_yaml(Path(__file__).with_name("filler_words.yaml")).values()
    if isinstance(texts, list)
    for text in texts
    for word in words_of(text)
)
FILLER_WEIGHT = 0.12


@dataclass(frozen=True, slots=True)
class Hit:
    """A service found. `score` is from 0 to 1 and compares hits of one query only."""

    id: str
    score: float
    name: str


class Searched(Protocol):
    """What can be found: a service of the catalogue, or anything named and described likewise."""

    @property
    def id(self) -> str:
        """Its id, which a hit names."""

    @property
    def names(self) -> Text:
        """What it is called."""

    @property
    def summary(self) -> Text:
        """What it is, in a sentence."""

    @property
    def result(self) -> Text | None:
        """What comes of it; weighs less than a name."""

    @property
    def keywords(self) -> Mapping[str, tuple[str, ...]]:
        """Other words for it, by language."""


class Collection(Protocol):
    """Everything that an index finds."""

    @property
    def all(self) -> Sequence[Searched]:
        """All of it, in an order that breaks ties."""


@dataclass(frozen=True, slots=True)
class _Phrase:
    service: int
    weight: float
    words: tuple[int, ...]


class Index:
    """The search index of one collection. Made once, then only read: safe among threads."""

    def __init__(self, collection: Collection) -> None:
        self._entries = collection.all
        self._vocabulary: dict[str, int] = {}
        self._phrases: list[_Phrase] = []
        for number, entry in enumerate(self._entries):
            for weight, text in _phrases_of(entry):
                words = tuple(dict.fromkeys(self._number(word) for word in words_of(text)))
                if words:
                    self._phrases.append(_Phrase(number, weight, words))
        self._spelling = list(self._vocabulary)
        self._weights = self._weigh()
        self._places: list[list[int]] = [[] for _ in self._spelling]
        for number, phrase in enumerate(self._phrases):
            for word in phrase.words:
                self._places[word].append(number)
        self._sizes = [sum(self._weights[w] for w in phrase.words) for phrase in self._phrases]
        self._triples: dict[str, list[int]] = defaultdict(list)
        self._counts: list[int] = []
        for known, spelling in enumerate(self._spelling):
            triples = _triples(spelling)
            self._counts.append(len(triples))
            for triple in triples:
                self._triples[triple].append(known)
        self._alike = lru_cache(maxsize=4096)(self._find_alike)

    def search(self, text: str, language: str = "az", limit: int = 10) -> list[Hit]:
        """Return the services that answer `text`, best first; names in `language`."""
        asked = list(dict.fromkeys(words_of(text[:MAX_QUERY])))[:MAX_WORDS]
        if not asked:
            return []
        weights = [self._importance(word) for word in asked]
        by_phrase: dict[int, list[float]] = {}
        by_service: dict[int, list[float]] = {}
        for index, word in enumerate(asked):
            for known, similarity in self._alike(word):
                gain = similarity * weights[index]
                for number in self._places[known]:
                    phrase = self._phrases[number]
                    row = by_phrase.setdefault(number, [0.0] * len(asked))
                    row[index] = max(row[index], gain)
                    whole = by_service.setdefault(phrase.service, [0.0] * len(asked))
                    whole[index] = max(whole[index], gain * phrase.weight)
        return self._ranked(by_phrase, by_service, sum(weights), language, limit)

    def forget(self) -> None:
        """Forget the words compared so far, so that the next search starts cold."""
        self._alike.cache_clear()

    def _ranked(
        self,
        by_phrase: dict[int, list[float]],
        by_service: dict[int, list[float]],
        total: float,
        language: str,
        limit: int,
    ) -> list[Hit]:
        best: dict[int, float] = {}
        for number, row in by_phrase.items():
            phrase = self._phrases[number]
            gained = sum(row)
            said = min(1.0, gained / self._sizes[number]) if self._sizes[number] else 0.0
            score = gained * phrase.weight * (1 - EXACTNESS + EXACTNESS * said)
            best[phrase.service] = max(best.get(phrase.service, 0.0), score)
        scored = [
            ((score + REST * sum(by_service[service])) / (total * (1 + REST)), service)
            for service, score in best.items()
            if sum(by_service[service]) >= MIN_COVERAGE * total
        ]
        scored.sort(key=lambda item: (-item[0], item[1]))
        return [
            Hit(
                self._entries[service].id,
                round(score, 4),
                self._entries[service].names.in_language(language),
            )
            for score, service in scored[:limit]
        ]

    def _number(self, word: str) -> int:
        return self._vocabulary.setdefault(word, len(self._vocabulary))

    def _weigh(self) -> list[float]:
        services: list[set[int]] = [set() for _ in self._spelling]
        for phrase in self._phrases:
            for word in phrase.words:
                services[word].add(phrase.service)
        total = len(self._entries)
        return [
            log(1 + total / len(found)) * (FILLER_WEIGHT if word in _FILLER else 1)
            for word, found in zip(self._spelling, services, strict=True)
        ]

    def _importance(self, word: str) -> float:
        if word in _FILLER:
            return FILLER_WEIGHT
        alike = self._alike(word)
        if not alike:
            return log(1 + len(self._entries)) * 0.5
        nearest = max(similarity for _, similarity in alike)
        return max(self._weights[known] for known, s in alike if s >= nearest - 0.05)

    def _find_alike(self, word: str) -> tuple[tuple[int, float], ...]:
        exact = self._vocabulary.get(word)
        if word in _FILLER:
            return () if exact is None else ((exact, 1.0),)
        triples = _triples(word)
        shared = Counter(number for triple in triples for number in self._triples.get(triple, ()))
        found = []
        for number, common in shared.items():
            if common < 2:
                continue
            dice = 2 * common / (len(triples) + self._counts[number])
            similarity = _similarity(word, self._spelling[number], dice)
            if similarity >= MIN_SIMILARITY:
                found.append((number, similarity))
        found.sort(key=lambda item: -item[1])
        return tuple(found[:80])


def _phrases_of(entry: Searched) -> Iterable[tuple[float, str]]:
    for language in LANGUAGES:
        yield NAME, entry.names.in_language(language)
        yield SUMMARY, entry.summary.in_language(language)
        if entry.result is not None:
            yield RESULT, entry.result.in_language(language)
        for keyword in entry.keywords[language]:
            yield KEYWORD, keyword


def _triples(word: str) -> frozenset[str]:
    padded = f"^{word}$" if len(word) < 4 else f"^{word}"
    return frozenset(padded[i : i + 3] for i in range(max(1, len(padded) - 2)))


def _similarity(asked: str, known: str, dice: float) -> float:
    """How alike two words are, from 0 to 1; `dice` is the share of letter triples in common."""
    if asked == known:
        return 1.0
    short, long = sorted((len(asked), len(known)))
    common = 0
    for a, b in zip(asked, known, strict=False):
        if a != b:
            break
        common += 1
    if common == short >= 3:
        return 0.7 + 0.27 * short / long
    if short < 4:
        return 0.0
    if common >= 4 and common >= 0.55 * short:
        return max(dice, 0.35 + 0.55 * 2 * common / (short + long))
    if dice >= 0.6:
        return dice
    return max(dice, MIN_SIMILARITY) if dice >= 0.3 and _within_two(asked, known) else 0.0


def _within_two(a: str, b: str) -> bool:
    """Say whether one edit (two, in words of 7 letters and more) makes one word the other."""
    limit = 2 if min(len(a), len(b)) >= 7 else 1
    if abs(len(a) - len(b)) > limit:
        return False
    previous = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (letter != other)))
        if min(row) > limit:
            return False
        previous = row
    return previous[-1] <= limit
