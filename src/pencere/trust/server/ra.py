"""`/ra/...` of the registration authority. The wire: docs/specs/registration-authority.md."""

import asyncio
import base64
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Refused
from pencere.trust.ceremony import Centre, Enrolment
from pencere.trust.registration import (
    acts,
    applications,
    approvals,
    compromise,
    enrolment,
    fields,
    listing,
    mass,
    officers,
    opening,
    own,
    phones,
    remote_keys,
)
from pencere.trust.registration.acts import Search
from pencere.trust.registration.compromise import Proof
from pencere.trust.registration.office import Office
from pencere.trust.registration.recording import REASONS
from pencere.trust.server.bodies import bearer_of, bytes_of, halves_of, read_json, text_of, uuid_of
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

log = logging.getLogger(__name__)

LOOKED_EVERY_S = 1.0
MOST_ASKED = 100


def office_of(state: State) -> Office:
    """Return the registration authority of this service."""
    keys, issuance = state.config.keystore, state.config.issuance
    chain = (keys.certificates("issuing-person")[0], keys.certificates("root")[0])
    return Office(state.authority.country, issuance.digest_key, chain, issuance.base_url)


async def asked(request: Request) -> tuple[State, Office, Mapping[str, Any]]:
    """Return state, office and body of a request over the office's or the portal's channel.

    Raises:
        Refused: `request.bearer`, `ra.channel`.
    """
    state = state_of(request)
    _prove(state, request)
    return state, office_of(state), await read_json(request)


async def asked_of(request: Request) -> tuple[State, Mapping[str, Any]]:
    """Return state and body of a request over that channel, for what is no act; as `_asked`."""
    state, _, content = await asked(request)
    return state, content


def _prove(state: State, request: Request) -> None:
    secret, given = state.config.ra_secret, bearer_of(request)
    if secret is None or not hmac.compare_digest(secret.encode(), given.encode()):
        raise Refused("ra.channel")


async def open_act(request: Request) -> Response:
    """Put an act on record."""
    state, office, content = await asked(request)
    now = state.clock.now()

    def work(connection: Connection) -> tuple[dict[str, Any], bool]:
        act, is_new = opening.open_act(connection, office, content, at=now)
        return listing.view(connection, office, act, at=now), is_new

    view, is_new = await state.database(work)
    return JSONResponse(view, 201 if is_new else 200)


async def approve(request: Request) -> Response:
    """Take an officer's signature."""
    state, office, content = await asked(request)
    act_id, now = uuid_of(request.path_params["act"], "act"), state.clock.now()
    certificate = bytes_of(content.get("certificate"), "certificate")
    signature = bytes_of(content.get("signature"), "signature", longest=400)

    def work(connection: Connection) -> dict[str, Any]:
        done = approvals.approve(
            connection, office, act_id, certificate=certificate, signature=signature, at=now
        )
        view = listing.view(connection, office, done.act, at=now)
        return view if done.secret is None else {**view, "result": done.secret}

    view = await state.database(work)
    log.info("ra_approval act=%s state=%s", act_id, view["state"])
    return JSONResponse(view, headers={"Cache-Control": "no-store"})


async def withdraw(request: Request) -> Response:
    """Take an open act back."""
    state, office, content = await asked(request)
    act_id, now = uuid_of(request.path_params["act"], "act"), state.clock.now()

    def work(connection: Connection) -> dict[str, Any]:
        act = opening.withdraw(connection, office, act_id, content, at=now)
        return listing.view(connection, office, act, at=now)

    return JSONResponse(await state.database(work))


async def one_act(request: Request) -> Response:
    """Give one act."""
    state = state_of(request)
    _prove(state, request)
    office, now = office_of(state), state.clock.now()
    act_id = uuid_of(request.path_params["act"], "act")
    return JSONResponse(
        await state.database(
            lambda connection: listing.view(
                connection, office, acts.find(connection, act_id), at=now
            )
        )
    )


async def query_acts(request: Request) -> Response:
    """Give acts, newest first."""
    state, office, content = await asked(request)
    names = ("state", "kind", "holder", "case", "awaiting", "application", "limit", "before")
    fields.only(content, names)
    before = content.get("before")
    if before is not None and not (isinstance(before, str) and before.isdecimal()):
        raise fields.wrong("before")
    wanted = Search(
        state=fields.text(content, "state") if "state" in content else None,
        kind=fields.text(content, "kind") if "kind" in content else None,
        holder=_holder(office, content, "holder"),
        case_number=fields.case(content),
        application=fields.identifier(content, "application") if "application" in content else None,
        awaiting=_holder(office, content, "awaiting"),
        before=None if before is None else int(before[:18]),
        limit=_limit(content),
    )
    now = state.clock.now()
    return JSONResponse(
        await state.database(
            lambda connection: listing.page_of_acts(connection, office, wanted, at=now)
        )
    )


