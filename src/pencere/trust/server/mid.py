"""`/mid/...` for relying parties, in the shape of the SK Mobile-ID REST interface.

Where we depart from it is in docs/specs/mobile-signing.md: a secret beside the UUID, and longer
texts.
"""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin, parse_phone
from pencere.trust import devices, relying_parties, sessions, store
from pencere.trust.server.bodies import (
    bearer_of,
    bytes_of,
    read_json,
    text_of,
    timeout_of,
    uuid_of,
)
from pencere.trust.server.state import State, state_of
from pencere.trust.sessions import Kind, Outcome, Question, Result

# Mobile-ID names its languages so; Azerbaijani is ours.
LANGUAGES = {"AZE": "az", "ENG": "en", "RUS": "ru"}
LONGEST_TEXT = 200


def _person(content: Mapping[str, Any], state: State) -> tuple[str, str]:
    fin = parse_fin(text_of(content, "nationalIdentityNumber"))
    phone = parse_phone(text_of(content, "phoneNumber"))
    return f"PNO{state.authority.country}-{fin}", phone


async def certificate(request: Request) -> Response:
    """Return the signature certificate of a person with a phone."""
    state = state_of(request)
    content, secret = await read_json(request), bearer_of(request)
    relying_party = uuid_of(content.get("relyingPartyUUID"), "relyingPartyUUID")
    holder, phone = _person(content, state)

    def work(connection: store.Connection) -> bytes | None:
        relying_parties.authenticate(connection, relying_party, secret)
        device = devices.find(connection, holder, phone)
        return store.certificate(connection, device.signature_serial) if device else None

    encoded = await state.database(work)
    if encoded is None:
        return JSONResponse({"result": "NOT_FOUND"})
    return JSONResponse({"result": "OK", "cert": base64.b64encode(encoded).decode()})


async def _start(request: Request, kind: Kind) -> Response:
    state = state_of(request)
    content, secret = await read_json(request), bearer_of(request)
    relying_party = uuid_of(content.get("relyingPartyUUID"), "relyingPartyUUID")
    holder, phone = _person(content, state)
    language = LANGUAGES.get(text_of(content, "language"))
    if language is None:
        raise Invalid("request.field", field="language")
    text = content.get("displayText", "")
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or not text.isprintable():
        raise Invalid("request.field", field="displayText")
    question = Question(
        relying_party=relying_party,
        kind=kind,
        digest=bytes_of(content.get("hash"), "hash"),
        hash_type=text_of(content, "hashType"),
        language=language,
        display_text=text,
    )

    def work(connection: store.Connection) -> str:
        name = relying_parties.authenticate(connection, relying_party, secret)
        if text_of(content, "relyingPartyName") != name:
            raise Invalid("request.field", field="relyingPartyName")
        device = devices.find(connection, holder, phone)
        return str(sessions.ask(connection, question, device, at=state.clock.now()))

    return JSONResponse({"sessionID": await state.database(work)})


async def _poll(request: Request, kind: Kind) -> Response:
    state = state_of(request)
    session = uuid_of(request.path_params["session"], "sessionID")
    relying_party = uuid_of(request.headers.get("relying-party-uuid"), "Relying-Party-UUID")
    secret = bearer_of(request)
    await state.database(
        lambda connection: relying_parties.authenticate(connection, relying_party, secret)
    )

    def look(connection: store.Connection) -> Outcome | None:
        return sessions.outcome(
            connection, session, relying_party=relying_party, kind=kind, at=state.clock.now()
        )

    found = await state.wait_for(str(session), look, timeout_s=timeout_of(request))
    if found is None:
        return JSONResponse({"state": "RUNNING"})
    return JSONResponse(
        {"state": "COMPLETE", **_completed(found), "time": state.clock.now().isoformat()}
    )


def _completed(outcome: Outcome) -> dict[str, object]:
    if outcome.result is not Result.OK or outcome.signature is None or outcome.certificate is None:
        return {"result": outcome.result.value}
    r, s = decode_dss_signature(outcome.signature)
    return {
        "result": "OK",
        "signature": {
            # r and s side by side, as the SIM gives them
            "value": base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode(),
            "algorithm": f"{outcome.hash_type}WithECEncryption",
        },
        "cert": base64.b64encode(outcome.certificate).decode(),
    }


async def authentication(request: Request) -> Response:
    """Ask a phone to sign in."""
    return await _start(request, "authentication")


async def signature(request: Request) -> Response:
    """Ask a phone for a signature."""
    return await _start(request, "signature")


async def authentication_session(request: Request) -> Response:
    """Tell how a sign-in goes; waits up to `timeoutMs`."""
    return await _poll(request, "authentication")


async def signature_session(request: Request) -> Response:
    """Tell how a signature goes; waits up to `timeoutMs`."""
    return await _poll(request, "signature")


routes = [
    Route("/mid/certificate", certificate, methods=["POST"], name="mid_certificate"),
    Route("/mid/authentication", authentication, methods=["POST"], name="mid_authentication"),
    Route("/mid/signature", signature, methods=["POST"], name="mid_signature"),
    Route(
        "/mid/authentication/session/{session}",
        authentication_session,
        name="mid_authentication_session",
    ),
    Route("/mid/signature/session/{session}", signature_session, name="mid_signature_session"),
]
