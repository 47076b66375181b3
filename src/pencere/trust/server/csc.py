"""`/csc/v1/...`: keys used from afar, Cloud Signature Consortium API 1.0.4.0."""

import base64
import binascii
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.remote import clients, tokens, vault
from pencere.trust.remote.callers import Caller
from pencere.trust.remote.clients import Client
from pencere.trust.server import csc_calls as calls
from pencere.trust.server.bodies import read_json, text_of
from pencere.trust.server.csc_credential import (
    LARGEST_REQUEST,
    Credential,
    caller_of,
    credential_of,
    describe,
    page_of,
)
from pencere.trust.server.state import state_of
from pencere.trust.store import Connection

METHODS = [
    "auth/login",
    "auth/revoke",
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/extendTransaction",
    "credentials/sendOTP",
    "signatures/signHash",
    "signatures/timestamp",
    "oauth2/authorize",
    "oauth2/token",
    "oauth2/revoke",
]


async def service(request: Request) -> Response:
    """Describe the service (section 11.1)."""
    state = state_of(request)
    await read_json(request)
    return JSONResponse(
        {
            "specs": "1.0.4.0",
            "name": state.authority.organization,
            "logo": "",
            "region": state.authority.country,
            "lang": "az",
            "description": state.authority.names["issuing-seal"],
            "authType": ["external", "basic", "oauth2code", "oauth2client"],
            "oauth2": f"{state.config.issuance.base_url}/csc/v1",
            "methods": METHODS,
        }
    )


async def login(request: Request) -> Response:
    """Give a client a token for its id and secret, HTTP Basic (section 11.2)."""
    state = state_of(request)
    await read_json(request)
    identifier, secret = basic_of(request)
    now = state.clock.now()

    def work(connection: Connection) -> tokens.Pair:
        client = clients.authenticate(connection, identifier, secret)
        return tokens.issue(connection, client.id, None, uuid.uuid4(), at=now)

    pair = await state.database(work)
    return JSONResponse({"access_token": pair.access, "expires_in": pair.expires_in})


async def logout(request: Request) -> Response:
    """End a token of the same client (section 11.3)."""
    state, content = state_of(request), await read_json(request)
    caller, token = await caller_of(request), text_of(content, "token")

    def work(connection: Connection) -> None:
        client = Client(caller.client, "", False, (), ())
        tokens.revoke(connection, client, token, at=state.clock.now())

    await state.database(work)
    return Response(status_code=204)


async def listing(request: Request) -> Response:
    """List the credentials of the token (section 11.4)."""
    content, caller = await read_json(request), await caller_of(request)
    found, following = page_of(content, await ids_of(request, content, caller))
    answer: dict[str, Any] = {"credentialIDs": found}
    if following is not None:
        answer["nextPageToken"] = following
    return JSONResponse(answer)


async def ids_of(request: Request, content: Mapping[str, Any], caller: Caller) -> list[str]:
    """Return the credentials that the caller may use; a `userID` is not for tokens of ours."""
    if content.get("userID") is not None:
        raise Invalid("request.field", field="userID")
    if caller.credential is not None:
        return [caller.credential]
    if caller.holder is None:
        return sorted(caller.seals)
    holder = caller.holder
    found = await state_of(request).database(lambda connection: vault.of_holder(connection, holder))
    return [one.id for one in found]


async def details(request: Request) -> Response:
    """Describe a credential (section 11.5)."""
    state, content = state_of(request), await read_json(request)
    _, credential = await credential_of(request, content)
    now = state.clock.now()
    body = await state.database(lambda connection: describe(connection, credential, content, now))
    return JSONResponse(body | _authorisation(credential, content))


async def authorize(request: Request) -> Response:
    """Give activation data for exactly these digests, to be used once (section 11.6)."""
    state = state_of(request)
    content = await read_json(request, limit=LARGEST_REQUEST)
    caller, credential = await credential_of(request, content)
    target, remote = calls.target_of(content, credential), credential.remote
    if remote is None:
        answer = await state.database(
            lambda connection: calls.authorize_seal(connection, state, caller, credential, target)
        )
    else:
        factors = factors_of(content)
        answer = await state.database(
            lambda connection: calls.authorize_person(
                connection, state, caller, remote, target, factors
            )
        )
    return JSONResponse(answer)


def factors_of(content: Mapping[str, Any]) -> tuple[str, str]:
    """Return PIN and code.

    Raises:
        Refused: `remote.pin_wrong`, `remote.code_wrong`, when one is not there; nothing counts.
    """
    pin, code = content.get("PIN"), content.get("OTP")
    if not isinstance(pin, str) or not 1 <= len(pin) <= 64:
        raise Refused("remote.pin_wrong")
    if not isinstance(code, str) or not 1 <= len(code) <= 32:
        raise Refused("remote.code_wrong")
    return pin, code


async def send_otp(request: Request) -> Response:
    """Show a code on the phone of the credential's person (section 11.7)."""
    await calls.send_code(request)
    return Response(status_code=204)


async def sign_hash(request: Request) -> Response:
    """Sign digests that were authorised (section 11.9)."""
    content = await read_json(request, limit=LARGEST_REQUEST)
    return JSONResponse({"signatures": await calls.sign(request, content)})


def basic_of(request: Request) -> tuple[str, str | None]:
    """Return id and secret of HTTP Basic; the secret may be empty, which is none.

    Raises:
        Refused: `client.unknown`.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        identifier, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Refused("client.unknown") from error
    if scheme.lower() != "basic" or not colon:
        raise Refused("client.unknown")
    return identifier, secret or None


def _authorisation(credential: Credential, content: Mapping[str, Any]) -> dict[str, Any]:
    if credential.remote is None:
        return {"authMode": "implicit"}
    if content.get("authInfo") is not True:
        return {"authMode": "explicit"}
    return {
        "authMode": "explicit",
        "PIN": {"presence": "true", "format": "N", "label": "PIN"},
        "OTP": {
            "presence": "true",
            "type": "online",
            "format": "N",
            "ID": "phone",
            "label": "OTP",
            "provider": "mobile",
        },
    }


routes = [
    Route("/csc/v1/info", service, methods=["POST"], name="csc_info"),
    Route("/csc/v1/auth/login", login, methods=["POST"], name="csc_login"),
    Route("/csc/v1/auth/revoke", logout, methods=["POST"], name="csc_logout"),
    Route("/csc/v1/credentials/list", listing, methods=["POST"], name="csc_list"),
    Route("/csc/v1/credentials/info", details, methods=["POST"], name="csc_credential"),
    Route("/csc/v1/credentials/authorize", authorize, methods=["POST"], name="csc_authorize"),
    Route(
        "/csc/v1/credentials/extendTransaction", calls.extend, methods=["POST"], name="csc_extend"
    ),
    Route("/csc/v1/credentials/sendOTP", send_otp, methods=["POST"], name="csc_send_otp"),
    Route("/csc/v1/signatures/signHash", sign_hash, methods=["POST"], name="csc_sign_hash"),
    Route(
        "/csc/v1/signatures/timestamp", calls.time_stamp, methods=["POST"], name="csc_time_stamp"
    ),
]
