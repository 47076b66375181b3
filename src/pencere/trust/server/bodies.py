"""Reading what comes: bounded bodies, fields of the expected kind."""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.pins import PURPOSES, Half, Halves

LARGEST_JSON = 262_144


class TooLarge(Invalid):
    """The body is larger than anything the route expects."""

    status = 413


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body.

    Raises:
        TooLarge: `request.too_large`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge("request.too_large", limit=limit)
    return bytes(body)


async def read_json(request: Request, *, limit: int = LARGEST_JSON) -> Mapping[str, Any]:
    """Return the body's JSON object.

    Raises:
        Invalid: `request.json`.
    """
    try:
        content = json.loads(await read_body(request, limit))
    except (ValueError, RecursionError) as error:
        raise Invalid("request.json") from error
    if not isinstance(content, dict):
        raise Invalid("request.json")
    return content


def text_of(content: Mapping[str, Any], name: str, *, longest: int = 200) -> str:
    """Return a field that must be a text."""
    value = content.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise Invalid("request.field", field=name)
    return value


def bytes_of(value: object, name: str, *, longest: int = 8192) -> bytes:
    """Return the bytes of a base64 text."""
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid("request.field", field=name)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("request.field", field=name) from error


def uuid_of(value: object, name: str) -> uuid.UUID:
    """Return a UUID."""
    try:
        return uuid.UUID(str(value))
    except ValueError as error:
        raise Invalid("request.field", field=name) from error


def bearer_of(request: Request) -> str:
    """Return the bearer token.

    Raises:
        Refused: `request.bearer`, there is none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 20 <= len(token) <= 200:
        raise Refused("request.bearer")
    return token


def timeout_of(request: Request, *, longest_s: float = 60.0) -> float:
    """Return `timeoutMs` of the query in seconds, within bounds; none is 0."""
    try:
        return min(max(int(request.query_params.get("timeoutMs", "0")) / 1000, 0.0), longest_s)
    except ValueError as error:
        raise Invalid("request.field", field="timeoutMs") from error


def halves_of(content: Mapping[str, Any]) -> Halves | None:
    """Return the centre's halves of a phone's PINs; None when it sends none."""
    given = content.get("pins")
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != set(PURPOSES):
        raise Invalid("request.field", field="pins")
    return {purpose: half_of(given[purpose], "pins") for purpose in PURPOSES}


def half_of(given: object, name: str) -> Half:
    """Return the centre's half of one PIN."""
    if not isinstance(given, dict):
        raise Invalid("request.field", field=name)
    return Half(
        bytes_of(given.get("verifier"), name, longest=44),
        bytes_of(given.get("share"), name, longest=44),
    )
