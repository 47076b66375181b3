"""How well and how fast the search answers a file of queries."""

import json
from pathlib import Path
from statistics import median
from time import perf_counter

from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import LANGUAGES
from pencere.services.catalogue import Catalogue
from pencere.services.search import Index

RECALL_TARGET = 0.97
P99_TARGET_MS = 5.0
RUNS = 20
_Query = tuple[str, str, set[str]]
_EXAMPLE = '{"queries": [{"q": "pasport almaq", "expect": ["passport-adult"]}]}'


def bench_search(queries_file: Path, catalogue: Catalogue) -> dict[str, object]:
    """Return the JSON of `pencere bench search`.

    The file holds `{"queries": [{"q", "expect": [service ids], "lang"?}]}`, in Azerbaijani
    where `lang` is not given: people type any language into any page. A query is answered when one
    of the expected services is among the first three; `value` is the share of those. Times are
    of the whole call, each with a cold cache of words.

    Raises:
        Misconfigured: the file is not of that shape.
    """
    queries = _queries(queries_file)
    index = Index(catalogue)
    missed: list[dict[str, object]] = []
    first = third = 0
    for text, language, expected in queries:
        found = [hit.id for hit in index.search(text, language, 3)]
        first += bool(found and found[0] in expected)
        third += bool(expected & set(found))
        if not expected & set(found):
            missed.append({"q": text, "expect": sorted(expected), "found": found})
    times = sorted(_times(queries, index))
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    recall = third / len(queries)
    return {
        "name": "search",
        "value": round(recall, 4),
        "unit": "recall@3",
        "limit": RECALL_TARGET,
        "limit_name": "recall@3 wanted on unseen queries",
        "ratio": round(recall / RECALL_TARGET, 4),
        "runs": RUNS,
        "queries": len(queries),
        "recall@1": round(first / len(queries), 4),
        "recall@3": round(recall, 4),
        "p50_ms": round(median(times), 3),
        "p99_ms": round(p99, 3),
        "p99_limit_ms": P99_TARGET_MS,
        "missed": missed,
    }


def _times(queries: list[_Query], index: Index) -> list[float]:
    times = []
    for _ in range(RUNS):
        for text, language, _ in queries:
            index.forget()
            start = perf_counter()
            index.search(text, language, 10)
            times.append((perf_counter() - start) * 1000)
    return times


def _queries(file: Path) -> list[_Query]:
    try:
        content = json.loads(file.read_text("utf-8"))
        queries = [
            (str(item["q"]), _language(item.get("lang", "az")), {str(i) for i in item["expect"]})
            for item in content["queries"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(
            file=file, key="queries", value=type(error).__name__, example=_EXAMPLE
        ) from error
    if not queries:
        raise Misconfigured(file=file, key="queries", value=[], example=_EXAMPLE)
    return queries


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(code)
    return code
