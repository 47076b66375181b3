"""One worker of the pool: a process of its own that judges files one after the other.

It reads a question from standard input and writes the report to standard output, each preceded
by its length. Memory is limited for its life, processor time for each question; over either the
kernel stops it, and the pool puts another in its place. It ends by itself when idle.
"""

import base64
import json
import math
import resource
import select
from datetime import datetime
from typing import Any, BinaryIO

from pencere.documents.validation.material import Material
from pencere.documents.validation.report import without_verdict
from pencere.documents.validation.request import Request

MEMORY_BYTES = 1024 * 1024 * 1024
IDLE_S = 120.0


def main(given: BinaryIO, taken: BinaryIO) -> None:
    """Answer until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Loaded before the first question, so that none pays for it.
    from pencere.documents.validation import dispatch  # noqa: PLC0415

    del dispatch
    send(taken, b"{}")
    while select.select([given], [], [], IDLE_S)[0]:
        header = receive(given)
        if header is None:
            return
        question = json.loads(header)
        parts = [receive(given) or b"" for _ in range(1 + len(question["detached"]))]
        _limit_processor_time(question["cpu_s"])
        send(taken, json.dumps(answer(question, parts)).encode())


def answer(question: dict[str, Any], parts: list[bytes]) -> dict[str, Any]:
    """Return the report on a question, whatever happens."""
    from pencere.documents.validation.dispatch import judge  # noqa: PLC0415

    try:
        report = judge(
            Request(
                content=parts[0],
                anchors=_decoded(question["anchors"]),
                at=datetime.fromisoformat(question["at"]),
                detached=dict(zip(question["detached"], parts[1:], strict=True)),
                policy=question["policy"],
                extra=Material(
                    _decoded(question["certificates"]),
                    _decoded(question["crls"]),
                    _decoded(question["ocsps"]),
                ),
                lists=_decoded(question["lists"]),
                list_signers=_decoded(question["list_signers"]),
                online=question["online"],
                wants_xml=question["wants_xml"],
                seconds=question["seconds"],
            )
        )
    except MemoryError:
        report = without_verdict(question["sha256"], "verification.took_too_long")
    except Exception:
        # Nothing that a file does may come out as an exception, or as a false "valid".
        report = without_verdict(question["sha256"], "verification.failed")
    return {**report.as_json(), "etsi_xml": report.etsi_xml}


def send(stream: BinaryIO, content: bytes) -> None:
    """Write one part, after its length."""
    left = memoryview(len(content).to_bytes(8, "big") + content)
    while left:
        left = left[stream.write(left) :]


def receive(stream: BinaryIO) -> bytes | None:
    """Read one part; None at the end."""
    length = _read(stream, 8)
    return None if length is None else _read(stream, int.from_bytes(length, "big"))


def _read(stream: BinaryIO, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        more = stream.read(size - len(content))
        if not more:
            return None
        content += more
    return bytes(content)


def _limit_processor_time(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def _decoded(some: list[str]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(one) for one in some)


if __name__ == "__main__":
    # Unbuffered: what lies in a buffer would not wake `select`.
    with open(0, "rb", buffering=0) as questions, open(1, "wb", buffering=0) as answers:
        main(questions, answers)
