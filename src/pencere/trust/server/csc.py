"""`/csc/v1/...`: seals of bodies, Cloud Signature Consortium API 1.0.4.0."""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid
from pencere.trust import credentials, store
from pencere.trust.credentials import ACTIVATION_LIFETIME, MOST_DIGESTS, Credential
from pencere.trust.issuance import add_leaf
from pencere.trust.server.bodies import bearer_of, bytes_of, read_json, text_of
from pencere.trust.server.state import State, state_of

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
SHA256 = "2.16.840.1.101.3.4.2.1"


async def _credential(request: Request, content: Mapping[str, Any]) -> Credential:
    """Return the credential of the token, which must be the one named, when one is named."""
    state = state_of(request)
    token = bearer_of(request)
    found = await state.database(lambda connection: credentials.of_token(connection, token))
    if "credentialID" in content and content["credentialID"] != found.id:
        raise Invalid("credential.other")
    return found


def _digests(content: Mapping[str, Any]) -> list[bytes]:
    given = content.get("hash")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_DIGESTS:
        raise Invalid("request.field", field="hash")
    return [bytes_of(one, "hash") for one in given]


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
            "authType": ["external"],
            "methods": [
                "credentials/list",
                "credentials/info",
                "credentials/authorize",
                "signatures/signHash",
            ],
        }
    )


async def listing(request: Request) -> Response:
    """List the credentials of the token: one (section 11.4)."""
    credential = await _credential(request, {})
    return JSONResponse({"credentialIDs": [credential.id]})


async def details(request: Request) -> Response:
    """Describe a credential (section 11.5)."""
    state = state_of(request)
    content = await read_json(request)
    text_of(content, "credentialID")
    credential = await _credential(request, content)
    signer = await run_in_threadpool(state.seal, credential.key_name)
    certificates = [signer.certificate, *signer.chain]
    wanted = content.get("certificates", "single")
    kept = {"none": [], "single": certificates[:1], "chain": certificates}.get(str(wanted))
    if kept is None:
        raise Invalid("request.field", field="certificates")
    body: dict[str, Any] = {
        "description": credential.holder,
        "key": {
            "status": "enabled",
            "algo": [ECDSA_SHA256],
            "len": getattr(signer.public_key, "key_size", 0),
            "curve": "1.2.840.10045.3.1.7",
        },
        "cert": {
            "status": _certificate_status(signer.certificate, state),
            "certificates": [
                base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in kept
            ],
        },
        "authMode": "implicit",
        "SCAL": "2",
        "multisign": MOST_DIGESTS,
        "lang": "az",
    }
    if content.get("certInfo") is True:
        certificate = signer.certificate
        body["cert"] |= {
            "issuerDN": certificate.issuer.rfc4514_string(),
            "serialNumber": f"{certificate.serial_number:x}",
            "subjectDN": certificate.subject.rfc4514_string(),
            "validFrom": f"{certificate.not_valid_before_utc:%Y%m%d%H%M%SZ}",
            "validTo": f"{certificate.not_valid_after_utc:%Y%m%d%H%M%SZ}",
        }
    return JSONResponse(body)


def _certificate_status(certificate: x509.Certificate, state: State) -> str:
    is_valid = (
        certificate.not_valid_before_utc <= state.clock.now() <= certificate.not_valid_after_utc
    )
    return "valid" if is_valid else "expired"


async def authorize(request: Request) -> Response:
    """Give activation data for exactly these digests, to be used once (section 11.6)."""
    state = state_of(request)
    content = await read_json(request)
    credential = await _credential(request, content)
    text_of(content, "credentialID")
    digests = _digests(content)
    if content.get("numSignatures") != len(digests):
        raise Invalid("request.field", field="numSignatures")
    activation = await state.database(
        lambda connection: credentials.activate(
            connection, credential, digests, at=state.clock.now()
        )
    )
    return JSONResponse({"SAD": activation, "expiresIn": int(ACTIVATION_LIFETIME.total_seconds())})


async def sign_hash(request: Request) -> Response:
    """Sign digests that were authorised (section 11.9)."""
    state = state_of(request)
    content = await read_json(request)
    credential = await _credential(request, content)
    text_of(content, "credentialID")
    activation, digests = text_of(content, "SAD"), _digests(content)
    if content.get("signAlgo") != ECDSA_SHA256:
        raise Invalid("request.field", field="signAlgo")
    if content.get("hashAlgo", SHA256) != SHA256:
        raise Invalid("request.field", field="hashAlgo")

    def work(connection: store.Connection) -> list[bytes]:
        now = state.clock.now()
        credentials.use(connection, credential, activation, digests, at=now)
        signer = state.seal(credential.key_name)
        _refuse_dead(
            connection,
            signer.certificate,
            now_valid=_certificate_status(signer.certificate, state) == "valid",
        )
        add_leaf(
            connection,
            "seal",
            {
                "activation": credentials.digest_of(activation).hex(),
                "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "credential": credential.id,
                "digests": [digest.hex() for digest in digests],
            },
        )
        connection.commit()
        return [signer.sign_digest(digest) for digest in digests]

    signatures = await state.database(work)
    return JSONResponse(
        {"signatures": [base64.b64encode(signature).decode() for signature in signatures]}
    )


def _refuse_dead(
    connection: store.Connection, certificate: x509.Certificate, *, now_valid: bool
) -> None:
    status = store.status(connection, "issuing-seal", certificate.serial_number)
    if not now_valid or status is None or status.revoked_at is not None:
        raise Invalid("credential.certificate")


routes = [
    Route("/csc/v1/info", service, methods=["POST"], name="csc_info"),
    Route("/csc/v1/credentials/list", listing, methods=["POST"], name="csc_list"),
    Route("/csc/v1/credentials/info", details, methods=["POST"], name="csc_credential"),
    Route("/csc/v1/credentials/authorize", authorize, methods=["POST"], name="csc_authorize"),
    Route("/csc/v1/signatures/signHash", sign_hash, methods=["POST"], name="csc_sign_hash"),
]
