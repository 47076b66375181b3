"""Load over kept connections: `wrk` where it is installed, else a process of our own."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pencere.kernel.errors import Unavailable

Headers = Sequence[tuple[str, str]]
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)\s*$", re.M)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What came back: answers a second, and the time of the middle and of the slowest hundredth."""

    per_s: float
    p50_ms: float
    p99_ms: float


def tool() -> str:
    """Return what makes the load here."""
    return "wrk" if shutil.which("wrk") else "own client"


def post(  # noqa: PLR0913  # a request and how often
    port: int, target: str, headers: Headers, body: bytes, *, clients: int, seconds: float
) -> Load:
    """Post over `clients` connections, each with one request at a time.

    Raises:
        Unavailable: `bench.refused`; an answer was not 2xx, or none came.
    """
    with tempfile.TemporaryDirectory(prefix="pencere-load-") as folder:
        if shutil.which("wrk"):
            return _wrk(Path(folder), (port, target, headers, body), clients, seconds)
        request = Path(folder) / "request"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        request.write_bytes(
            f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        command = [sys.executable, "-m", __name__, str(port), str(request), str(clients)]
        done = subprocess.run(  # noqa: S603  # our own module
            [*command, str(seconds)], capture_output=True, check=False
        )
        if done.returncode != 0:
            raise Unavailable("bench.refused", said=done.stderr.decode(errors="replace")[-300:])
        return Load(**json.loads(done.stdout))


def _wrk(
    folder: Path, asked: tuple[int, str, Headers, bytes], clients: int, seconds: float
) -> Load:
    port, target, headers, body = asked
    content, script = folder / "body", folder / "post.lua"
    content.write_bytes(body)
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = io.open("{content}", "rb"):read("*a")\n'
        + "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in headers),
        encoding="utf-8",
    )
    done = subprocess.run(  # noqa: S603  # a fixed command
        [
            *(
                "wrk",
                "-t1",
                f"-c{clients}",
                f"-d{max(1, round(seconds))}s",
                "--latency",
                "--timeout",
                "30s",
            ),
            *("-s", str(script), f"http://127.0.0.1:{port}{target}"),
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    rate = re.search(r"^Requests/sec:\s+([\d.]+)$", done.stdout, re.M)
    found = {
        share: float(value) * _MS[unit] for share, value, unit in _LATENCY.findall(done.stdout)
    }
    if rate is None or float(rate[1]) == 0 or "Non-2xx" in done.stdout or "50" not in found:
        raise Unavailable("bench.refused", said=(done.stdout + done.stderr)[-300:])
    return Load(float(rate[1]), found["50"], found["99"])


class _Caller(asyncio.Protocol):
    """One connection: asks again as soon as it is answered."""

    def __init__(self, request: bytes, times: list[float], end: float) -> None:
        self._request, self._times, self._end = request, times, end
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # TCP
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None  # noqa: S101  # connected
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length:\s*(\d+)", head)
        if length is None or len(rest) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 2"):
            self._stop(ConnectionError(head[:200].decode("latin-1")))
            return
        self._times.append(time.perf_counter() - self._began)
        self._buffer = b""
        if time.perf_counter() < self._end:
            self._ask()
        else:
            self._stop(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(exc or ConnectionError("closed"))

    def _stop(self, problem: Exception | None) -> None:
        if self.done.done():
            return
        if problem is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(problem)
        if self._transport is not None:
            self._transport.close()


async def _load(port: int, request: bytes, clients: int, seconds: float) -> Load:
    times: list[float] = []
    loop, end = asyncio.get_running_loop(), time.perf_counter() + seconds
    callers = []
    for _ in range(clients):
        _, caller = await loop.create_connection(
            lambda: _Caller(request, times, end), "127.0.0.1", port
        )
        callers.append(caller)
    await asyncio.gather(*(caller.done for caller in callers))
    times.sort()
    return Load(
        len(times) / seconds,
        times[len(times) // 2] * 1000,
        times[int(len(times) * 0.99)] * 1000,
    )


if __name__ == "__main__":
    import uvloop

    made = uvloop.run(
        _load(
            int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3]), float(sys.argv[4])
        )
    )
    print(json.dumps(made.__dict__))
