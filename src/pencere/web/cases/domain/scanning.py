"""Asking clamd whether a file carries something harmful. Its INSTREAM command, clamd(8).

`PENCERE_CLAMD` names it: `unix:/run/clamav/clamd.ctl` or `tcp:127.0.0.1:3310`. Without it nothing
is asked, and `pencere doctor` says so.
"""

import os
import socket
import struct
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from pencere.kernel.errors import Misconfigured, Refused, Unavailable

VARIABLE = "PENCERE_CLAMD"
EXAMPLE = "unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310"
TIMEOUT_S = 10.0
_CHUNK_BYTES = 64 * 1024
_LONGEST_ANSWER = 4096


class Scanner(Protocol):
    """What looks into files."""

    def check(self, content: bytes) -> None:
        """Return when nothing was found.

        Raises:
            Refused: "file.infected".
            Unavailable: "file.scanner-silent": it could not be asked, or would not say.
        """

    def ping(self) -> None:
        """Return when it answers, else raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """A clamd at a Unix socket's path or at (host, port)."""

    address: str | tuple[str, int]
    timeout_s: float = TIMEOUT_S

    def check(self, content: bytes) -> None:
        """Send the content in chunks: length, bytes, ..., and a length of nothing."""
        chunks = [content[at : at + _CHUNK_BYTES] for at in range(0, len(content), _CHUNK_BYTES)]
        framed = b"".join(struct.pack("!L", len(chunk)) + chunk for chunk in chunks)
        answer = self._ask(b"zINSTREAM\0" + framed + struct.pack("!L", 0))
        if answer == b"stream: OK":
            return
        if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
            raise Refused("file.infected")
        # A limit of its own, no signatures loaded, half an answer: nobody said that it is clean.
        raise Unavailable("file.scanner-silent")

    def ping(self) -> None:
        """Ask PING."""
        if self._ask(b"zPING\0") != b"PONG":
            raise Unavailable("file.scanner-silent")

    def _ask(self, asked: bytes) -> bytes:
        try:
            with self._connected() as connection:
                connection.settimeout(self.timeout_s)
                connection.sendall(asked)
                answer = b""
                while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
                    part = connection.recv(_LONGEST_ANSWER)
                    if not part:
                        raise Unavailable("file.scanner-silent")
                    answer += part
        except OSError as error:
            raise Unavailable("file.scanner-silent") from error
        return answer.rstrip(b"\0")

    def _connected(self) -> socket.socket:
        if isinstance(self.address, tuple):
            return socket.create_connection(self.address, timeout=self.timeout_s)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout_s)
        try:
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection


@cache
def scanner() -> Scanner | None:
    """Return the scanner of this installation, or None when none is configured."""
    return scanner_at(os.environ.get(VARIABLE) or None)


def scanner_at(address: str | None) -> Scanner | None:
    """Read an address. Raises Misconfigured when it cannot be meant."""
    if address is None:
        return None
    kind, _, place = address.partition(":")
    if kind == "unix" and place.startswith("/"):
        return Clamd(place)
    host, _, port = place.rpartition(":")
    if kind == "tcp" and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
        return Clamd((host.strip("[]"), int(port)))
    raise Misconfigured(file="environment", key=VARIABLE, value=address, example=EXAMPLE)
