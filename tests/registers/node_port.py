"""Stands for the clients' port of a node: takes events, or answers as a test says."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.servers import serving

TAKEN = (202, "")


@dataclass(frozen=True)
class Posted:
    """One request as it came."""

    system: str
    type: str
    key: str
    person: str | None
    data: object


@dataclass
class Port:
    """Remembers every request; `effects` has each key once, as a node knows it again."""

    url: str
    answer: Callable[[Posted], tuple[int, str]] = lambda _: TAKEN
    posted: list[Posted] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)

    def post(self, one: Posted) -> tuple[int, str]:
        """Say status and fault code; what is taken has its effect before that is said."""
        self.posted.append(one)
        status, code = self.answer(one)
        if (status, code) == TAKEN and one.key not in self.effects:
            self.effects.append(one.key)
        return status, code

    def refusing(self, **answers: tuple[int, str]) -> None:
        """Refuse events of systems `body/<name>`."""
        self.answer = lambda one: answers.get(one.system.rpartition("/")[2], TAKEN)

    def keys_of(self, system: str) -> list[str]:
        """Return the keys of what a system posted, in order."""
        return [one.key for one in self.posted if one.system == system]


@contextmanager
def open_port() -> Iterator[Port]:
    """Serve a port until the end."""
    found = Port("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, code = found.post(
                Posted(
                    self.headers["X-Road-Client"].removeprefix("IS/GOV/"),
                    self.path.removeprefix("/events/"),
                    self.headers["Idempotency-Key"],
                    self.headers["Pencere-Person"],
                    json.loads(body),
                )
            )
            self.send_response(status)
            if code:
                self.send_header("X-Road-Error", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as port:
        found.url = f"http://127.0.0.1:{port}"
        yield found
