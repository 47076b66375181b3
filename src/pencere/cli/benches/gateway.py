"""`pencere bench gateway`: exchanges through two nodes beside nginx before nginx.

The nodes sign, verify, log durably on both sides, check rights, seal, count and are time-stamped;
the nginx chain only carries. Same cores, same upstream, same load, one after the other.
"""

import os
import shutil
import time
from dataclasses import dataclass, field
from statistics import median

from pencere.cli.benches.centre import CLIENT_CORE, trial_centre
from pencere.cli.benches.chains import (
    HEADERS,
    TARGET,
    Chain,
    answer_of,
    gateway_chain,
    nginx_chain,
    nginx_upstream,
)
from pencere.cli.benches.wrk import Load, post, tool
from pencere.kernel.errors import Unavailable

RUNS, SECONDS = 1, 2.0
SIZES = {"1 KB": 1024, "1 MB": 1024 * 1024}
CLIENTS = (1, 16, 64)
LONGEST_P50_MS = 5.0
_WARMING = 5
_TARGETS = {("1 KB", 64): 0.40}


@dataclass
class _Point:
    """One size and number of clients on one chain."""

    loads: list[Load] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self, chain: Chain, size: int, clients: int) -> None:
        """Add a run."""
        body = answer_of(size).encode()
        used, began = chain.cpu_s(), time.perf_counter()
        load = post(chain.port, TARGET, HEADERS, body, clients=clients, seconds=SECONDS)
        ran = time.perf_counter() - began
        self.loads.append(load)
        self.cpu_us.append((chain.cpu_s() - used) / (load.per_s * ran) * 1e6)

    @property
    def per_s(self) -> float:
        return median(one.per_s for one in self.loads)

    @property
    def p50_ms(self) -> float:
        return median(one.p50_ms for one in self.loads)

    @property
    def p99_ms(self) -> float:
        return median(one.p99_ms for one in self.loads)


def bench_gateway() -> list[dict[str, object]]:
    """Return a row for each size and number of clients, and one for the time of a lone client.

    Raises:
        Unavailable: `bench.needs_nginx`, since there is nothing to compare with.
    """
    if shutil.which("nginx") is None and not os.path.exists("/usr/sbin/nginx"):  # noqa: PTH110
        raise Unavailable("bench.needs_nginx", example="apt-get install nginx-light wrk")
    os.sched_setaffinity(0, {CLIENT_CORE})
    ours: dict[tuple[str, int], _Point] = {}
    theirs: dict[tuple[str, int], _Point] = {}
    with (
        trial_centre() as trial,
        nginx_upstream(trial.installation.data) as upstream,
        gateway_chain(trial, upstream) as nodes,
        nginx_chain(trial.installation.data, upstream) as peer,
    ):
        for chain in (nodes, peer):
            _warm(chain)
        for _ in range(RUNS):
            for name, size in SIZES.items():
                for clients in CLIENTS:
                    ours.setdefault((name, clients), _Point()).measure(nodes, size, clients)
                    theirs.setdefault((name, clients), _Point()).measure(peer, size, clients)
    rows = [
        _row(name, clients, ours[name, clients], theirs[name, clients]) for name, clients in ours
    ]
    alone = ours["1 KB", 1]
    rows.append(
        {
            "name": "exchange of 1 KB, 1 client, p50",
            "value": round(alone.p50_ms, 2),
            "unit": "ms",
            "limit": LONGEST_P50_MS,
            "limit_name": "the longest that is allowed",
            "ratio": round(LONGEST_P50_MS / alone.p50_ms, 2),
            "target": 1.0,
            "runs": RUNS,
        }
    )
    return rows


def _warm(chain: Chain) -> None:
    """Have connections, statements and tables made before anything is counted."""
    for attempt in range(_WARMING):
        try:
            post(chain.port, TARGET, HEADERS, answer_of(1024).encode(), clients=64, seconds=SECONDS)
        except Unavailable:
            if attempt + 1 == _WARMING:
                raise
        else:
            return


def _row(name: str, clients: int, ours: _Point, theirs: _Point) -> dict[str, object]:
    return {
        "name": f"exchanges of {name}, {clients} client{'s' if clients > 1 else ''}",
        "value": round(ours.per_s),
        "unit": "exchanges per second",
        "limit": round(theirs.per_s),
        "limit_name": "nginx -> nginx, mutual TLS 1.3, no signing, no log",
        "ratio": round(ours.per_s / theirs.per_s, 3),
        "target": _TARGETS.get((name, clients)),
        "runs": RUNS,
        "load": tool(),
        "p50_ms": round(ours.p50_ms, 2),
        "p99_ms": round(ours.p99_ms, 2),
        "nginx_p50_ms": round(theirs.p50_ms, 2),
        "nginx_p99_ms": round(theirs.p99_ms, 2),
        "cpu_us_of_both_nodes": round(median(ours.cpu_us)),
        "cpu_us_of_both_nginx": round(median(theirs.cpu_us)),
    }
