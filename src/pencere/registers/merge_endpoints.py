"""The calls of merging over HTTP. docs/specs/registers.md, section 12."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pencere.kernel.errors import Invalid, Missing
from pencere.registers import candidates
from pencere.registers.endpoints import Endpoint, body_of, caller_of, code_of, registers_of
from pencere.registers.merging import Act, Seen, decide, proposals, propose, propose_undoing
from pencere.registers.records import MAX_REASON, parse_record_id


async def waiting(request: Request) -> Response:
    """GET merges: what waits for a decision, ids alone."""
    acts = await proposals(registers_of(request), code_of(request), caller_of(request))
    return JSONResponse({"merges": [each.as_json() for each in acts]})


async def suggest(request: Request) -> Response:
    """POST merges: `{"absorbed", "survivor": {"id", "version"}, "reason"}`."""
    body = await body_of(request)
    _only(body, {"absorbed", "survivor", "reason"})
    act = await propose(
        registers_of(request),
        code_of(request),
        caller_of(request),
        absorbed=_seen(body, "absorbed"),
        survivor=_seen(body, "survivor"),
        reason=reason_of(body),
    )
    return _answer(act, 201)


async def suggest_undoing(request: Request) -> Response:
    """POST merges/<number>/undo: `{"reason"}`; another proposal, to be confirmed like the first."""
    body = await body_of(request)
    _only(body, {"reason"})
    act = await propose_undoing(
        registers_of(request),
        code_of(request),
        caller_of(request),
        merge=_number(request),
        reason=reason_of(body),
    )
    return _answer(act, 201)


async def confirm(request: Request) -> Response:
    """POST merges/<number>/confirm: `{"reason"}`, by another person than proposed it."""
    return await _decide(request, "done")


async def refuse(request: Request) -> Response:
    """POST merges/<number>/refuse: `{"reason"}`, by anybody who may merge."""
    return await _decide(request, "refused")


async def alike(request: Request) -> Response:
    """GET candidates: pairs that look alike and wait for a clerk, ids alone."""
    pairs = await candidates.waiting(registers_of(request), code_of(request), caller_of(request))
    return JSONResponse({"candidates": [each.as_json() for each in pairs]})


async def judge(request: Request) -> Response:
    """POST candidates: `{"records": [id, id], "outcome": "same"|"not-same", "reason"}`."""
    body = await body_of(request)
    _only(body, {"records", "outcome", "reason"})
    ids, outcome = body.get("records"), body.get("outcome")
    if not isinstance(ids, list) or len(ids) != 2:
        raise Invalid("operation.invalid", field="records")
    if not isinstance(outcome, str):
        raise Invalid("operation.invalid", field="outcome")
    await candidates.judge(
        registers_of(request),
        code_of(request),
        caller_of(request),
        records=(parse_record_id(ids[0]), parse_record_id(ids[1])),
        outcome=outcome,
        reason=reason_of(body),
    )
    return Response(status_code=204)


async def _decide(request: Request, outcome: str) -> Response:
    body = await body_of(request)
    _only(body, {"reason"})
    act = await decide(
        registers_of(request),
        code_of(request),
        caller_of(request),
        merge=_number(request),
        outcome=outcome,
        reason=reason_of(body),
    )
    return _answer(act, 200)


def reason_of(body: dict[str, object]) -> str:
    """Return the reason, which must be there."""
    reason = body.get("reason")
    if not isinstance(reason, str) or not 1 <= len(reason.strip()) <= MAX_REASON:
        raise Invalid("operation.invalid", field="reason")
    return reason.strip()


def _answer(act: Act, status: int) -> Response:
    return JSONResponse(act.as_json(), status)


def _only(body: dict[str, object], allowed: set[str]) -> None:
    for name in sorted(body.keys() - allowed):
        raise Invalid("operation.superfluous", field=name[:40])


def _seen(body: dict[str, object], field: str) -> Seen:
    given = body.get(field)
    if not isinstance(given, dict) or given.keys() != {"id", "version"}:
        raise Invalid("operation.invalid", field=field)
    version = given["version"]
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 2**31:
        raise Invalid("operation.invalid", field=field)
    return Seen(parse_record_id(given["id"]), version)


def _number(request: Request) -> int:
    try:
        return parse_record_id(request.path_params["number"])
    except Invalid as error:
        raise Missing("merge.unknown") from error


ROUTES: tuple[tuple[str, str, str, Endpoint], ...] = (
    ("/candidates", "GET", "candidates", alike),
    ("/candidates", "POST", "judge-candidate", judge),
    ("/merges", "GET", "merges", waiting),
    ("/merges", "POST", "merge", suggest),
    ("/merges/{number}/undo", "POST", "unmerge", suggest_undoing),
    ("/merges/{number}/confirm", "POST", "confirm-merge", confirm),
    ("/merges/{number}/refuse", "POST", "refuse-merge", refuse),
)
