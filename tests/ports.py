"""Ports for servers of tests that name their port before they start.

Each process of a run has a block of its own below the ports that the system gives to callers, so
that two runs side by side, or somebody's outgoing connection, never meet a server of a test.
"""

import itertools
import socket
from collections.abc import Iterator
from functools import cache

_FIRST, _BLOCK, _BLOCKS = 10_000, 400, 55


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    for port in itertools.islice(_ports(), _BLOCK):
        if (probe := _bound(port)) is not None:
            probe.close()
            return port
    raise RuntimeError("no free port")


@cache
def _ports() -> Iterator[int]:
    """Take a block: whoever has its first port bound has it, until the process ends."""
    for first in range(_FIRST, _FIRST + _BLOCK * _BLOCKS, _BLOCK):
        if (lock := _bound(first)) is not None:
            lock.detach()  # else it is closed with the object
            return itertools.cycle(range(first + 1, first + _BLOCK))
    raise RuntimeError("no free block of ports")


def _bound(port: int) -> socket.socket | None:
    made = socket.socket()
    try:
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        return None
    return made
