"""`/csc/v2/...`: Cloud Signature Consortium API 2.0.0.2, and the names of version 1 beside it.

pyHanko's client sends the fields of version 1 to this address; where a request has `hash`
instead of `hashes` it is understood as well.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid
from pencere.trust.remote import consents
from pencere.trust.remote.activation import Activations, Grant, Target
from pencere.trust.remote.callers import Caller
from pencere.trust.remote.documents import ENVELOPES
from pencere.trust.remote.mechanisms import OFFERED
from pencere.trust.remote.questions import Question
from pencere.trust.server import csc_calls as calls
from pencere.trust.server import csc_documents as documents
from pencere.trust.server import csc_jobs as jobs
from pencere.trust.server.bodies import read_json, text_of
from pencere.trust.server.csc import factors_of, ids_of, login, logout
from pencere.trust.server.csc_credential import (
    LARGEST_REQUEST,
    Credential,
    caller_of,
    credential_of,
    describe,
    find,
    page_of,
)
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

METHODS = [
    "auth/login",
    "auth/revoke",
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/authorizeCheck",
    "credentials/getChallenge",
    "credentials/extendTransaction",
    "signatures/signHash",
    "signatures/signDoc",
    "signatures/signPolling",
    "signatures/timestamp",
    "oauth2/authorize",
    "oauth2/pushed_authorize",
    "oauth2/token",
    "oauth2/revoke",
]
# How a person's certificate qualifies a signature by the law of the country of the centre.
QUALIFIERS = {"person": "az_qes", "seal": "az_qeseal"}


async def service(request: Request) -> Response:
    """Describe the service (section 11.1)."""
    state = state_of(request)
    await read_json(request)
    base_url = state.config.issuance.base_url
    return JSONResponse(
        {
            "specs": "2.0.0.2",
            "name": state.authority.organization,
            "logo": "",
            "region": state.authority.country,
            "lang": "az",
            "description": state.authority.names["issuing-seal"],
            "authType": ["external", "basic", "oauth2code", "oauth2client"],
            "oauth2": f"{base_url}/csc/v2",
            "asynchronousOperationMode": True,
            "methods": METHODS,
            "validationInfo": False,
            "signAlgorithms": {
                "algos": sorted({one for offered in OFFERED.values() for one in offered})
            },
            "signature_formats": {
                "formats": list(ENVELOPES),
                "envelope_properties": [list(one) for one in ENVELOPES.values()],
            },
            "conformance_levels": ["Ades-B-B", "Ades-B-T", "Ades-B-LT", "Ades-B-LTA"],
        }
    )


async def listing(request: Request) -> Response:
    """List the credentials of the token, described where that is asked for (section 11.4)."""
    state, content = state_of(request), await read_json(request)
    caller = await caller_of(request)
    found = await ids_of(request, content, caller)
    wants_info, only_valid = content.get("credentialInfo") is True, content.get("onlyValid") is True

    def work(connection: Connection) -> dict[str, Any]:
        described = {
            one: _described(connection, state, find(connection, state, caller, one), content)
            for one in (found if wants_info or only_valid else ())
        }
        kept = found
        if only_valid:
            kept = [one for one in found if described[one]["cert"]["status"] == "valid"]
        part, following = page_of(content, kept)
        answer: dict[str, Any] = {"credentialIDs": part}
        if wants_info:
            answer["credentialInfos"] = [{"credentialID": one, **described[one]} for one in part]
        if only_valid:
            answer["onlyValid"] = True
        return answer | ({} if following is None else {"nextPageToken": following})

    return JSONResponse(await state.database(work))


async def details(request: Request) -> Response:
    """Describe a credential (section 11.5)."""
    state, content = state_of(request), await read_json(request)
    _, credential = await credential_of(request, content)
    return JSONResponse(
        await state.database(lambda connection: _described(connection, state, credential, content))
    )


async def authorize(request: Request) -> Response:
    """Give activation data, or a handle when the phone has yet to confirm (section 11.6).

    With PIN and OTP in `authData` the answer is at once; with the PIN alone the person's phone
    is asked to confirm, and `credentials/authorizeCheck` says when.
    """
    state = state_of(request)
    content = await read_json(request, limit=LARGEST_REQUEST)
    caller, credential = await credential_of(request, content)
    target, remote = calls.target_of(content, credential), credential.remote
    if remote is None:
        return JSONResponse(
            await state.database(
                lambda connection: calls.authorize_seal(
                    connection, state, caller, credential, target
                )
            )
        )
    given = {**content, **_auth_data(content)}
    if "OTP" in given:
        factors = factors_of(given)
        return JSONResponse(
            await state.database(
                lambda connection: calls.authorize_person(
                    connection, state, caller, remote, target, factors
                )
            )
        )
    pin, _ = factors_of({**given, "OTP": "-"})
    answer = await state.database(
        lambda connection: _ask(connection, state, caller, target, (pin, given))
    )
    return JSONResponse(answer, 202)


def _ask(
    connection: Connection,
    state: State,
    caller: Caller,
    target: Target,
    factors: tuple[str, Mapping[str, Any]],
) -> dict[str, Any]:
    now, (pin, content) = state.clock.now(), factors
    description = content.get("description", "")
    if not isinstance(description, str) or len(description) > calls.LONGEST_DESCRIPTION:
        raise Invalid("request.field", field="description")
    question = Question(
        client=caller.client,
        client_name=calls.client_name(connection, caller),
        scope="credential",
        language=calls.language_of(content),
        description=description,
        credential=target.credential,
        digests=target.digests,
        labels=("",) * len(target.digests),
    )
    handle = consents.begin(connection, question, kind="handle", browser=None, at=now)
    connection.commit()
    consent = consents.load(connection, handle, kind="handle", browser=None, at=now)
    try:
        asked = consents.ask_signer(connection, state.remote(), consent, handle, pin=pin, at=now)
    except Exception as error:
        code = getattr(error, "code", "incident")
        Activations(connection, state.wrapping, now).declined(target, caller.client, code)
        raise
    return {
        "handle": handle,
        "verificationCode": asked.verification_code,
        "expiresIn": int((consent.expires_at - now).total_seconds()),
    }


async def authorize_check(request: Request) -> Response:
    """Say what became of an authorisation that waits for the phone (section 11.7)."""
    state, content = state_of(request), await read_json(request)
    caller, handle = await caller_of(request), text_of(content, "handle")
    now = state.clock.now()

    def work(connection: Connection) -> dict[str, Any] | None:
        consent = consents.load(connection, handle, kind="handle", browser=None, at=now)
        if consent.question.client != caller.client or consent.holder != caller.holder:
            raise Invalid("request.field", field="handle")
        target = consent.question.target
        try:
            granted = consents.settle(connection, state.wrapping, consent, handle, at=now)
        except Exception as error:
            code = getattr(error, "code", "incident")
            Activations(connection, state.wrapping, now).declined(target, caller.client, code)
            raise
        if granted is None:
            return None
        activations = Activations(connection, state.wrapping, now)
        data, expires_in = activations.issue(target, Grant(caller.client, granted.own))
        return {"SAD": data, "expiresIn": expires_in}

    answer = await state.database(work)
    return JSONResponse({"handle": handle}, 202) if answer is None else JSONResponse(answer)


async def get_challenge(request: Request) -> Response:
    """Show a code on the phone of the credential's person (section 11.8): it comes out of band."""
    await calls.send_code(request)
    return JSONResponse({}, 201)


