"""What both versions of the interface do alike: authorise, extend, sign digests, time-stamp."""

import base64
from collections.abc import Mapping
from typing import Any

from asn1crypto import algos, tsp
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pencere.kernel.errors import Invalid, PencereError, Refused
from pencere.trust.remote import consents, phone, vault
from pencere.trust.remote.activation import Activations, Grant, Target
from pencere.trust.remote.callers import Caller
from pencere.trust.remote.mechanisms import HASH_OIDS, RSA, Mechanism, hash_name_of, read_mechanism
from pencere.trust.server.bodies import bytes_of, read_json, text_of
from pencere.trust.server.csc_credential import (
    LARGEST_REQUEST,
    Credential,
    Use,
    caller_of,
    credential_of,
    digests_of,
    open_key,
    status_of,
)
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

LONGEST_DESCRIPTION = 500

# `rsaEncryption` with a hash named beside it, by the one identifier that says both.
SPECIFIC = {
    (RSA, "SHA256"): "1.2.840.113549.1.1.11",
    (RSA, "SHA384"): "1.2.840.113549.1.1.12",
    (RSA, "SHA512"): "1.2.840.113549.1.1.13",
}


def target_of(content: Mapping[str, Any], credential: Credential) -> Target:
    """Return what a caller wants activation data for; the number must be that of the digests."""
    digests = digests_of(content)
    if content.get("numSignatures") != len(digests):
        raise Invalid("request.field", field="numSignatures")
    named = content.get("hashAlgorithmOID", content.get("hashAlgo"))
    target = Target(credential.id, digests)
    if named is not None and hash_name_of(named) != target.hash_name:
        raise Invalid("request.field", field="hashAlgorithmOID")
    return target


def issue(
    connection: Connection, state: State, caller: Caller, target: Target, own: bytes | None
) -> dict[str, Any]:
    """Issue activation data and return the answer to `credentials/authorize`."""
    activations = Activations(connection, state.wrapping, state.clock.now())
    data, expires_in = activations.issue(target, Grant(caller.client, own))
    return {"SAD": data, "expiresIn": expires_in}


def authorize_person(  # noqa: PLR0913, PLR0917 -- two factors, and for whom
    connection: Connection,
    state: State,
    caller: Caller,
    remote: vault.RemoteCredential,
    target: Target,
    factors: tuple[str, str],
) -> dict[str, Any]:
    """Issue activation data for PIN and code; a refusal is put on record.

    The code comes first: without the phone nobody can use up the tries of the PIN.
    """
    now, wrapping = state.clock.now(), state.remote()
    try:
        consents.refuse_not_in_force(connection, remote.serial, at=now)
        phone.use_code(connection, wrapping, remote.id, factors[1], at=now)
        own = vault.open_with_pin(connection, wrapping, remote.id, factors[0])
    except PencereError as error:
        Activations(connection, wrapping, now).declined(target, caller.client, error.code)
        raise
    return issue(connection, state, caller, target, own)


def authorize_seal(
    connection: Connection, state: State, caller: Caller, credential: Credential, target: Target
) -> dict[str, Any]:
    """Issue activation data to a body for its own seal: its token is what it proves itself by."""
    now = state.clock.now()
    if status_of(connection, credential, now) != "valid":
        Activations(connection, None, now).declined(target, caller.client, "credential.certificate")
        raise Invalid("credential.certificate")
    return issue(connection, state, caller, target, None)


async def send_code(request: Request) -> None:
    """Show a code on the phone of the credential's person."""
    state, content = state_of(request), await read_json(request, limit=LARGEST_REQUEST)
    caller, credential = await credential_of(request, content)
    remote = credential.remote
    if remote is None:
        raise Invalid("credential.implicit")

    def work(connection: Connection) -> None:
        phone.send_code(
            connection,
            state.remote(),
            credential=remote.id,
            device=phone.phone_of(connection, remote.holder),
            client=client_name(connection, caller),
            language=language_of(content),
            at=state.clock.now(),
        )

    await state.database(work)


