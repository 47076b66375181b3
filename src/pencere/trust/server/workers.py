"""One process that serves, or several on one port that another watches."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

import uvloop
from starlette.applications import Starlette

from pencere.trust.server.front import Front

log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 1.0


def serve(make_app: Callable[[int], Starlette], host: str, port: int, *, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT; `make_app` is given the number of the worker, from 0.

    Several workers share the port (SO_REUSEPORT), and the kernel deals out connections. Each is
    a process of its own; one that ends is started again.
    """
    if workers == 1:
        _work(make_app, 0, host, port, is_port_shared=False)
        return
    running: dict[int, int] = {}
    stopping = False

    def stop(number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        for pid in running:
            os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for worker in range(workers):
        running[_start(make_app, worker, host, port)] = worker
    while running:
        pid, status = os.wait()
        worker = running.pop(pid)
        if not stopping:
            log.error("trust_worker_ended worker=%d status=%d", worker, status)
            time.sleep(_AGAIN_AFTER_S)
            if not stopping:
                running[_start(make_app, worker, host, port)] = worker


def _start(make_app: Callable[[int], Starlette], worker: int, host: str, port: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            _work(make_app, worker, host, port, is_port_shared=True)
        except BaseException:
            log.exception("trust_worker_failed worker=%d", worker)
            os._exit(1)
        sys.stderr.flush()
        os._exit(0)
    return pid


def _work(
    make_app: Callable[[int], Starlette], worker: int, host: str, port: int, *, is_port_shared: bool
) -> None:
    app = make_app(worker)
    uvloop.run(Front(app).run(host, port, is_port_shared=is_port_shared))
