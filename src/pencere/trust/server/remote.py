"""`/remote/...`: a person comes to a key in the centre, and minds its PIN.

For portals: begin, and hand in the phone's signature. For the person: the pages where the PIN
is chosen and set anew; no portal ever sees one. docs/specs/csc.md, "Enrolment".
"""

import base64
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from cryptography import x509
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, PencereError, Refused
from pencere.kernel.identifiers import parse_fin
from pencere.trust import relying_parties
from pencere.trust.ceremony import Approval
from pencere.trust.contents import Holder
from pencere.trust.registration.enrolment import approvals_of
from pencere.trust.remote import clients, enrolment, vault
from pencere.trust.server.bodies import bearer_of, bytes_of, read_json, text_of, uuid_of
from pencere.trust.server.csc_credential import of_person, status_of
from pencere.trust.server.oauth2 import form_of
from pencere.trust.server.pages import headers, language_of, page, sentence
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

ISSUER = "issuing-person"


async def begin(request: Request) -> Response:
    """Begin an enrolment for a person of the portal; the phone is to sign the answer's hash."""
    state, content, secret = state_of(request), await read_json(request), bearer_of(request)
    party = uuid_of(content.get("relyingPartyUUID"), "relyingPartyUUID")
    holder = _holder(content, state)
    algorithm = text_of({"keyAlgorithm": "P-256", **content}, "keyAlgorithm")
    language, return_uri = _language(content), text_of(content, "returnURI", longest=500)

    def work(connection: Connection) -> enrolment.Begun:
        relying_parties.authenticate(connection, party, secret)
        if return_uri not in clients.of_relying_party(connection, party).redirect_uris:
            raise Invalid("client.redirect_uri")
        return enrolment.begin(
            connection,
            holder=holder,
            algorithm=algorithm,
            return_uri=return_uri,
            language=language,
            at=state.clock.now(),
        )

    begun = await state.database(work)
    digest = enrolment.digest_of_statement(begun.statement)
    return JSONResponse(
        {
            "enrolmentID": str(begun.id),
            "statement": begun.statement.decode(),
            "hash": base64.b64encode(digest).decode(),
            "expiresIn": int(enrolment.LIFETIME.total_seconds()),
        },
        201,
    )


async def prove(request: Request) -> Response:
    """Take the phone's signature over the statement; give the page to send the person to."""
    state, content, secret = state_of(request), await read_json(request), bearer_of(request)
    party = uuid_of(content.get("relyingPartyUUID"), "relyingPartyUUID")
    identifier = uuid_of(request.path_params["enrolment"], "enrolmentID")
    certificate = bytes_of(content.get("certificate"), "certificate")
    signature = bytes_of(content.get("signature"), "signature")

    def work(connection: Connection) -> str:
        relying_parties.authenticate(connection, party, secret)
        return enrolment.prove(
            connection,
            identifier,
            certificate=certificate,
            signature=signature,
            at=state.clock.now(),
        )

    page_secret = await state.database(work)
    address = enrolment.page_of(state.config.issuance.base_url, page_secret)
    return JSONResponse({"page": address})


async def listing(request: Request) -> Response:
    """List a person's remote keys for the portal that they are signed in to."""
    state, content, secret = state_of(request), await read_json(request), bearer_of(request)
    party = uuid_of(content.get("relyingPartyUUID"), "relyingPartyUUID")
    holder, now = _holder(content, state), state.clock.now()

    def work(connection: Connection) -> list[dict[str, Any]]:
        relying_parties.authenticate(connection, party, secret)
        found = []
        for remote in vault.of_holder(connection, holder):
            credential = of_person(connection, state, remote)
            certificate = credential.certificate
            found.append(
                {
                    "credentialID": remote.id,
                    "keyAlgorithm": remote.algorithm,
                    "status": status_of(connection, credential, now),
                    "blocked": remote.pin_tries_left == 0,
                    "serial": f"{certificate.serial_number:x}",
                    "validFrom": certificate.not_valid_before_utc.isoformat(),
                    "validTo": certificate.not_valid_after_utc.isoformat(),
                }
            )
        return found

    return JSONResponse({"credentials": await state.database(work)})


async def enrol(request: Request) -> Response:
    """Show the page where the PIN is chosen."""
    found = await _open(request)
    return found if isinstance(found, Response) else _enrol_page(request, found)


