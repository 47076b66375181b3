"""`/oauth2/...`: who may ask, what a person agrees to, and the tokens that come of it.

RFC 6749 with the profile of RFC 9700: code flow only, exact addresses, single-use codes, PKCE,
pushed requests (RFC 9126), `iss` in the answer (RFC 9207). The same routes lie under each
version of the interface.
"""

import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, PencereError, Refused
from pencere.trust.credentials import digest_of
from pencere.trust.remote import clients, consents, tokens
from pencere.trust.remote.activation import Activations, Grant
from pencere.trust.remote.clients import Client
from pencere.trust.server.bodies import read_body, read_json
from pencere.trust.server.csc import basic_of
from pencere.trust.server.oauth2_request import Told, client_of, question_of
from pencere.trust.server.pages import headers, language_of, page, sentence
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

COOKIE = "pencere-consent"
PUSHED_LIFETIME = timedelta(minutes=1)
PUSHED = "urn:ietf:params:oauth:request_uri:"
LARGEST_FORM = 512 * 1024


async def authorize(request: Request) -> Response:
    """Begin: keep what is asked, and send the browser to the page where its person answers."""
    state = state_of(request)
    if request.method == "POST":
        parameters = await form_of(request)
    else:
        parameters = dict(request.query_params)
    language = language_of(request)
    browser = secrets.token_urlsafe(32)

    def work(connection: Connection) -> tuple[str, str] | Response:
        pushed = _pushed(connection, state, parameters)
        client, redirect_uri = client_of(connection, pushed)
        try:
            question = question_of(connection, client, redirect_uri, pushed)
        except Told as error:
            facts = {"error": error.error, "error_description": error.detail}
            return back(state, redirect_uri, pushed.get("state"), **facts)
        secret = consents.begin(
            connection, question, kind="page", browser=browser, at=state.clock.now()
        )
        return secret, question.language

    try:
        begun = await state.database(work)
    except PencereError as error:
        return page(
            "stop",
            language,
            status=error.status,
            problem=sentence(error, language),
            languages=False,
        )
    if isinstance(begun, Response):
        return begun
    place = f"/oauth2/consent/{begun[0]}"
    answer = RedirectResponse(f"{place}?lang={begun[1]}", 303, headers=headers())
    answer.set_cookie(
        COOKIE,
        browser,
        path=place,
        httponly=True,
        samesite="lax",
        secure=state.config.issuance.base_url.startswith("https:"),
        max_age=int(consents.LIFETIME.total_seconds()),
    )
    return answer


def _pushed(connection: Connection, state: State, parameters: dict[str, str]) -> dict[str, str]:
    """Return the parameters, those that were pushed where the request says so; used up then."""
    uri = parameters.get("request_uri")
    if uri is None:
        return parameters
    row = connection.execute(
        "delete from trust.pushed_request where sha256 = %s and client = %s and expires_at > %s"
        " returning parameters",
        (
            digest_of(uri.removeprefix(PUSHED)),
            parameters.get("client_id", ""),
            state.clock.now(),
        ),
    ).fetchone()
    if row is None:
        raise Refused("consent.over")
    return dict(row[0])


async def push(request: Request) -> Response:
    """Take the parameters of an authorisation request from the client itself (RFC 9126)."""
    state = state_of(request)
    parameters = await form_of(request)

    def work(connection: Connection) -> str | Told:
        client = _client(connection, request, parameters)
        found, redirect_uri = client_of(connection, {**parameters, "client_id": client.id})
        kept = {
            name: value for name, value in parameters.items() if name not in ("client_secret",)
        } | {"client_id": client.id}
        try:
            question_of(connection, found, redirect_uri, kept)
        except Told as error:
            return error
        secret = secrets.token_urlsafe(32)
        connection.execute(
            "insert into trust.pushed_request (sha256, client, parameters, expires_at)"
            " values (%s, %s, %s, %s)",
            (digest_of(secret), client.id, json.dumps(kept), state.clock.now() + PUSHED_LIFETIME),
        )
        return secret

    pushed = await state.database(work)
    if isinstance(pushed, Told):
        return JSONResponse({"error": pushed.error, "error_description": pushed.detail}, 400)
    expires_in = int(PUSHED_LIFETIME.total_seconds())
    return JSONResponse({"request_uri": PUSHED + pushed, "expires_in": expires_in}, 201)


def back(state: State, redirect_uri: str, kept: str | None, **facts: str) -> Response:
    """Send the browser back to the client, with what it sent as `state` and with our name."""
    parts = urlsplit(redirect_uri)
    query = parse_qsl(parts.query, keep_blank_values=True) + list(facts.items())
    if kept is not None:
        query.append(("state", kept))
    query.append(("iss", state.config.issuance.base_url))
    place = urlunsplit(parts._replace(query=urlencode(query)))
    return RedirectResponse(place, 303, headers=headers(redirect_uri))


