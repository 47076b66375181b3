"""Heads: the bytes before the body, which are hashed, signed, carried, and parsed once.

A request head is X-Road's `rest` block: `METHOD CRLF target CRLF (name:value CRLF)*`. A response
head is `STATUS SP REASON CRLF (name:value CRLF)*`. PR-REST; docs/specs/gateway-protocol.md.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from pencere.kernel.http.body import Body

Headers = list[tuple[bytes, bytes]]

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
# Methods whose body goes upstream; the others' is signed and dropped, as X-Road does.
BODY_METHODS = frozenset({"PATCH", "POST", "PUT"})

# PR-REST 4.3: belong to one hop only.
_HOP = frozenset(
    {
        b"transfer-encoding", b"keep-alive", b"proxy-authenticate", b"proxy-authorization",
        b"te", b"trailer", b"upgrade", b"connection", b"user-agent", b"host",
        b"content-length", b"server", b"expect",
    }
)  # fmt: skip
# Said by the provider's node to its service alone.
_TERMS = frozenset({b"pencere-fields", b"pencere-agreement"})
# Set by the gateway; whoever else sends them pretends to be it.
_FROM_CLIENT = _HOP | _TERMS | {
    b"x-road-request-id", b"x-road-request-hash", b"x-road-service", b"x-road-error",
    b"pencere-client-key", b"pencere-operator-key", b"proxy-connection", b"pencere-fault",
}  # fmt: skip
_FROM_PROVIDER = _HOP | _TERMS | {
    b"x-road-id", b"x-road-request-id", b"x-road-request-hash", b"x-road-client",
    b"x-road-service", b"x-road-error", b"proxy-connection", b"date", b"pencere-fault",
}  # fmt: skip
# One value only. X-Road lets the last win; the others would reach a service that takes
# the first, so they are dropped.
_SINGLE = frozenset(
    {
        b"x-road-client", b"x-road-id", b"x-road-userid", b"x-road-issue",
        b"x-road-represented-party", b"x-road-security-server",
    }
)  # fmt: skip
# CGI and WSGI read "_" as "-": a service there would take X_Road_Client for X-Road-Client.
_SPOKEN_FOR = (b"x-road-", b"pencere-")
# RFC 9110 sections 5.1 and 5.5: a token, and neither CR, LF nor another control character.
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)")


class RequestHead(NamedTuple):
    """A request head, parsed. `values`: lower-case name to value, of several the last."""

    method: str
    target: str
    headers: Headers
    values: dict[bytes, bytes]


class ResponseHead(NamedTuple):
    """A response head, parsed. `values`: lower-case name to value, of several the last."""

    status: int
    reason: str
    headers: Headers
    values: dict[bytes, bytes]


def from_client(headers: Headers, values: Mapping[bytes, bytes]) -> Headers:
    """Return what of a client's headers goes on, in order; `values` are they by lower-case name."""
    if len(values) == len(headers) and values.get(b"x-road-id") != b"":
        # No header is there twice, so both are in one order.
        named = zip(headers, values, strict=True)
        return [pair for pair, lower in named if not _is_dropped(lower)]
    kept: Headers = []
    seen: set[bytes] = set()
    for name, value in reversed(headers):
        lower = name.lower()
        if _is_dropped(lower):
            continue
        if lower in _SINGLE:
            if lower in seen:
                continue
            seen.add(lower)
            if lower == b"x-road-id" and not value:
                continue  # the node makes one, and there is only one
        kept.append((name, value))
    kept.reverse()
    return kept


def from_provider(headers: Headers) -> Headers:
    """Return what of a service's headers goes back, in order."""
    return [pair for pair in headers if pair[0].lower() not in _FROM_PROVIDER]


def check_from_consumer(headers: Headers) -> None:
    """Refuse what a consumer's node has to keep from a service, which would believe it.

    Raises:
        ValueError: a header of one hop or of the gateway's own, or two where there is one.
    """
    seen: set[bytes] = set()
    for name, _ in headers:
        lower = name.lower()
        if lower in seen:
            raise ValueError(f"{_shown(lower)} is there twice")
        if lower in _SINGLE or lower == b"x-road-request-id":
            seen.add(lower)
        elif _is_dropped(lower):
            raise ValueError(f"{_shown(lower)} is not for a node to pass on")