async def open_application(request: Request) -> Response:
    """Put an application on record."""
    state, office, content = await asked(request)
    now = state.clock.now()

    def work(connection: Connection) -> tuple[dict[str, object], bool]:
        found, is_new = applications.open_application(connection, office, content, at=now)
        return applications.as_json(connection, found), is_new

    application, is_new = await state.database(work)
    return JSONResponse(application, 201 if is_new else 200)


async def one_application(request: Request) -> Response:
    """Give one application."""
    state = state_of(request)
    _prove(state, request)
    identifier = uuid_of(request.path_params["application"], "application")
    return JSONResponse(
        await state.database(
            lambda connection: applications.as_json(
                connection, applications.find(connection, identifier)
            )
        )
    )


async def query_applications(request: Request) -> Response:
    """Give applications, newest first."""
    state, office, content = await asked(request)
    fields.only(content, ("holder", "state", "limit"))
    holder, limit = _holder(office, content, "holder"), _limit(content)
    states = ("open", "approved", "declined", "enrolled")
    wanted = fields.word(content, "state", states) if "state" in content else None

    def work(connection: Connection) -> list[dict[str, object]]:
        found = applications.search(connection, holder=holder, state=wanted, limit=limit)
        return [applications.as_json(connection, one) for one in found]

    return JSONResponse({"applications": await state.database(work)})


async def enrol(request: Request) -> Response:
    """Certify a phone by the code of an application."""
    state, content = state_of(request), await read_json(request)
    number, code = text_of(content, "number", longest=20), text_of(content, "code", longest=40)
    given = given_of(content, enrolment_of(content))
    office, now = office_of(state), state.clock.now()
    result = await state.database(
        lambda connection: enrolment.enrol(
            connection, office, issue_of(state), given, number=number, code=code, at=now
        )
    )
    log.info("ra_enrolment device=%s", result.enrolled.device_id)
    return JSONResponse(enrolled_json(result), headers={"Cache-Control": "no-store"})


def enrolment_of(content: Mapping[str, Any], device_key: bytes | None = None) -> Enrolment:
    """Return what a phone sends to be enrolled."""
    return Enrolment(
        bytes_of(content.get("authenticationRequest"), "authenticationRequest"),
        bytes_of(content.get("signatureRequest"), "signatureRequest"),
        bytes_of(content.get("deviceKey"), "deviceKey") if device_key is None else device_key,
        halves_of(content),
    )


def given_of(content: Mapping[str, Any], sent: Enrolment) -> enrolment.Given:
    """Check it; what stands for the whole of it leaves the code and the proof out."""
    named = {name: value for name, value in content.items() if name not in ("code", "proof")}
    return enrolment.read(sent, named)


def enrolled_json(result: enrolment.Result) -> dict[str, Any]:
    """Return what a phone is answered."""
    enrolled = result.enrolled
    return {
        "device": enrolled.device_id,
        "person": {
            "surname": result.person.surname,
            "given_name": result.person.given_name,
            "phone": result.person.phone,
        },
        "authentication": base64.b64encode(enrolled.authentication).decode(),
        "signature": base64.b64encode(enrolled.signature).decode(),
        "chain": [base64.b64encode(one).decode() for one in enrolled.chain],
    }


def issue_of(state: State) -> enrolment.Issue:
    """Return how this service certifies a phone."""
    centre = Centre(state.config.issuance, state.config.keystore, state.config.pki)

    return centre.issue_person


async def own_act(request: Request) -> Response:
    """Hold or revoke a person's own certificates."""
    state, office, content = await asked(request)
    now = state.clock.now()

    def work(connection: Connection) -> dict[str, Any]:
        act = own.act_on_own(connection, office, content, at=now)
        return listing.view(connection, office, act, at=now)

    return JSONResponse(await state.database(work))


async def compromise_challenge(request: Request) -> Response:
    """Give bytes for the holder of a key to sign."""
    state = state_of(request)
    given = compromise.challenge(office_of(state), at=state.clock.now())
    return JSONResponse({"challenge": base64.b64encode(given).decode()})


async def key_compromise(request: Request) -> Response:
    """Revoke what a proven key was certified in."""
    state, content = state_of(request), await read_json(request)
    fields.only(content, ("certificate", "serial", "request", "challenge", "signature"))
    if ("certificate" in content) == ("serial" in content):
        raise fields.wrong("certificate")
    if "request" in content:
        proof = Proof(request=bytes_of(content["request"], "request"))
    else:
        proof = Proof(
            challenge=bytes_of(content.get("challenge"), "challenge", longest=200),
            signature=bytes_of(content.get("signature"), "signature", longest=2000),
        )
    office, now = office_of(state), state.clock.now()

    def work(connection: Connection) -> list[str]:
        if "serial" in content:
            (serial,) = fields.serials({"serial": [content["serial"]]}, "serial")
        else:
            encoded = bytes_of(content["certificate"], "certificate", longest=20_000)
            serial = compromise.serial_of(connection, encoded)
        return compromise.revoke_by_proof(connection, office, serial, proof, at=now)

    return JSONResponse({"revoked": await state.database(work)})


