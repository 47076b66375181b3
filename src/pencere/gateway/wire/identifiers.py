"""Identifiers: `instance/class/member/subsystem/service`, each part percent-encoded.

PR-REST 4.1, 4.2. Everywhere inside the gateway an identifier is one string in canonical
encoding, so that comparing identifiers is comparing strings; case matters.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from pencere.gateway.wire.faults import Kind, client_fault

# RFC 3986 pchar; a slash inside a value is written %2F.
_PART = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+\Z")
_SAFE = "-._~!$&'()*+,;=:@"
_TARGET = re.compile(r"[\x21-\x7e]+\Z")


class ServiceTarget(NamedTuple):
    """What a request line asks for. `path` and `query` are the very bytes that go upstream."""

    service: str
    provider: str
    code: str
    path: str
    query: str


def decode_part(part: str) -> str:
    """Return the value of one encoded part; ValueError when it is not one."""
    if not _PART.match(part):
        raise ValueError("not percent-encoded as RFC 3986 says")
    return unquote_to_bytes(part).decode("utf-8")


def encode_part(value: str) -> str:
    """Return `value` in the canonical encoding."""
    return quote(value, safe=_SAFE)


def canonical(identifier: str) -> str:
    """Return an identifier out of a directory or file; letters outside ASCII may be plain."""
    return "/".join(
        encode_part(unquote_to_bytes(part).decode("utf-8")) for part in identifier.split("/")
    )


@lru_cache(maxsize=4096)
def parse_client(raw: str) -> str:
    """Return the canonical client identifier of `X-Road-Client`: three or four parts."""
    parts = raw.split("/")
    if len(parts) not in {3, 4}:
        raise client_fault(
            Kind.INTERNAL_ERROR,
            "X-Road-Client must be instance/class/member/subsystem, for example AZ/GOV/idda/portal",
        )
    return "/".join(_canonical_part(part) for part in parts)


def parse_server(raw: str) -> str:
    """Return the canonical node of `X-Road-Security-Server`: four parts."""
    parts = raw.split("/")
    if len(parts) != 4:
        raise client_fault(
            Kind.INTERNAL_ERROR,
            "X-Road-Security-Server must be instance/class/member/node,"
            " for example AZ/GOV/azintelecom/node",
        )
    return "/".join(_canonical_part(part) for part in parts)


def parse_party(raw: str) -> str:
    """Return the canonical party of `X-Road-Represented-Party`: class and code, or a code alone.

    Raises:
        ValueError: not one or two percent-encoded parts.
    """
    parts = raw.split("/")
    if len(parts) > 2:
        raise ValueError("a party is a class and a code")
    return "/".join(encode_part(decode_part(part)) for part in parts)


def parse_target(target: str) -> ServiceTarget:
    """Split the request target `/r1/...` once; nothing parses it again.

    At most eight pieces, so that the path behind the service code stays raw. X-Road's
    parser also makes the subsystem mandatory, whatever its text says.
    """
    if not _TARGET.match(target) or "#" in target:
        raise client_fault(Kind.INTERNAL_ERROR, "the request target holds forbidden characters")
    path, mark, query = target.partition("?")
    pieces = path.split("/", 7)
    if len(pieces) < 7 or pieces[0] or pieces[1] != "r1":
        raise client_fault(
            Kind.INTERNAL_ERROR,
            "the request target must be /r1/instance/class/member/subsystem/service[/path]",
        )
    service, provider, code = _service(tuple(pieces[2:7]))
    return ServiceTarget(
        service, provider, code, "/" + pieces[7] if len(pieces) == 8 else "", mark + query
    )


# The same few services come again and again.
@lru_cache(maxsize=4096)
def _service(parts: tuple[str, ...]) -> tuple[str, str, str]:
    """Return identifier, provider and code of a service of five encoded parts."""
    proper = [_canonical_part(part) for part in parts]
    return "/".join(proper), "/".join(proper[:4]), _decode(parts[4])


@lru_cache(maxsize=4096)
def _canonical_part(part: str) -> str:
    return encode_part(_decode(part))


def _decode(part: str) -> str:
    try:
        return decode_part(part)
    except ValueError as problem:
        raise client_fault(
            Kind.INTERNAL_ERROR,
            "an identifier part is empty or not percent-encoded as RFC 3986 says",
        ) from problem
