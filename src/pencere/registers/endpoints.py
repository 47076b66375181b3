"""The calls of a register over HTTP. Table: docs/reference/interfaces.md."""

import dataclasses
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.registers.answers import incident, refusal
from pencere.registers.caller import Caller
from pencere.registers.document import MAX_BYTES, read_json
from pencere.registers.engine import Registers
from pencere.registers.metrics import Metrics
from pencere.registers.records import (
    MAX_OPERATIONS,
    Record,
    parse_day,
    parse_operation,
    parse_record_id,
)
from pencere.registers.writing import give_number, write

Endpoint = Callable[[Request], Awaitable[Response]]

_ETAG = re.compile(r'"([1-9][0-9]{0,8})"')
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def guarded(call: str, endpoint: Endpoint) -> Endpoint:
    """Let only the node in, count what happens, and answer every error."""

    async def answer(request: Request) -> Response:
        metrics = request.app.state.metrics
        assert isinstance(metrics, Metrics)  # noqa: S101  # set when the application is made
        with metrics.timed(call) as outcome:
            try:
                _authenticate(request)
                response = await endpoint(request)
            except PencereError as error:
                response = refusal(error, request)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Exception as error:  # the edge: whatever is left is a bug
                response = incident(error, request)
            outcome.status = response.status_code
        return response

    return answer


async def description(request: Request) -> Response:
    """GET openapi.json: what this register answers, for the node's `getOpenAPI`."""
    found = request.app.state.descriptions.get(_code(request))
    if found is None:
        raise Missing("register.unknown", register=_code(request)[:80])
    return JSONResponse(found)


async def query(request: Request) -> Response:
    """POST query: `{"by": {key: value}, "valid_at"?, "known_at"?, "state"?, "schema"?}`."""
    body = await _body(request)
    for name in sorted(body.keys() - {"by", "valid_at", "known_at", "state", "schema"}):
        raise Invalid("operation.superfluous", field=name[:40])
    by, state = body.get("by"), body.get("state", "valid")
    if not isinstance(by, dict):
        raise Invalid("operation.invalid", field="by")
    if state not in {"valid", "any"}:
        raise Invalid("operation.invalid", field="state")
    schema = body.get("schema")
    if schema is not None and (not isinstance(schema, int) or isinstance(schema, bool)):
        raise Invalid("operation.invalid", field="schema")
    records = await _registers(request).find(
        _code(request),
        dataclasses.replace(_caller(request), schema=schema),
        by,
        annulled_too=state == "any",
        as_of=(
            parse_day(body.get("valid_at"), "valid_at"),
            _instant(body.get("known_at"), "known_at"),
        ),
    )
    return JSONResponse({"records": [record.as_json() for record in records]})


async def read(request: Request) -> Response:
    """GET records/<id>, at `valid_at` as known at `known_at`, in the form of `schema`."""
    asked = request.query_params
    record = await _registers(request).read(
        _code(request),
        dataclasses.replace(_caller(request), schema=_schema(asked.get("schema"))),
        _record_id(request),
        as_of=(
            parse_day(asked.get("valid_at"), "valid_at"),
            _instant(asked.get("known_at"), "known_at"),
        ),
    )
    return _shown(record)


async def create(request: Request) -> Response:
    """POST records: `{"valid_from", "reason", "data"}`."""
    return await _one(request, {**await _body(request), "op": "create"}, status=201)


async def replace(request: Request) -> Response:
    """PUT records/<id>: `{"op": "amend"|"correct", "valid_from"?, "reason", "data"}`."""
    body = await _body(request)
    if body.get("op") not in {"amend", "correct"}:
        raise Invalid("operation.unknown")
    return await _one(request, {**body, **_seen(request)})


async def annul(request: Request) -> Response:
    """POST records/<id>/annul: `{"valid_from"?, "reason"}`."""
    return await _one(request, {**await _body(request), "op": "annul", **_seen(request)})


async def transact(request: Request) -> Response:
    """POST transactions: `{"operations": [...]}`, all of them or none."""
    body = await _body(request)
    given = body.get("operations")
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_OPERATIONS:
        raise Invalid("operation.count", limit=MAX_OPERATIONS)
    key = _idempotency_key(request)
    if key is None:
        raise Invalid("idempotency.needed")
    records = await write(
        _registers(request),
        _code(request),
        _caller(request),
        [parse_operation(each) for each in given],
        key,
    )
    return JSONResponse({"records": [record.as_json() for record in records]})


async def number(request: Request) -> Response:
    """POST numbers: the next number of the register."""
    key = _idempotency_key(request)
    if key is None:
        raise Invalid("idempotency.needed")
    given = await give_number(_registers(request), _code(request), _caller(request), key)
    return JSONResponse({"number": given}, 201)


async def unknown_path(request: Request) -> Response:
    """Whatever is not one of the calls."""
    raise Missing("path.unknown")


async def _one(request: Request, given: dict[str, object], *, status: int = 200) -> Response:
    [record] = await write(
        _registers(request),
        _code(request),
        _caller(request),
        [parse_operation(given)],
        _idempotency_key(request),
    )
    return _shown(record, status)


def _shown(record: Record, status: int = 200) -> Response:
    return JSONResponse(record.as_json(), status, {"ETag": f'"{record.version}"'})


def _authenticate(request: Request) -> None:
    given = request.headers.get("authorization", "").encode("latin-1", "replace")
    expected = f"Bearer {request.app.state.bearer}".encode()
    if not hmac.compare_digest(given, expected):
        raise Refused("bearer.wrong")


async def _body(request: Request) -> dict[str, object]:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BYTES:
            raise Invalid("json.too_long", limit=MAX_BYTES)
    return read_json(bytes(received))


def _registers(request: Request) -> Registers:
    registers = request.app.state.registers
    assert isinstance(registers, Registers)  # noqa: S101  # set when the application starts
    return registers


def _caller(request: Request) -> Caller:
    return Caller.from_headers(request.headers)


def _code(request: Request) -> str:
    return f"{request.path_params['subsystem']}/{request.path_params['register']}"


def _record_id(request: Request) -> int:
    try:
        return parse_record_id(request.path_params["id"])
    except Invalid as error:
        raise Missing("record.unknown", register=_code(request)[:80]) from error


def _seen(request: Request) -> dict[str, object]:
    given = request.headers.get("if-match")
    if given is None:
        raise Invalid("version.needed")
    match = _ETAG.fullmatch(given.strip())
    if match is None:
        raise Invalid("header.invalid", header="if-match")
    return {"id": str(_record_id(request)), "version": int(match[1])}


def _idempotency_key(request: Request) -> str | None:
    given = request.headers.get("idempotency-key")
    if given is not None and not _IDEMPOTENCY_KEY.fullmatch(given):
        raise Invalid("header.invalid", header="idempotency-key")
    return given


def _schema(given: str | None) -> int | None:
    if given is None:
        return None
    if given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    raise Invalid("operation.invalid", field="schema")


def _instant(given: object, field: str) -> datetime | None:
    if given is None:
        return None
    if isinstance(given, str) and _INSTANT.fullmatch(given):
        try:
            return datetime.fromisoformat(given).astimezone(UTC)
        except ValueError:
            pass
    raise Invalid("operation.invalid", field=field)


# For the other modules of calls.
body_of, caller_of, code_of, registers_of = _body, _caller, _code, _registers
record_id_of = _record_id
