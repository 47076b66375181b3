"""`pencere bench NAME`: one figure beside its limit, measured in the same run."""

import importlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import django

from pencere.cli.benches.registers import bench_registers
from pencere.cli.options import installation_of, parser, subparsers
from pencere.countries.country import Country
from pencere.ops.installation import Installation
from pencere.services.bench import P99_TARGET_MS, RECALL_TARGET, bench_search
from pencere.services.catalogue import Catalogue

_FILE = '{"queries": [{"q": "surucluk vesiqesi", "expect": ["driving-licence-replace"]}]}'

_MEASURED = ("ocsp", "tsa", "issue", "validate", "gateway")
# In a running installation, within Django: which role, which module and function.
_RUNNING = {
    "portal": ("portal", "pencere.web.bench", "bench_portal_page"),
    "forms": ("portal", "pencere.web.bench_forms", "bench_forms"),
    "pdf": ("worker", "pencere.web.bench_pdf", "bench_pdf"),
}


def _measure(name: str) -> list[dict[str, object]]:
    module = importlib.import_module(f"pencere.cli.benches.{name}")
    rows: list[dict[str, object]] = getattr(module, f"bench_{name}")()
    return rows


def _measure_running(name: str, installation: Installation) -> list[dict[str, object]]:
    role, module, function = _RUNNING[name]
    os.environ.update(installation.environment())  # Django reads it there
    os.environ["DJANGO_SETTINGS_MODULE"] = f"pencere.web.settings.{role}"
    logging.disable(logging.INFO)  # a line for each request would be measured too
    django.setup(set_prefix=False)
    rows: list[dict[str, object]] = getattr(importlib.import_module(module), function)()
    return rows


def _told(rows: list[dict[str, object]], *, as_json: bool) -> int:
    """Print each row with its ratio and the target for it; 1 when one is missed."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            print(
                f"{row['name']}: {row['value']} {row['unit']}, {row['ratio']} of"
                f" {row['limit_name']} ({row['limit']})"
                + (f", target {row['target']}" if row["target"] else "")
            )
    compared = [(row["ratio"], row["target"]) for row in rows if row["target"] is not None]
    return 0 if all(ratio >= target for ratio, target in compared) else 1  # type: ignore[operator]


def run(arguments: Sequence[str]) -> int:
    """Measure and print; exit 1 when a target is missed."""
    options = parser("bench", "Measure against a limit.")
    actions = subparsers(
        options,
        [
            ("search", "recall and time of the search"),
            ("ocsp", "status answers against bare signing and openssl ocsp"),
            ("tsa", "time-stamp tokens against bare signing"),
            ("issue", "certificates against the linter, the disk and bare signing"),
            ("validate", "NIST PKITS against certvalidator and openssl verify"),
            ("registers", "readings and amendments of registers against bare PostgreSQL"),
            ("gateway", "exchanges through two nodes against nginx before nginx"),
            ("portal", "pages of the portal against a view that returns a constant"),
            ("forms", "pages of a form of 40 questions and 200 rows, against 50 ms"),
            ("pdf", "a decision made, sealed and time-stamped, against 150 ms"),
        ],
    )
    actions["search"].add_argument("--queries", required=True, metavar="FILE", help=_FILE)
    actions["search"].add_argument("--json", action="store_true", help="for machines")
    actions["registers"].add_argument("--people", type=int, default=20_000, metavar="N")
    for name in (*_MEASURED, "registers", *_RUNNING):
        actions[name].add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    if given.action in _MEASURED:
        return _told(_measure(given.action), as_json=given.json)
    if given.action == "registers":
        return _told(bench_registers(given.people), as_json=given.json)
    if given.action in _RUNNING:
        rows = _measure_running(given.action, installation_of(given))
        return _told(rows, as_json=given.json)
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