async def token(request: Request) -> Response:
    """Give tokens for a code, for a refresh token, or to a client for itself."""
    state = state_of(request)
    parameters = await form_of(request)
    kind, now = parameters.get("grant_type", ""), state.clock.now()

    def work(connection: Connection) -> dict[str, Any]:
        client = _client(connection, request, parameters)
        if kind == "authorization_code":
            return _of_code(connection, state, client, parameters)
        if kind == "refresh_token":
            pair = tokens.renew(connection, client, parameters.get("refresh_token", ""), at=now)
            return _bearer(pair)
        if kind == "client_credentials":
            if client.is_public:
                raise Invalid("client.grant")
            if parameters.get("scope", "service") != "service":
                raise Invalid("grant.scope")
            return _bearer(tokens.issue(connection, client.id, None, uuid.uuid4(), at=now))
        raise Invalid("grant.type")

    answer = await state.database(work)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _of_code(
    connection: Connection, state: State, client: Client, parameters: Mapping[str, str]
) -> dict[str, Any]:
    now = state.clock.now()
    redeemed = tokens.redeem(
        connection,
        state.wrapping,
        client,
        code=parameters.get("code", ""),
        redirect_uri=parameters.get("redirect_uri", ""),
        verifier=parameters.get("code_verifier"),
        at=now,
    )
    question = redeemed.question
    if question.scope == "service":
        return _bearer(
            tokens.issue(connection, client.id, redeemed.holder, redeemed.family, at=now)
        )
    activations = Activations(connection, state.wrapping, now)
    data, expires_in = activations.issue(
        question.target, Grant(client.id, redeemed.own, redeemed.family)
    )
    return {
        "access_token": data,
        "token_type": "SAD",
        "expires_in": expires_in,
        "credentialID": question.credential,
    }


async def revoke(request: Request) -> Response:
    """End a token (RFC 7009): a refresh token with everything that came of its consent."""
    state = state_of(request)
    parameters = await form_of(request)

    def work(connection: Connection) -> None:
        client = _client(connection, request, parameters)
        tokens.revoke(connection, client, parameters.get("token", ""), at=state.clock.now())

    await state.database(work)
    return Response(status_code=200)


async def metadata(request: Request) -> Response:
    """Describe the authorisation server (RFC 8414)."""
    base_url = state_of(request).config.issuance.base_url
    return JSONResponse(
        {
            "issuer": base_url,
            "authorization_endpoint": f"{base_url}/oauth2/authorize",
            "pushed_authorization_request_endpoint": f"{base_url}/oauth2/pushed_authorize",
            "token_endpoint": f"{base_url}/oauth2/token",
            "revocation_endpoint": f"{base_url}/oauth2/revoke",
            "scopes_supported": ["service", "credential"],
            "authorization_details_types_supported": ["credential"],
            "response_types_supported": ["code"],
            "grant_types_supported": [
                "authorization_code",
                "client_credentials",
                "refresh_token",
            ],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "none",
            ],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "ui_locales_supported": ["az", "en", "ru"],
        }
    )


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, or of a JSON object of texts; a field twice is refused.

    Raises:
        Invalid: `request.form`.
    """
    if request.headers.get("content-type", "").startswith("application/json"):
        content = await read_json(request, limit=LARGEST_FORM)
        return {name: value for name, value in content.items() if isinstance(value, str)}
    body = await read_body(request, LARGEST_FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise Invalid("request.form") from error
    if len(dict(pairs)) != len(pairs):
        raise Invalid("request.form")
    return dict(pairs)


def _client(connection: Connection, request: Request, parameters: Mapping[str, str]) -> Client:
    """Return the client that proves itself: HTTP Basic, fields of the form, or a public one."""
    if "authorization" in request.headers:
        identifier, secret = basic_of(request)
        if parameters.get("client_id", identifier) != identifier:
            raise Refused("client.unknown")
    else:
        identifier = parameters.get("client_id", "")
        secret = parameters.get("client_secret") or None
    return clients.authenticate(connection, identifier, secret)


def _bearer(pair: tokens.Pair) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "scope": "service",
    }
    return answer | ({} if pair.refresh is None else {"refresh_token": pair.refresh})


def _under(prefix: str, name: str) -> list[Route]:
    return [
        Route(f"{prefix}/authorize", authorize, methods=["GET", "POST"], name=f"{name}_authorize"),
        Route(f"{prefix}/pushed_authorize", push, methods=["POST"], name=f"{name}_push"),
        Route(f"{prefix}/token", token, methods=["POST"], name=f"{name}_token"),
        Route(f"{prefix}/revoke", revoke, methods=["POST"], name=f"{name}_revoke"),
    ]


routes = [
    *_under("/oauth2", "oauth2"),
    *_under("/csc/v1/oauth2", "csc_oauth2"),
    *_under("/csc/v2/oauth2", "csc2_oauth2"),
    Route("/.well-known/oauth-authorization-server", metadata, name="oauth2_metadata"),
]
