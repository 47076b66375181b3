"""Clients that ask once and note what they saw; nothing is repeated by them."""

import http.client
import json
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

from pencere.cli.soak.world import CLIENT, KEY

_TARGET = "/r1/AZ/GOV/mia/population/person/query"
_TIMEOUT_S = 20.0


def body_of(nonce: str) -> bytes:
    """Return what a client sends, and is to get."""
    return json.dumps({"nonce": nonce}).encode()


def load_process(port: int, folder: Path, number: int, clients: int) -> BaseProcess:
    """Start a process of clients; it ends on SIGTERM."""
    process = multiprocessing.get_context("fork").Process(
        target=run, args=(port, folder / f"seen{number}", clients), daemon=True
    )
    process.start()
    return process


def run(port: int, seen: Path, clients: int) -> None:
    """Ask until SIGTERM; write a line for each request that was begun."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    descriptor = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    threads = [
        threading.Thread(target=_ask, args=(port, descriptor, stopping)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask(port: int, descriptor: int, stopping: threading.Event) -> None:
    connection: http.client.HTTPConnection | None = None
    while not stopping.is_set():
        nonce = str(uuid4())
        body = body_of(nonce)
        headers = {"X-Road-Client": CLIENT, "Pencere-Client-Key": KEY, "X-Road-Id": nonce}
        line: dict[str, object] = {"nonce": nonce, "at": time.time()}
        try:
            connection = connection or http.client.HTTPConnection(
                "127.0.0.1", port, timeout=_TIMEOUT_S
            )
            connection.request("POST", _TARGET, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            line |= {
                "status": answer.status,
                "exchange": answer.getheader("x-road-request-id", ""),
                "same": content == body,
                "fault": answer.getheader("X-Road-Error", ""),
            }
        except (OSError, http.client.HTTPException) as problem:
            line["lost"] = type(problem).__name__
            if connection is not None:
                connection.close()
            connection = None
        os.write(descriptor, json.dumps(line).encode() + b"\n")
        if line.get("status") != 200:
            stopping.wait(0.05)
