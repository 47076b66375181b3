"""Signatures made in the background: `operationMode` A and `signatures/signPolling`.

A job lives in the process that took it. What was not done when the process stopped is not done
later: its activation data is used up, and polling says that it failed.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pencere.kernel.errors import Invalid, PencereError
from pencere.trust.credentials import digest_of
from pencere.trust.remote.callers import Caller
from pencere.trust.server.bodies import read_json, text_of
from pencere.trust.server.csc_credential import caller_of, credential_of
from pencere.trust.server.csc_errors import csc_error
from pencere.trust.server.state import State, state_of

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(hours=1)
LONGEST_RUN = timedelta(minutes=5)
_running: set[asyncio.Task[None]] = set()

Work = Callable[[], Awaitable[dict[str, Any]]]


async def answer(request: Request, content: Mapping[str, Any], work: Work) -> Response:
    """Answer with what `work` gives, or with a `responseID` under which it will be had.

    `response_uri` is refused: the centre calls nobody's address.
    """
    mode = content.get("operationMode", "S")
    if mode not in ("A", "S"):
        raise Invalid("request.field", field="operationMode")
    if "response_uri" in content:
        raise Invalid("request.field", field="response_uri")
    if mode == "S":
        return JSONResponse(await work())
    state = state_of(request)
    caller, _ = await credential_of(request, content)
    identifier = secrets.token_urlsafe(32)
    expires = state.clock.now() + KEPT_FOR
    await state.database(
        lambda connection: connection.execute(
            "insert into trust.signing_job (sha256, asked_by, expires_at) values (%s, %s, %s)",
            (digest_of(identifier), _asker(caller), expires),
        )
    )
    task = asyncio.create_task(_run(state, identifier, work))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return JSONResponse({"responseID": identifier}, 202)


async def polling(request: Request) -> Response:
    """Give the result of a job to whoever began it (section 11.12); 202 while it runs."""
    state, content = state_of(request), await read_json(request)
    caller, identifier = await caller_of(request), text_of(content, "responseID")
    row = await state.database(
        lambda connection: connection.execute(
            "select answer, expires_at from trust.signing_job"
            " where sha256 = %s and asked_by = %s and expires_at > %s",
            (digest_of(identifier), _asker(caller), state.clock.now()),
        ).fetchone()
    )
    if row is None:
        raise Invalid("request.field", field="responseID")
    found, expires = row
    if found is None and expires - KEPT_FOR + LONGEST_RUN > state.clock.now():
        return JSONResponse({"responseID": identifier}, 202)
    if found is None:
        found = {"status": 500, "body": {"error": "server_error", "error_description": "lost"}}
    return JSONResponse(found["body"], found["status"])


async def _run(state: State, identifier: str, work: Work) -> None:
    try:
        result: dict[str, Any] = {"status": 200, "body": await work()}
    except PencereError as error:
        name, status = csc_error(error.code, error.status)
        result = {"status": status, "body": {"error": name, "error_description": error.code}}
    except Exception:
        log.exception("signing_job_failed")
        result = {"status": 500, "body": {"error": "server_error"}}
    await state.database(
        lambda connection: connection.execute(
            "update trust.signing_job set answer = %s where sha256 = %s",
            (json.dumps(result), digest_of(identifier)),
        )
    )


def _asker(caller: Caller) -> str:
    return f"{caller.client} {caller.holder or ''} {caller.credential or ''}"
