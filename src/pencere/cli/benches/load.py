"""Callers for measurements: plain sockets, so that the caller costs little."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CONNECTIONS = 16
AT_ONCE = 4  # callers that open a connection for each request, as `ab -c 4`
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Rate:
    """Answers a second of the clock, and a second of the server's own core.

    The second figure is what the first would be if nothing else ran on that core; it is the one
    that is compared, so that a busy machine does not blur what is measured.
    """

    per_s: float
    per_core_s: float


def post(target: str, kind: str, body: bytes, *, close: bool = False) -> bytes:
    """Return the bytes of a request."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n" + ("Connection: close\r\n" if close else "") + "\r\n"
    )
    return head.encode() + body


def keep_alive(port: int, requests: Sequence[bytes], seconds: float, pid: int) -> Rate:
    """Send requests over connections that stay open."""
    callers = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(CONNECTIONS)]
    for caller in callers:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def turn(number: int) -> int:
        for index, caller in enumerate(callers):
            caller.sendall(requests[(number + index) % len(requests)])
        for caller in callers:
            answer = caller.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(answer[:80])
        return len(callers)

    try:
        return _measure(turn, seconds, pid)
    finally:
        for caller in callers:
            caller.close()


def one_each(port: int, requests: Sequence[bytes], seconds: float, pid: int) -> Rate:
    """Send each request over a connection of its own."""

    def turn(number: int) -> int:
        callers = []
        for index in range(AT_ONCE):
            caller = socket.create_connection(("127.0.0.1", port), timeout=5)
            caller.sendall(requests[(number + index) % len(requests)])
            callers.append(caller)
        for caller in callers:
            answer = b""
            while piece := caller.recv(65536):
                answer += piece
            caller.close()
            if b" 200 " not in answer[:20]:
                raise ConnectionError(answer[:80])
        return AT_ONCE

    return _measure(turn, seconds, pid)


def _measure(turn: Callable[[int], int], seconds: float, pid: int) -> Rate:
    turn(0)
    done, used, began = 0, _cpu_s(pid), time.perf_counter()
    while (ran := time.perf_counter() - began) < seconds:
        done += turn(done)
    return Rate(done / ran, done / max(_cpu_s(pid) - used, 1 / _TICKS))


def _cpu_s(pid: int) -> float:
    # Of the thread that serves: upkeep in other threads goes on whether or not anybody asks.
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def middle(rates: Sequence[Rate]) -> Rate:
    """Return the median of several runs."""
    return Rate(median(one.per_s for one in rates), median(one.per_core_s for one in rates))
