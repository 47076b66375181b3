"""Verifying a file that came from anywhere, within limits of time and memory.

Path building and decompression can be driven into hours and gigabytes by whoever made the file,
so the examination runs in a process of its own that is stopped when it exceeds them.
"""

import base64
import hashlib
import json
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.documents.report import LARGEST_FILE_BYTES, Report, judge

BUDGET_S = 15.0
MEMORY_BYTES = 1024 * 1024 * 1024

# Each examination is a process; more than this at once wait for one another.
_slots = threading.BoundedSemaphore(2)


def verify(
    content: bytes,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    *,
    budget_s: float = BUDGET_S,
) -> Report:
    """Return what the file is, from the evidence in it; `at` is the present instant.

    Never raises for what is in the file: a verdict that cannot be reached is INDETERMINATE.
    """
    if len(content) > LARGEST_FILE_BYTES:
        return _without_verdict(content, "file.too_large")
    question = json.dumps(
        {
            "anchors": [
                base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in anchors
            ],
            "at": at.isoformat(),
            "budget_s": budget_s,
            "size": len(content),
        }
    )
    if not _slots.acquire(timeout=budget_s):
        return _without_verdict(content, "verification.took_too_long")
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "pencere.documents.verify"],
            input=question.encode() + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=budget_s,
            check=True,
        )
        return Report.from_json(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return _without_verdict(content, "verification.took_too_long")
    except (subprocess.CalledProcessError, ValueError, KeyError, TypeError):
        return _without_verdict(content, "verification.failed")
    finally:
        _slots.release()


def _without_verdict(content: bytes, reason: str) -> Report:
    return Report(judge((reason,)), (reason,), hashlib.sha256(content).hexdigest())


def _main() -> None:
    """Answer one question: a line of JSON and the file on standard input, the report as JSON."""
    # pyHanko takes 30 MiB: this process needs it, the one that asks does not.
    from pencere.documents.examine import examine  # noqa: PLC0415

    question = json.loads(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    cpu_s = int(question["budget_s"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    content = sys.stdin.buffer.read(question["size"])
    anchors = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in question["anchors"]]
    report = examine(content, anchors, datetime.fromisoformat(question["at"]))
    sys.stdout.write(json.dumps(report.as_json()))


if __name__ == "__main__":
    _main()
