"""Ports for servers of tests that name their port before they start.

Each process of a run has a block of its own below the ports that the system gives to callers, so
that two runs side by side, or somebody's outgoing connection, never meet a server of a test.
"""

import itertools
import os
import socket

_FIRST, _BLOCK, _BLOCKS = 10_000, 200, 110
_block = _FIRST + os.getpid() % _BLOCKS * _BLOCK
_ports = itertools.cycle(range(_block, _block + _BLOCK))


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    for port in itertools.islice(_ports, _BLOCK):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