async def finish(request: Request) -> Response:
    """Make the key, and show the PUK once."""
    state, secret = state_of(request), request.path_params["secret"]
    found = await _open(request)
    if isinstance(found, Response):
        return found
    form = await form_of(request)
    try:
        if form.get("pin") != form.get("again"):
            raise Invalid("remote.pin_differs")
        credential, puk = await state.database(
            lambda connection: enrolment.finish(
                connection,
                state.remote(),
                secret,
                pin=form.get("pin", ""),
                issue=lambda profile, holder, act: _issue(
                    state, profile, holder, approvals_of(connection, act) if act else ()
                ),
                at=state.clock.now(),
            )
        )
    except PencereError as error:
        return _enrol_page(request, found, error)
    language = language_of(request, found.language)
    return page(
        "made",
        language,
        languages=False,
        puk=f"{puk[:5]} {puk[5:]}",
        credential=credential,
        back=found.return_uri,
    )


async def unblock(request: Request) -> Response:
    """Show the page where a new PIN is set with the PUK."""
    return _unblock_page(request)


async def set_pin(request: Request) -> Response:
    """Set a new PIN with the PUK."""
    state, form = state_of(request), await form_of(request)
    credential = form.get("credential", "").strip()
    puk = "".join(form.get("puk", "").split())
    try:
        if form.get("pin") != form.get("again"):
            raise Invalid("remote.pin_differs")
        await state.database(
            lambda connection: vault.set_pin(
                connection,
                state.remote(),
                credential,
                puk=puk,
                pin=form.get("pin", ""),
                at=state.clock.now(),
            )
        )
    except PencereError as error:
        return _unblock_page(request, error=error, credential=credential)
    return _unblock_page(request, done=True)


async def look(_request: Request) -> Response:
    """Give the style sheet of the pages."""
    css = await run_in_threadpool(
        (files("pencere.trust.remote") / "pages" / "look.css").read_text, "utf-8"
    )
    kept = {**headers(), "Cache-Control": "public, max-age=3600"}
    return Response(css, media_type="text/css", headers=kept)


def _issue(
    state: State, profile: str, holder: Holder, approvals: Sequence[Approval]
) -> x509.Certificate:
    signer = state.config.keystore.signer(ISSUER)
    return state.config.issuance.issue(
        profile, holder, issuer_name=ISSUER, signer=signer, approvals=approvals
    )


async def _open(request: Request) -> enrolment.Open | Response:
    state, secret = state_of(request), request.path_params["secret"]
    try:
        return await state.database(
            lambda connection: enrolment.open_page(connection, secret, at=state.clock.now())
        )
    except Refused as error:
        language = language_of(request)
        return page(
            "stop", language, status=403, problem=sentence(error, language), languages=False
        )


def _enrol_page(
    request: Request, found: enrolment.Open, error: PencereError | None = None
) -> Response:
    language = language_of(request, found.language)
    return page(
        "enrol",
        language,
        status=200 if error is None else error.status,
        problem=None if error is None else sentence(error, language),
        enrolment=found,
        bad=error is not None,
    )


def _unblock_page(
    request: Request,
    *,
    error: PencereError | None = None,
    credential: str = "",
    done: bool = False,
) -> Response:
    language = language_of(request)
    return page(
        "unblock",
        language,
        status=200 if error is None else error.status,
        problem=None if error is None else sentence(error, language),
        done=done,
        typed={"credential": credential or request.query_params.get("credential", "")},
    )


def _holder(content: Any, state: State) -> str:
    fin = parse_fin(text_of(content, "nationalIdentityNumber"))
    return f"PNO{state.authority.country}-{fin}"


def _language(content: Any) -> str:
    language = text_of({"language": "az", **content}, "language")
    if language not in ("az", "en", "ru"):
        raise Invalid("request.field", field="language")
    return language


routes = [
    Route("/remote/look.css", look, name="remote_look"),
    Route("/remote/enrolments", begin, methods=["POST"], name="remote_begin"),
    Route("/remote/enrolments/{enrolment}/proof", prove, methods=["POST"], name="remote_prove"),
    Route("/remote/credentials", listing, methods=["POST"], name="remote_credentials"),
    Route("/remote/enrolment/{secret}", enrol, methods=["GET"], name="remote_enrol"),
    Route("/remote/enrolment/{secret}", finish, methods=["POST"], name="remote_finish"),
    Route("/remote/pin", unblock, methods=["GET"], name="remote_unblock"),
    Route("/remote/pin", set_pin, methods=["POST"], name="remote_set_pin"),
]