async def sign_hash(request: Request) -> Response:
    """Sign digests that were authorised (section 11.10)."""
    content = await read_json(request, limit=LARGEST_REQUEST)

    async def work() -> dict[str, Any]:
        return {"signatures": await calls.sign(request, content)}

    return await jobs.answer(request, content, work)


async def sign_doc(request: Request) -> Response:
    """Make whole signatures around documents that were authorised (section 11.11)."""
    content = await read_json(request, limit=documents.LARGEST)
    return await jobs.answer(request, content, lambda: documents.sign(request, content))


def _described(
    connection: Connection, state: State, credential: Credential, content: Mapping[str, Any]
) -> dict[str, Any]:
    body = describe(connection, credential, content, state.clock.now())
    kind = "seal" if credential.remote is None else "person"
    return body | {"signatureQualifier": QUALIFIERS[kind], "auth": _auth(credential, content)}


def _auth(credential: Credential, content: Mapping[str, Any]) -> dict[str, Any]:
    if credential.remote is None:
        return {"mode": "implicit"}
    if content.get("authInfo") is not True:
        return {"mode": "explicit"}
    return {
        "mode": "explicit",
        "expression": "PIN AND (OTP OR PHONE)",
        "objects": [
            {"type": "Password", "id": "PIN", "format": "N", "label": "PIN"},
            {
                "type": "ChallengeResponse",
                "id": "OTP",
                "format": "N",
                "label": "OTP",
                "description": "The code that credentials/getChallenge shows on the phone",
            },
            {
                "type": "ChallengeResponseOOB",
                "id": "PHONE",
                "label": "Phone",
                "description": "Without an OTP the phone is asked to confirm",
            },
        ],
    }


def _auth_data(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `authData` by their ids; those of version 1 may stand beside it."""
    given = content.get("authData", [])
    if not isinstance(given, list) or len(given) > 5:
        raise Invalid("request.field", field="authData")
    found: dict[str, Any] = {}
    for one in given:
        if not isinstance(one, dict) or one.get("id") not in ("PIN", "OTP", "PHONE"):
            raise Invalid("request.field", field="authData")
        if one["id"] != "PHONE":
            found[one["id"]] = one.get("value")
    return found


routes = [
    Route("/csc/v2/info", service, methods=["POST"], name="csc2_info"),
    Route("/csc/v2/auth/login", login, methods=["POST"], name="csc2_login"),
    Route("/csc/v2/auth/revoke", logout, methods=["POST"], name="csc2_logout"),
    Route("/csc/v2/credentials/list", listing, methods=["POST"], name="csc2_list"),
    Route("/csc/v2/credentials/info", details, methods=["POST"], name="csc2_credential"),
    Route("/csc/v2/credentials/authorize", authorize, methods=["POST"], name="csc2_authorize"),
    Route(
        "/csc/v2/credentials/authorizeCheck",
        authorize_check,
        methods=["POST"],
        name="csc2_authorize_check",
    ),
    Route(
        "/csc/v2/credentials/getChallenge", get_challenge, methods=["POST"], name="csc2_challenge"
    ),
    Route(
        "/csc/v2/credentials/extendTransaction", calls.extend, methods=["POST"], name="csc2_extend"
    ),
    Route("/csc/v2/signatures/signHash", sign_hash, methods=["POST"], name="csc2_sign_hash"),
    Route("/csc/v2/signatures/signDoc", sign_doc, methods=["POST"], name="csc2_sign_doc"),
    Route("/csc/v2/signatures/signPolling", jobs.polling, methods=["POST"], name="csc2_polling"),
    Route(
        "/csc/v2/signatures/timestamp", calls.time_stamp, methods=["POST"], name="csc2_time_stamp"
    ),
]
