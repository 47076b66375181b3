"""`/.well-known/est/...`: RFC 7030, for machines that know EST and not ACME.

A first certificate is asked for with the id and key of a binding (HTTP Basic), a further one with
the TLS certificate in force. A label in the path names the profile.
"""

import base64
import binascii
import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pencere.kernel.errors import Invalid, PencereError, Refused
from pencere.trust import der, store
from pencere.trust.acme import bindings, identifiers, requests
from pencere.trust.acme.bindings import PROFILES
from pencere.trust.acme.enrolment import Wanted, names_of, reference_of
from pencere.trust.contents import ATTRIBUTES
from pencere.trust.server.bodies import read_body
from pencere.trust.server.machines import Machines, machines_of
from pencere.trust.validation import validate_chain

log = logging.getLogger(__name__)

DEFAULT_PROFILE = "tls-node"
# The same request within this time is answered with the same certificate.
SAME_FOR = timedelta(hours=24)
_EC_KEY, _P256, _ECDSA_SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"


def _guarded(work: Callable[[Machines, Request, bytes], Response]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        machines = machines_of(request)
        try:
            body = await read_body(request, 2 * requests.LARGEST)
            return await run_in_threadpool(work, machines, request, body)
        except Exception as error:
            return _refusal(error)

    return endpoint


def _refusal(error: Exception) -> Response:
    if isinstance(error, PencereError) and (error.status < 500 or hasattr(error, "http_status")):
        log.info("est_refused error=%s", error)
        if error.code == "est.unproven":
            headers = {"WWW-Authenticate": 'Basic realm="est", charset="UTF-8"'}
            return PlainTextResponse(f"{error.code}\n", 401, headers)
        return PlainTextResponse(f"{error}\n", getattr(error, "http_status", error.status))
    if isinstance(error, psycopg.OperationalError):
        return PlainTextResponse("database.unavailable\n", 503, {"Retry-After": "5"})
    incident = uuid.uuid4()
    log.error("incident=%s", incident, exc_info=error)
    return PlainTextResponse(f"incident {incident}\n", 500)


def authorities(machines: Machines, _request: Request, _body: bytes) -> Response:
    """Give the root and the issuing authority (section 4.1)."""
    return _certificates([*machines.enrolment.chain(), machines.root])


def attributes(_machines: Machines, _request: Request, _body: bytes) -> Response:
    """Say what a request should hold: a P-256 key, ECDSA with SHA-256 (section 4.5)."""
    curve = der.tlv(0x31, der.object_identifier(_P256))
    encoded = der.sequence(
        der.sequence(der.object_identifier(_EC_KEY), curve), der.object_identifier(_ECDSA_SHA256)
    )
    return _base64(encoded, "application/csrattrs")


def enroll(machines: Machines, request: Request, body: bytes) -> Response:
    """Certify a key for a registered system (section 4.2.1)."""
    profile = _profile(request)
    with machines.connect() as connection:
        binding = _binding_of(machines, connection, request)
        if profile not in binding.profiles:
            raise Refused("est.profile", profile=profile)
        asked = _read(body)
        names = sorted(asked.names)
        if not names:
            raise Invalid("est.names")
        identifiers.check_permitted(names, binding.identifiers)
    subject = machines.enrolment.subject(binding, profile, names)
    return _certify(machines, Wanted(profile, subject, names, asked))


def reenroll(machines: Machines, request: Request, body: bytes) -> Response:
    """Certify a key for the machine whose certificate the connection shows (section 4.2.2)."""
    asked, own = _read(body), _client(machines, request)
    with machines.connect() as connection:
        row = connection.execute(
            "select c.profile, r.serial from trust.certificate c left join trust.revocation r"
            " using (serial) where c.serial = %s and c.encoded = %s and c.state = 'issued'",
            (store.serial_bytes(own.serial_number), own.public_bytes(Encoding.DER)),
        ).fetchone()
    if row is None or row[1] is not None or row[0] not in PROFILES:
        raise Refused("est.client_certificate")
    root, above = machines.root, machines.enrolment.chain()
    validate_chain(own, above, [root], machines.clock.now(), row[0])
    names = names_of(own)
    has_other_subject = bool(list(asked.subject)) and asked.subject != own.subject
    if asked.names != names or has_other_subject:
        raise Invalid("est.names")
    subject = {
        name: str(own.subject.get_attributes_for_oid(oid)[0].value)
        for name, oid in ATTRIBUTES.items()
        if own.subject.get_attributes_for_oid(oid)
    }
    return _certify(machines, Wanted(row[0], subject, sorted(names), asked))


def _certify(machines: Machines, wanted: Wanted) -> Response:
    since = machines.clock.now() - SAME_FOR
    about = f"{wanted.profile} {wanted.subject['organization_identifier']}"
    reference = reference_of("est", about, wanted.request.encoded)
    with machines.connect() as connection:
        # Two copies of one request wait for each other, so the second finds the first's.
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 7030))", (reference.hex(),)
        )
        certificate = machines.enrolment.certify(connection, wanted, reference, since=since)
    return _certificates([certificate])


def _binding_of(
    machines: Machines, connection: store.Connection, request: Request
) -> bindings.Binding:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Refused("est.unproven") from error
    if scheme.lower() != "basic" or len(name) > 100 or len(secret) > 200:
        raise Refused("est.unproven")
    binding = bindings.authenticate(
        connection, machines.keys, name, secret, at=machines.clock.now()
    )
    if binding is None:
        raise Refused("est.unproven")
    return binding


def _client(machines: Machines, request: Request) -> x509.Certificate:
    shown = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or []
    if not shown:
        raise Refused("est.unproven")
    return x509.load_pem_x509_certificate(shown[0].encode())


def _read(body: bytes) -> requests.MachineRequest:
    try:
        encoded = base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("est.base64") from error
    return requests.read(encoded)


def _profile(request: Request) -> str:
    label = str(request.path_params.get("label", DEFAULT_PROFILE))
    if label not in PROFILES:
        raise Invalid("est.label", allowed=" ".join(PROFILES))
    return label


def _certificates(certificates: list[x509.Certificate]) -> Response:
    encoded = pkcs7.serialize_certificates(certificates, Encoding.DER)
    return _base64(encoded, "application/pkcs7-mime; smime-type=certs-only")


def _base64(encoded: bytes, media_type: str) -> Response:
    text = base64.encodebytes(encoded)
    return Response(
        text, headers={"Content-Type": media_type, "Content-Transfer-Encoding": "base64"}
    )


_OPERATIONS = (
    ("cacerts", authorities, "GET"),
    ("csrattrs", attributes, "GET"),
    ("simpleenroll", enroll, "POST"),
    ("simplereenroll", reenroll, "POST"),
)
routes = [
    Route(f"/.well-known/est/{label}{name}", _guarded(work), methods=[method], name=f"est_{name}")
    for name, work, method in _OPERATIONS
    for label in ("", "{label}/")
]
