"""`pencere bench NAME`: one figure beside its limit, measured in the same run."""

import json
from collections.abc import Sequence
from pathlib import Path

from pencere.cli.options import parser, subparsers
from pencere.countries.country import Country
from pencere.services.bench import P99_TARGET_MS, RECALL_TARGET, bench_search
from pencere.services.catalogue import Catalogue

_FILE = '{"queries": [{"q": "surucluk vesiqesi", "expect": ["driving-licence-replace"]}]}'


def run(arguments: Sequence[str]) -> int:
    """Measure and print; exit 1 when a target is missed."""
    options = parser("bench", "Measure against a limit.")
    actions = subparsers(options, [("search", "recall and time of the search")])
    actions["search"].add_argument("--queries", required=True, metavar="FILE", help=_FILE)
    actions["search"].add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    found = bench_search(Path(given.queries), Catalogue.load(Country.load("az").folder))
    if given.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        keys = ("recall@1", "recall@3", "p50_ms", "p99_ms", "queries")
        print("  ".join(f"{key} {found[key]}" for key in keys))
        missed = found["missed"]
        assert isinstance(missed, list)  # noqa: S101  # the shape of bench_search
        for miss in missed:
            print(f"  missed: {miss['q']!r} wants {', '.join(miss['expect'])}; got {miss['found']}")
    recall, p99_ms = found["recall@3"], found["p99_ms"]
    assert isinstance(recall, float)  # noqa: S101  # as above
    assert isinstance(p99_ms, float)  # noqa: S101
    return 0 if recall >= RECALL_TARGET and p99_ms < P99_TARGET_MS else 1
