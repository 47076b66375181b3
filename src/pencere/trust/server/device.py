"""`/mid/device/...` for phones."""

import base64
from collections.abc import Mapping
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Refused
from pencere.trust import devices, pins, sessions, store
from pencere.trust.registration import codes, enrolment
from pencere.trust.server.bodies import (
    bearer_of,
    bytes_of,
    half_of,
    read_json,
    text_of,
    timeout_of,
    uuid_of,
)
from pencere.trust.server.ra import enrolled_json, enrolment_of, given_of, issue_of, office_of
from pencere.trust.server.state import State, state_of
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


async def pin(request: Request) -> Response:
    """Give the share of a key for the proof of its PIN; wrong ones are counted."""
    state, token, content = state_of(request), bearer_of(request), await read_json(request)
    purpose = _purpose(content)
    proof = bytes_of(content.get("proof"), "proof", longest=44)
    session = None if content.get("request") is None else uuid_of(content["request"], "request")

    def work(connection: store.Connection) -> bytes:
        now = state.clock.now()
        device = devices.of_token(connection, token, at=now)
        if session is not None:
            sessions.refuse_other(connection, device, session, purpose)
        try:
            share = pins.try_proof(connection, _safe(state), device.id, purpose, proof, at=now)
        except Refused as error:
            if error.code == "pin.blocked":
                sessions.block(connection, device, purpose, at=now)
                connection.commit()
            raise
        if session is not None:
            pins.mark_passed(connection, session, at=now)
        return share

    return _share(await state.database(work))


async def puk(request: Request) -> Response:
    """Give the share of the PUK for its proof; with a new PIN, set that."""
    state, token, content = state_of(request), bearer_of(request), await read_json(request)
    proof = bytes_of(content.get("proof"), "proof", longest=44)
    purpose = _purpose(content) if "pin" in content else None
    half = half_of(content["pin"], "pin") if "pin" in content else None

    def work(connection: store.Connection) -> bytes:
        now = state.clock.now()
        device = devices.of_token(connection, token, at=now)
        share = pins.try_proof(connection, _safe(state), device.id, "puk", proof, at=now)
        if purpose is not None and half is not None:
            pins.replace(connection, _safe(state), device.id, purpose, half, at=now)
        return share

    return _share(await state.database(work))


async def new_puk(request: Request) -> Response:
    """Set a new PUK by a code of the registration authority and both PINs."""
    state, token, content = state_of(request), bearer_of(request), await read_json(request)
    code, half = text_of(content, "code", longest=40), half_of(content.get("puk"), "puk")
    given = content.get("proofs")
    if not isinstance(given, dict):
        raise Invalid("request.field", field="proofs")
    proofs = {one: bytes_of(given.get(one), "proofs", longest=44) for one in pins.PINS}
    office, claim = office_of(state), canonical_json({"puk": content["puk"], "proofs": given})

    def work(connection: store.Connection) -> None:
        now = state.clock.now()
        device = devices.of_token(connection, token, at=now)
        for purpose, proof in proofs.items():
            pins.try_proof(connection, _safe(state), device.id, purpose, proof, at=now)
        claimed = codes.claim(connection, office, code, device=device.id, request=claim, at=now)
        if codes.use(connection, claimed, at=now):
            pins.replace(connection, _safe(state), device.id, "puk", half, at=now)

    await state.database(work)
    return JSONResponse({"accepted": True})


async def tries(request: Request) -> Response:
    """Tell how many tries each PIN has; nothing for a phone that counts by itself."""
    state, token = state_of(request), bearer_of(request)

    def work(connection: store.Connection) -> dict[pins.Purpose, int]:
        device = devices.of_token(connection, token, at=state.clock.now())
        return pins.tries_left(connection, device.id)

    return JSONResponse({"pins": await state.database(work)})


async def renewal(request: Request) -> Response:
    """Certify new keys on the word of the phone's still valid authentication key."""
    state, content = state_of(request), await read_json(request)
    device = uuid_of(content.get("device"), "device")
    proof = bytes_of(content.get("proof"), "proof", longest=400)
    given = given_of(content, enrolment_of(content))
    office, now = office_of(state), state.clock.now()
    result = await state.database(
        lambda connection: enrolment.renew(
            connection, office, issue_of(state), given, device=device, proof=proof, at=now
        )
    )
    return JSONResponse(enrolled_json(result), headers={"Cache-Control": "no-store"})


def _purpose(content: Mapping[str, Any]) -> Literal["authentication", "signature"]:
    given = content.get("purpose")
    if given == "authentication":
        return "authentication"
    if given == "signature":
        return "signature"
    raise Invalid("request.field", field="purpose")


def _safe(state: State) -> pins.Safe:
    return pins.Safe(state.config.issuance.digest_key)


def _share(share: bytes) -> Response:
    content = {"share": base64.b64encode(share).decode()}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


routes = [
    Route("/mid/device/pins", tries, name="device_pins"),
    Route("/mid/device/pin", pin, methods=["POST"], name="device_pin"),
    Route("/mid/device/puk", puk, methods=["POST"], name="device_puk"),
    Route("/mid/device/puk/renewal", new_puk, methods=["POST"], name="device_new_puk"),
    Route("/mid/device/renewal", renewal, methods=["POST"], name="device_renewal"),
    Route("/mid/device/challenge", challenge, methods=["POST"], name="device_challenge"),
    Route("/mid/device/session", open_session, methods=["POST"], name="device_session"),
    Route("/mid/device/requests", requests, name="device_requests"),
    Route("/mid/device/requests/{session}", answer, methods=["POST"], name="device_answer"),
]
