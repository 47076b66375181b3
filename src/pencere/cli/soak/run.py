"""The soak: load, random kills and restarts, then the reckoning. docs/how-to/run-a-node.md."""

import http.client
import json
import random  # noqa: TID251  # a seed has to give the same kills again
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from pencere.cli.soak.check import any_open, check, unstamped
from pencere.cli.soak.load import load_process
from pencere.cli.soak.world import World, read_lines

LOADS, CLIENTS = 2, 4
VICTIMS = ("consumer", "provider", "database", "tsa")
BASE_PORT = 26400
_PAUSE_S = (2.0, 8.0)
_AWAY_S = (0.0, 4.0)
_SETTLED_WITHIN_S = 60.0


def soak(
    seconds: float, *, base_port: int = BASE_PORT, seed: int | None = None
) -> dict[str, object]:
    """Run for so long; return the report. `sound` says whether every promise was kept.

    With a seed the order and times of kills are the same again; what they hit is not.
    """
    folder = Path(tempfile.mkdtemp(prefix="pencere-soak-"))
    chance = random.Random(seed)  # noqa: S311  # nothing depends on nobody guessing it
    world, kills = World(folder, base_port), Counter[str]()
    began = time.time()
    try:
        world.start()
        until_healthy(world)
        loads = [load_process(world.client_port, folder, at, CLIENTS) for at in range(LOADS)]
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, chance.uniform(*_PAUSE_S)))
            if time.monotonic() >= end:
                break
            victim = chance.choice(VICTIMS)
            world.kill(victim)
            kills[victim] += 1
            time.sleep(min(max(0.0, end - time.monotonic()), chance.uniform(*_AWAY_S)))
            world.restart(victim)
        until_healthy(world)
        time.sleep(2.0)  # a little load on what is whole again
        for load in loads:
            load.terminate()
        for load in loads:
            load.join(30)
        _until_settled(world)
        found = check(world, LOADS)
        longest = _longest_outage(world)
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "seconds": round(time.time() - began, 1),
        "kills": dict(kills),
        "longest_without_answer_s": longest,
        "sound": found.is_sound,
        **asdict(found),
        "promises": {promise: not count for promise, count in found.broken.items()},
    }


def told(report: dict[str, object]) -> str:
    """Return the report for people: what was counted, then each promise."""
    counts = {name: value for name, value in report.items() if name != "promises"}
    promises = report["promises"]
    assert isinstance(promises, dict)  # noqa: S101  # `soak` made it
    return "".join(
        [
            *(
                f"{name.replace('_', ' '):<28}{json.dumps(value)}\n"
                for name, value in counts.items()
            ),
            "\n",
            *(
                f"{'kept' if kept else 'BROKEN':<8}{promise}\n"
                for promise, kept in promises.items()
            ),
        ]
    )


def until_healthy(world: World) -> None:
    """Wait until the consumer's node says that all is well."""
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", world.client_port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    print("a node did not become healthy again", file=sys.stderr)


def _until_settled(world: World) -> None:
    """Wait until what a crash left open is ended, and every answer has its time-stamp."""
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while (unstamped(world) or any_open(world)) and time.monotonic() < deadline:
        time.sleep(0.5)


def _longest_outage(world: World) -> float:
    """Return the longest time in which no client got an answer, seconds."""
    at = sorted(
        one["at"]
        for number in range(LOADS)
        for one in read_lines(world.folder / f"seen{number}")
        if one.get("status") == 200
    )
    gaps = [later - earlier for earlier, later in pairwise(at)]
    return round(max(gaps, default=0.0), 1)
