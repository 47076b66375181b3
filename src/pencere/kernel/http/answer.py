"""The bytes of a response."""

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import monotonic

from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.message import Headers

_REASONS = {status.value: status.phrase for status in HTTPStatus}
BODILESS = frozenset({204, 304})


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    del second  # made once a second
    return b"date: " + formatdate(usegmt=True).encode("ascii")


def render(  # noqa: PLR0913
    status: int,
    reason: str,
    headers: Headers,
    body: bytes | Body | Stream,
    *,
    is_head: bool,
    is_last: bool,
) -> bytes:
    """Return the bytes of a response; with `is_head` those before its body."""
    lines = [f"HTTP/1.1 {status} {reason or _REASONS.get(status, '')}".encode("latin-1")]
    lines += [name + b": " + value for name, value in headers]
    lines.append(_date(int(monotonic())))
    if status not in BODILESS and not (is_head and not body):
        lines.append(b"content-length: %d" % len(body))
    if is_last:
        lines.append(b"connection: close")
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    if is_head or status in BODILESS or not isinstance(body, bytes):
        return head
    return head + body