async def mass_preview(request: Request) -> Response:
    """Tell what a selection finds; nothing changes."""
    state, _, content = await asked(request)
    fields.only(content, ("selection", "reason"))
    if "reason" in content:
        fields.word(content, "reason", REASONS)
    now = state.clock.now()
    selection = mass.read(fields.mapping(content, "selection"), at=now)
    return JSONResponse(
        await state.database(lambda connection: mass.preview(connection, selection, at=now))
    )


async def certificates(request: Request) -> Response:
    """Give certificates with their history."""
    state, office, content = await asked(request)
    fields.only(content, ("holder", "serials"))
    holder = _holder(office, content, "holder")
    serials = fields.serials(content, most=MOST_ASKED)
    if (holder is None) == (not serials):
        raise fields.wrong("holder")
    now = state.clock.now()
    found = await state.database(
        lambda connection: listing.certificates(connection, holder=holder, serials=serials, at=now)
    )
    return JSONResponse({"certificates": found})


async def devices(request: Request) -> Response:
    """Give a person's phones with the state of their PINs."""
    state, office, content = await asked(request)
    fields.only(content, ("holder",))
    holder = office.holder(fields.fin(content, "holder"))
    found = await state.database(lambda connection: phones.listing(connection, holder))
    return JSONResponse({"devices": found})


async def remote_keys_of(request: Request) -> Response:
    """Give a person's keys in the centre with the state of their PINs."""
    state, office, content = await asked(request)
    fields.only(content, ("holder",))
    holder = office.holder(fields.fin(content, "holder"))
    found = await state.database(lambda connection: remote_keys.listing(connection, holder))
    return JSONResponse({"remote_keys": found})


async def all_officers(request: Request) -> Response:
    """Give the officers."""
    state = state_of(request)
    _prove(state, request)
    office = office_of(state)
    found = await state.database(lambda connection: officers.listing(connection, office))
    return JSONResponse({"officers": found})


def _holder(office: Office, content: Mapping[str, Any], name: str) -> str | None:
    if content.get(name) is None:
        return None
    return office.holder(fields.fin(content, name))


def _limit(content: Mapping[str, Any]) -> int:
    return fields.number(content, "limit", least=1, most=100) if "limit" in content else 50


@asynccontextmanager
async def carrying_on(state: State) -> AsyncIterator[None]:
    """Go on with mass revocations under way while the application runs."""

    def batch() -> bool:
        with state.pool.connection() as connection:
            return mass.advance(connection, at=state.clock.now())

    async def forever() -> None:
        while True:
            try:
                is_busy = await run_in_threadpool(batch)
            except Exception:
                log.exception("mass_revocation_failed")
                is_busy = False
            await asyncio.sleep(0 if is_busy else LOOKED_EVERY_S)

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


routes = [
    Route("/ra/acts", open_act, methods=["POST"], name="ra_open"),
    Route("/ra/acts/query", query_acts, methods=["POST"], name="ra_acts"),
    Route("/ra/acts/{act}", one_act, name="ra_act"),
    Route("/ra/acts/{act}/approvals", approve, methods=["POST"], name="ra_approve"),
    Route("/ra/acts/{act}/withdraw", withdraw, methods=["POST"], name="ra_withdraw"),
    Route("/ra/applications", open_application, methods=["POST"], name="ra_apply"),
    Route("/ra/applications/query", query_applications, methods=["POST"], name="ra_applications"),
    Route("/ra/applications/{application}", one_application, name="ra_application"),
    Route("/ra/enrolments", enrol, methods=["POST"], name="ra_enrol"),
    Route("/ra/own", own_act, methods=["POST"], name="ra_own"),
    Route(
        "/ra/key-compromise/challenge",
        compromise_challenge,
        methods=["POST"],
        name="ra_compromise_challenge",
    ),
    Route("/ra/key-compromise", key_compromise, methods=["POST"], name="ra_compromise"),
    Route("/ra/mass/preview", mass_preview, methods=["POST"], name="ra_mass_preview"),
    Route("/ra/certificates", certificates, methods=["POST"], name="ra_certificates"),
    Route("/ra/devices", devices, methods=["POST"], name="ra_devices"),
    Route("/ra/remote-keys", remote_keys_of, methods=["POST"], name="ra_remote_keys"),
    Route("/ra/officers", all_officers, name="ra_officers"),
]
