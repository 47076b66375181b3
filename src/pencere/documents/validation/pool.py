"""Judging within limits of time, processor and memory, in processes that may be killed.

Path building and decompression can be driven into hours and gigabytes by whoever made the file.
A worker that exceeds its limits is killed and replaced; the answer is then INDETERMINATE.
"""

import base64
import hashlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from pencere.documents.validation.report import LARGEST_FILE_BYTES, Report, without_verdict
from pencere.documents.validation.request import Request

START_S = 20.0


@dataclass(frozen=True)
class Limits:
    """What one question may take."""

    wall_s: float = 15.0
    cpu_s: float = 12.0


class _Stopped(Exception):  # noqa: N818 - never leaves this module
    """The worker did not answer: over its limits, or dead."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Worker:
    """A process, and the pipes to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "pencere.documents.validation.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._receive(time.monotonic() + START_S)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is there to be asked; one that was idle for long has gone."""
        return self._process.poll() is None

    def ask(self, parts: Iterable[bytes], wall_s: float) -> bytes:
        """Return the answer.

        Raises:
            _Stopped: there is none.
        """
        deadline = time.monotonic() + wall_s
        try:
            for part in parts:
                self._send(len(part).to_bytes(8, "big") + part, deadline)
        except OSError as error:
            raise _Stopped("verification.failed") from error
        return self._receive(deadline)

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _send(self, content: bytes, deadline: float) -> None:
        pipe = self._process.stdin
        left = memoryview(content)
        while left:
            left_s = deadline - time.monotonic()
            if pipe is None or left_s <= 0 or not select.select([], [pipe], [], left_s)[1]:
                raise _Stopped("verification.took_too_long")
            left = left[os.write(pipe.fileno(), left[:65_536]) :]

    def _receive(self, deadline: float) -> bytes:
        return self._read(int.from_bytes(self._read(8, deadline), "big"), deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        pipe = self._process.stdout
        content = b""
        while len(content) < size:
            left_s = deadline - time.monotonic()
            if pipe is None or left_s <= 0 or not select.select([pipe], [], [], left_s)[0]:
                raise _Stopped("verification.took_too_long")
            more = os.read(pipe.fileno(), min(size - len(content), 1 << 20))
            if not more:
                # Ended in the middle: by the kernel for its processor time, or by a fault.
                code = self._process.wait()
                reason = "took_too_long" if code in _KILLED_FOR_TIME else "failed"
                raise _Stopped(f"verification.{reason}")
            content += more
        return content


_KILLED_FOR_TIME = {-24, -9}  # SIGXCPU, SIGKILL


@dataclass
class Pool:
    """At most `size` workers, started when they are needed. Safe to share between threads."""

    size: int = 2
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(self.size):
            self._free.put(None)

    def judge(self, request: Request, limits: Limits | None = None) -> Report:
        """Return what a file is. Never raises for what is in it."""
        within = limits or self.limits
        sha256 = hashlib.sha256(request.content).hexdigest()
        size = len(request.content) + sum(len(one) for one in request.detached.values())
        if size > LARGEST_FILE_BYTES:
            return without_verdict(sha256, "file.too_large", request.at)
        try:
            worker = self._free.get(timeout=within.wall_s)
        except queue.Empty:
            return without_verdict(sha256, "verification.busy", request.at)
        try:
            if worker is not None and not worker.is_alive:
                worker.stop()
                worker = None
            worker = worker or _Worker()
            encoded = worker.ask(_parts(request, sha256, within), within.wall_s)
            return Report.from_json(json.loads(encoded))
        except _Stopped as stopped:
            _stop(worker)
            worker = None
            return without_verdict(sha256, stopped.reason, request.at)
        except (OSError, ValueError, KeyError, TypeError):
            _stop(worker)
            worker = None
            return without_verdict(sha256, "verification.failed", request.at)
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """Stop every worker that is not at work."""
        for _ in range(self.size):
            with suppress(queue.Empty):
                _stop(self._free.get_nowait())
                self._free.put(None)


def _stop(worker: _Worker | None) -> None:
    if worker is not None:
        worker.stop()


def _parts(request: Request, sha256: str, limits: Limits) -> Iterable[bytes]:
    header = {
        "sha256": sha256,
        "at": request.at.isoformat(),
        "anchors": _encoded(request.anchors),
        "policy": request.policy,
        "certificates": _encoded(request.extra.certificates),
        "crls": _encoded(request.extra.crls),
        "ocsps": _encoded(request.extra.ocsps),
        "lists": _encoded(request.lists),
        "list_signers": _encoded(request.list_signers),
        "online": request.online,
        "wants_xml": request.wants_xml,
        "seconds": min(request.seconds, limits.wall_s * 0.8),
        "cpu_s": limits.cpu_s,
        "detached": list(request.detached),
    }
    yield json.dumps(header).encode()
    yield request.content
    yield from request.detached.values()


def _encoded(some: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in some]


_lock = threading.Lock()
_shared: dict[int, Pool] = {}


def shared() -> Pool:
    """Return the pool of this process; a process that was forked gets one of its own."""
    with _lock:
        return _shared.setdefault(os.getpid(), Pool())