async def extend(request: Request) -> Response:
    """Give new activation data for old (section 11.8 of version 1, 11.11 of version 2)."""
    state, content = state_of(request), await read_json(request, limit=LARGEST_REQUEST)
    _, credential = await credential_of(request, content)
    data = text_of(content, "SAD")
    digests = digests_of(content) if "hash" in content or "hashes" in content else None

    def work(connection: Connection) -> tuple[str, int]:
        activations = Activations(connection, state.wrapping, state.clock.now())
        return activations.extend(data, credential.id, digests)

    extended, expires_in = await state.database(work)
    return JSONResponse({"SAD": extended, "expiresIn": expires_in})


async def sign(request: Request, content: Mapping[str, Any]) -> list[str]:
    """Return the signatures over digests that were authorised, in their order, base64."""
    state = state_of(request)
    caller, credential = await credential_of(request, content)
    activation = activation_of(content, caller)
    digests = digests_of(content)
    mechanism = mechanism_of(content, credential)
    use = Use(state, caller, credential, activation, digests)

    def work() -> list[str]:
        with state.pool.connection() as connection:
            signing = open_key(use, mechanism, connection)
        return [base64.b64encode(signing(digest)).decode() for digest in digests]

    return await run_in_threadpool(work)


async def time_stamp(request: Request) -> Response:
    """Return a time-stamp token over a digest (section 11.10 of version 1)."""
    state, content = state_of(request), await read_json(request, limit=LARGEST_REQUEST)
    await caller_of(request)
    digest = bytes_of(content.get("hash"), "hash")
    oid = text_of(content, "hashAlgo")
    name = HASH_OIDS.get(oid)
    if name is None or len(digest) * 8 != int(name[3:]):
        raise Invalid("request.field", field="hashAlgo")
    asked: dict[str, Any] = {
        "version": "v1",
        "message_imprint": {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": oid}),
            "hashed_message": digest,
        },
        "cert_req": True,
    }
    if "nonce" in content:
        asked["nonce"] = _nonce(content["nonce"])
    encoded = tsp.TimeStampReq(asked).dump()
    answer = await run_in_threadpool(state.time_stamps.respond, encoded)
    response = tsp.TimeStampResp.load(answer)
    if response["status"]["status"].native != "granted":
        raise Invalid("timestamp.rejected")
    token = base64.b64encode(response["time_stamp_token"].dump()).decode()
    return JSONResponse({"timestamp": token})


def mechanism_of(content: Mapping[str, Any], credential: Credential) -> Mechanism:
    """Return the algorithm that a request names, in the words of either version."""
    return mechanism_of_kind(content, credential.kind)


def mechanism_of_kind(content: Mapping[str, Any], kind: str) -> Mechanism:
    """Return the algorithm that a request names for a key of this kind."""
    parameters = content.get("signAlgoParams")
    hash_algo = content.get("hashAlgorithmOID", content.get("hashAlgo"))
    if hash_algo is not None and not isinstance(hash_algo, str):
        raise Invalid("request.field", field="hashAlgo")
    return read_mechanism(
        kind,
        text_of(content, "signAlgo"),
        hash_algo,
        None if parameters is None else bytes_of(parameters, "signAlgoParams"),
    )


def activation_of(content: Mapping[str, Any], caller: Caller) -> str:
    """Return the activation data: in the body, or the token itself where it is that."""
    if "SAD" not in content and caller.activation is not None:
        return caller.activation
    return text_of(content, "SAD")


def language_of(content: Mapping[str, Any]) -> str:
    """Return the language asked for, of the three we have; Azerbaijani otherwise."""
    wanted = str(content.get("lang", "az"))[:2].lower()
    return wanted if wanted in ("az", "en", "ru") else "az"


def client_name(connection: Connection, caller: Caller) -> str:
    """Return the client's name as people see it."""
    row = connection.execute(
        "select name from trust.oauth_client where id = %s", (caller.client,)
    ).fetchone()
    if row is None:
        raise Refused("client.unknown")
    return str(row[0])


def _nonce(given: object) -> int:
    """Return a nonce; the interface sends it as hexadecimal text."""
    text = str(given).removeprefix("0x")
    try:
        nonce = int(text, 16)
    except ValueError as error:
        raise Invalid("request.field", field="nonce") from error
    if not 0 < len(text) <= 64:
        raise Invalid("request.field", field="nonce")
    return nonce
