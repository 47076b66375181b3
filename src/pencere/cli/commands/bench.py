"""`pencere bench NAME`: one figure beside its limit, measured in the same run."""

import json
from collections.abc import Sequence
from pathlib import Path

from pencere.cli.benchmarks.search import Query, measure
from pencere.cli.options import parser, subparsers
from pencere.kernel.errors import Misconfigured

_EXAMPLE = '{"queries": [{"q": "surucluk vesiqesi", "expect": ["driving-licence-replace"]}]}'


def run(arguments: Sequence[str]) -> int:
    """Measure and print; exit 1 when the target is missed."""
    options = parser("bench", "Measure against a limit.")
    actions = subparsers(options, [("search", "recall at three and time of the search")])
    actions["search"].add_argument("--queries", required=True, metavar="FILE", help=_EXAMPLE)
    actions["search"].add_argument("--runs", type=int, default=5, metavar="N")
    actions["search"].add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    result = measure(_queries(Path(given.queries)), runs=max(1, given.runs))
    if given.json:
        print(json.dumps(result.as_json(), ensure_ascii=False, indent=1))
    else:
        print(
            f"recall@3 {result.recall:.4f} of {result.queries} queries, p50 {result.p50_ms:.2f} ms,"
            f" p99 {result.p99_ms:.2f} ms, index made in {result.index_ms:.0f} ms"
        )
        for miss in result.misses:
            print(f"  missed: {miss.text!r} wants {', '.join(miss.expected)}; got {miss.found}")
    return 0 if result.is_reached else 1


def _queries(file: Path) -> list[Query]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        rows = found["queries"] if isinstance(found, dict) else found
        return [
            Query(str(row["q"]), tuple(map(str, row["expect"])), str(row.get("lang", "az")))
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:
        raise Misconfigured(
            file=file, key="queries", value=f"{type(reason).__name__}: {reason}", example=_EXAMPLE
        ) from None
