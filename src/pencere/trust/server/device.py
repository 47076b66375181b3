"""`/mid/device/...` for phones."""

import base64

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid
from pencere.trust import devices, sessions, store
from pencere.trust.server.bodies import (
    bearer_of,
    bytes_of,
    read_json,
    text_of,
    timeout_of,
    uuid_of,
)
from pencere.trust.server.state import state_of
from pencere.trust.sessions import Answer, Result, Waiting


async def challenge(request: Request) -> Response:
    """Give a phone fresh bytes to sign."""
    state = state_of(request)
    device = uuid_of((await read_json(request)).get("device"), "device")
    fresh = await state.database(
        lambda connection: devices.challenge(connection, device, at=state.clock.now())
    )
    return JSONResponse({"challenge": base64.b64encode(fresh).decode()})


async def open_session(request: Request) -> Response:
    """Give a phone that proved itself a token for some minutes."""
    state = state_of(request)
    content = await read_json(request)
    device = uuid_of(content.get("device"), "device")
    given = bytes_of(content.get("challenge"), "challenge")
    proof = bytes_of(content.get("signature"), "signature")
    token = await state.database(
        lambda connection: devices.open_session(
            connection, device, given, proof, at=state.clock.now()
        )
    )
    return JSONResponse({"token": token, "expiresIn": int(devices.TOKEN_LIFETIME.total_seconds())})


async def requests(request: Request) -> Response:
    """Give the requests that wait; `known` names those the phone has, and is waited to change."""
    state = state_of(request)
    token, known = bearer_of(request), request.query_params.get("known", "")
    device = await state.database(
        lambda connection: devices.of_token(connection, token, at=state.clock.now())
    )
    has = set(filter(None, known.split(",")))

    def look(connection: store.Connection) -> list[Waiting] | None:
        found = sessions.waiting(connection, device, at=state.clock.now())
        if {str(one.id) for one in found} == has:
            return None
        sessions.mark_delivered(connection, [one.id for one in found], at=state.clock.now())
        return found

    found = await state.wait_for(str(device.id), look, timeout_s=timeout_of(request))
    if found is None:
        return JSONResponse({"changed": False})
    return JSONResponse(
        {
            "changed": True,
            "requests": [
                {**sessions.as_json(one), "hash": base64.b64encode(one.digest).decode()}
                for one in found
            ],
        }
    )


async def answer(request: Request) -> Response:
    """Take a phone's answer to a request."""
    state = state_of(request)
    token, content = bearer_of(request), await read_json(request)
    session = uuid_of(request.path_params["session"], "id")
    given = content.get("signature")
    signature = None if given is None else bytes_of(given, "signature")
    try:
        result = Result(text_of(content, "result"))
    except ValueError as error:
        raise Invalid("request.field", field="result") from error

    def work(connection: store.Connection) -> None:
        now = state.clock.now()
        device = devices.of_token(connection, token, at=now)
        sessions.answer(connection, device, session, Answer(result, signature), at=now)

    await state.database(work)
    return JSONResponse({"accepted": True})


routes = [
    Route("/mid/device/challenge", challenge, methods=["POST"], name="device_challenge"),
    Route("/mid/device/session", open_session, methods=["POST"], name="device_session"),
    Route("/mid/device/requests", requests, name="device_requests"),
    Route("/mid/device/requests/{session}", answer, methods=["POST"], name="device_answer"),
]
