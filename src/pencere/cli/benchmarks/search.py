"""The search of the catalogue: is what people look for among the first three, and how fast."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pencere.countries.country import Country
from pencere.services.catalogue import Catalogue
from pencere.services.search import Index

FIRST = 3
RECALL_TARGET = 0.97
P99_TARGET_MS = 5.0


@dataclass(frozen=True)
class Query:
    """What is typed, and the services of which one is wanted."""

    text: str
    expected: tuple[str, ...]
    language: str


@dataclass(frozen=True)
class Miss:
    """A query whose services were not among the first three."""

    text: str
    expected: tuple[str, ...]
    found: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """Figures of one run; `recall` is the share of queries answered."""

    queries: int
    runs: int
    recall: float
    p50_ms: float
    p99_ms: float
    index_ms: float
    misses: tuple[Miss, ...]

    @property
    def is_reached(self) -> bool:
        """Whether both targets are."""
        return self.recall >= RECALL_TARGET and self.p99_ms < P99_TARGET_MS

    def as_json(self) -> dict[str, object]:
        """Return the shape that all benchmarks share, with the figures of this one."""
        return {
            "name": "search",
            "value": round(self.recall, 4),
            "unit": "recall@3",
            "limit": 1.0,
            "limit_name": "every query answered within the first three",
            "ratio": round(self.recall, 4),
            "runs": self.runs,
            "queries": self.queries,
            "recall_at_3": round(self.recall, 4),
            "p50_ms": round(self.p50_ms, 3),
            "p99_ms": round(self.p99_ms, 3),
            "index_ms": round(self.index_ms, 1),
            "targets": {"recall_at_3": RECALL_TARGET, "p99_ms": P99_TARGET_MS},
            "misses": [
                {"q": miss.text, "expect": miss.expected, "found": miss.found}
                for miss in self.misses
            ],
        }


def measure(queries: Sequence[Query], *, runs: int) -> Result:
    """Ask every query `runs` times, each time of a new index, so that nothing is remembered."""
    catalogue = Catalogue.load(Country.load("az").folder)
    index_ms = 0.0
    took: list[float] = []
    misses: list[Miss] = []
    for run in range(runs):
        began = time.perf_counter()
        index = Index(catalogue)
        index_ms = (time.perf_counter() - began) * 1000
        for query in queries:
            began = time.perf_counter()
            hits = index.search(query.text, query.language, FIRST)
            took.append((time.perf_counter() - began) * 1000)
            found = tuple(hit.id for hit in hits)
            if run == 0 and not set(found) & set(query.expected):
                misses.append(Miss(query.text, query.expected, found))
    took.sort()
    return Result(
        queries=len(queries),
        runs=runs,
        recall=1 - len(misses) / len(queries) if queries else 0.0,
        p50_ms=_percentile(took, 0.50),
        p99_ms=_percentile(took, 0.99),
        index_ms=index_ms,
        misses=tuple(misses),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