def check_from_provider(headers: Headers, own: Mapping[bytes, bytes]) -> None:
    """Refuse an answer that a provider's node gave in the name of the consumer's.

    `own` is what the gateway itself says of this exchange, by lower-case name.

    Raises:
        ValueError: one of these is said otherwise or twice, or a header that no node passes on.
    """
    seen: set[bytes] = set()
    for name, value in headers:
        lower = name.lower()
        if lower in own:
            if lower in seen or value != own[lower]:
                raise ValueError(f"{_shown(lower)} is not that of the request")
            seen.add(lower)
        elif lower in _FROM_PROVIDER:
            raise ValueError(f"{_shown(lower)} is not for a node to pass on")


def request_bytes(method: str, target: str, headers: Headers) -> bytes:
    """Return the head of a request."""
    lines = [method.encode("ascii"), target.encode("ascii")]
    lines += [name + b":" + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n"


def response_bytes(status: int, reason: str, headers: Headers) -> bytes:
    """Return the head of a response."""
    lines = [f"{status} {reason}".encode("latin-1")]
    lines += [name + b":" + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n"


def parse_request(block: bytes) -> RequestHead:
    """Parse a request head; ValueError when it is not exactly one."""
    lines = _lines(block)
    if len(lines) < 2:
        raise ValueError("a request head needs a method and a target")
    method = lines[0].decode("ascii")
    if method not in METHODS:
        raise ValueError("unknown method")
    return RequestHead(method, lines[1].decode("ascii"), *_pairs(lines[2:]))


def parse_response(block: bytes) -> ResponseHead:
    """Parse a response head; ValueError when it is not exactly one."""
    lines = _lines(block)
    code, _, reason = lines[0].decode("latin-1").partition(" ")
    if len(code) != 3 or not code.isascii() or not code.isdigit() or int(code) < 200:
        raise ValueError("not a final status")
    return ResponseHead(int(code), reason, *_pairs(lines[1:]))


def digest(part: bytes) -> bytes:
    """Return the SHA-512 of a head or a body."""
    return hashlib.sha512(part).digest()


def body_digest(body: bytes | Body) -> bytes | None:
    """Return the SHA-512 of a body, None of none; of a large one it was made as it came."""
    if not body:
        return None
    return hashlib.sha512(body).digest() if isinstance(body, bytes) else body.digest


def request_hash(head_digest: bytes, body_digest: bytes | None) -> str:
    """Return the value of `X-Road-Request-Hash`.

    Without a body part it is the head's digest; an empty body is no part, since X-Road
    writes none when the first read returns the end of the stream.
    """
    joined = head_digest if body_digest is None else digest(head_digest + body_digest)
    return base64.b64encode(joined).decode("ascii")


def _lines(block: bytes) -> list[bytes]:
    if not block.endswith(b"\r\n"):
        raise ValueError("a head ends with CRLF")
    lines = block[:-2].split(b"\r\n")
    joined = b"".join(lines)
    if b"\r" in joined or b"\n" in joined or b"\0" in joined:
        raise ValueError("a head line holds CR, LF or NUL")
    return lines


def _pairs(lines: list[bytes]) -> tuple[Headers, dict[bytes, bytes]]:
    pairs: Headers = []
    values: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise ValueError("a header line is a token, a colon, and no control character")
        name, value = field[1], field[2]
        pairs.append((name, value))
        values[name.lower()] = value
    return pairs, values


def _is_dropped(lower: bytes) -> bool:
    """Say whether a header of a client ends at its node."""
    return lower in _FROM_CLIENT or (
        b"_" in lower and lower.replace(b"_", b"-").startswith(_SPOKEN_FOR)
    )


def _shown(lower: bytes) -> str:
    return lower[:60].decode("ascii", "replace")
