"""A request of ACME is opened, and its answer sent: RFC 8555 sections 6.2 to 6.7."""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pencere.kernel.errors import PencereError
from pencere.kernel.text import LANGUAGES
from pencere.trust.acme import (
    accounts,
    jose,
)
from pencere.trust.acme.accounts import Account
from pencere.trust.acme.problems import Problem
from pencere.trust.server.bodies import TooLarge, read_body
from pencere.trust.server.machines import Machines, machines_of

log = logging.getLogger(__name__)

LARGEST_REQUEST = 65_536


@dataclass(frozen=True)
class Call:
    """A request that is signed, fresh, and meant for this address."""

    machines: Machines
    message: jose.Message
    jwk: dict[str, Any] | None
    account: Account | None
    parts: Mapping[str, str]
    at: datetime
    language: str

    @property
    def own(self) -> Account:
        """The account that asks."""
        assert self.account is not None  # noqa: S101 -- the route is for accounts only
        return self.account


@dataclass(frozen=True)
class Answer:
    """What is sent back; `content` is JSON unless it is bytes."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


Handler = Callable[[Call], Answer]


def signed(handler: Handler, *, key: str = "account") -> Callable[[Request], Any]:
    """Make a route of a handler. `key`: account, new (a jwk), or either."""

    async def endpoint(request: Request) -> Response:
        machines, language = machines_of(request), language_of(request)
        try:
            body = await _body(request)

            def work() -> Answer:
                path = request.url.path
                return handler(_open(machines, body, path, request.path_params, key, language))

            answer = await run_in_threadpool(work)
        except Exception as error:
            answer = refusal(error, language)
        return respond(machines, answer)

    return endpoint


async def _body(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "").split(";")[0].strip()
    if content_type != "application/jose+json":
        raise Problem("malformed", "content_type", http_status=415)
    try:
        return await read_body(request, LARGEST_REQUEST)
    except TooLarge as error:
        raise Problem("malformed", "too_large", http_status=413) from error


def _open(  # noqa: PLR0913, PLR0917 -- parts of one request
    machines: Machines,
    body: bytes,
    path: str,
    parts: Mapping[str, str],
    key: str,
    language: str,
) -> Call:
    """Check signature, address and nonce; a nonce is used up whatever the request then gets."""
    message = jose.read_message(body)
    has_key, has_account = "jwk" in message.header, "kid" in message.header
    allowed = {"account": (False, True), "new": (True, False)}
    if has_key == has_account or (key != "either" and (has_key, has_account) != allowed[key]):
        raise Problem("malformed", "jws_header")
    if message.url != machines.url(path):
        raise Problem("unauthorized", "url")
    at, nonce = machines.clock.now(), message.nonce
    jwk: dict[str, Any] | None = None
    account: Account | None = None
    if has_key:
        jwk = message.header["jwk"]
        message.verify(jose.read_key(jwk))
    with machines.connect() as connection:
        if not has_key:
            account = accounts.in_force(connection, _account_id(machines, message.header["kid"]))
            message.verify(jose.read_key(account.jwk))
        machines.nonces.use(connection, nonce, at)
    return Call(machines, message, jwk, account, dict(parts), at, language)


def _account_id(machines: Machines, kid: object) -> str:
    prefix = machines.url("/acme/account/")
    if not isinstance(kid, str) or not kid.startswith(prefix):
        raise Problem("accountDoesNotExist", "account_missing")
    return kid.removeprefix(prefix)


def respond(machines: Machines, answer: Answer) -> Response:
    """Return the response of an answer, with a fresh nonce."""
    headers = {
        "Cache-Control": "no-store",
        "Link": f'<{machines.url("/acme/directory")}>;rel="index"',
        "Replay-Nonce": machines.nonces.make(machines.clock.now()),
        **answer.headers,
    }
    if isinstance(answer.content, bytes):
        return Response(answer.content, answer.status, headers, answer.media_type)
    if answer.content is None:
        return Response(b"", answer.status, headers)
    return JSONResponse(answer.content, answer.status, headers, answer.media_type)


def refusal(error: Exception, language: str) -> Answer:
    """Return what a client is told of an error; what nobody expected is an incident."""
    if isinstance(error, Problem):
        problem = error
        log.info("acme_refused error=%s", error)
    elif isinstance(error, psycopg.OperationalError | PoolTimeout):
        problem = Problem("serverInternal", "unavailable", http_status=503, retry_after_s=5)
        log.warning("database_unavailable")
    elif isinstance(error, PencereError) and error.status < 500:
        problem = Problem("malformed", "field", http_status=error.status, reason=error.code)
        log.info("acme_refused error=%s", error)
    else:
        incident = uuid.uuid4()
        problem = Problem("serverInternal", "incident", incident=incident)
        log.error("incident=%s", incident, exc_info=error)
    headers = {"Content-Language": language}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    return Answer(
        problem.document(language), problem.http_status, headers, "application/problem+json"
    )


def language_of(request: Request) -> str:
    """Return the first language asked for that we have."""
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]
