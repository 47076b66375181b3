"""A credential as its caller may see and use it: a body's seal, or a person's key.

Shared by both versions of the interface, which differ in how they name things.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request

from pencere.kernel.errors import Invalid, Missing, PencereError, Refused
from pencere.trust import credentials, store
from pencere.trust.issuance import add_leaf
from pencere.trust.remote import callers, vault
from pencere.trust.remote.activation import MOST_DIGESTS, Activations, Grant, Target, mark
from pencere.trust.remote.callers import Caller
from pencere.trust.remote.mechanisms import HASHES, OFFERED, Mechanism
from pencere.trust.server.bodies import bearer_of, bytes_of
from pencere.trust.server.state import State, state_of
from pencere.trust.store import Connection

# An entry of the log has at most 65,535 octets.
_DIGESTS_A_LEAF = 250

CURVE_P256 = "1.2.840.10045.3.1.7"
LARGEST_REQUEST = 4 * 1024 * 1024
LONGEST_ID = 100

Signing = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Credential:
    """A key that may be used from afar. `remote` is None for a seal of a body."""

    id: str
    description: str
    kind: str
    certificates: tuple[x509.Certificate, ...]
    seal_key: str | None = None
    remote: vault.RemoteCredential | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return self.certificates[0]


async def caller_of(request: Request) -> Caller:
    """Return who asks; Refused `credential.token` when the token is nobody's."""
    state, token = state_of(request), bearer_of(request)
    return await state.database(
        lambda connection: callers.of_token(connection, token, at=state.clock.now())
    )


async def credential_of(request: Request, content: Mapping[str, Any]) -> tuple[Caller, Credential]:
    """Return who asks and the credential they name, if it is theirs to use.

    Raises:
        Invalid: `credential.other`: there is none, or it is another's; they look alike.
    """
    state, token, named = state_of(request), bearer_of(request), content.get("credentialID")

    def work(connection: Connection) -> tuple[Caller, Credential]:
        caller = callers.of_token(connection, token, at=state.clock.now())
        if not isinstance(named, str) or not 1 <= len(named) <= LONGEST_ID:
            raise Invalid("request.field", field="credentialID")
        return caller, find(connection, state, caller, named)

    return await state.database(work)


def find(connection: Connection, state: State, caller: Caller, named: str) -> Credential:
    """Return a credential that the caller may use."""
    if named in caller.seals:
        seal = credentials.find(connection, named)
        if seal is not None:
            signer = state.seal(seal.key_name)
            return Credential(
                seal.id,
                seal.holder,
                signer.algorithm.name,
                (signer.certificate, *signer.chain),
                seal_key=seal.key_name,
            )
    try:
        remote = vault.find(connection, named)
    except Missing as error:
        raise Invalid("credential.other") from error
    if remote.holder != caller.holder and remote.id != caller.credential:
        raise Invalid("credential.other")
    return of_person(connection, state, remote)


def of_person(connection: Connection, state: State, remote: vault.RemoteCredential) -> Credential:
    """Return a person's credential with its certificates."""
    certificate = x509.load_der_x509_certificate(store.certificate(connection, remote.serial))
    issuer = state.certificates["issuing-person"]
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Credential(
        remote.id,
        str(names[0].value) if names else remote.id,
        remote.algorithm,
        (certificate, issuer),
        remote=remote,
    )


def describe(
    connection: Connection, credential: Credential, content: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """Return what both versions say of a credential: key, certificate, SCAL, multisign."""
    wanted = str(content.get("certificates", "single"))
    certificates = credential.certificates
    kept = {"none": (), "single": certificates[:1], "chain": certificates}.get(wanted)
    if kept is None:
        raise Invalid("request.field", field="certificates")
    key: dict[str, Any] = {
        "status": "enabled" if _is_open(credential) else "disabled",
        "algo": OFFERED[credential.kind],
    }
    public = credential.certificate.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        key |= {"len": public.curve.key_size, "curve": CURVE_P256}
    else:
        key["len"] = vault.RSA_BITS
    body: dict[str, Any] = {
        "description": credential.description,
        "key": key,
        "cert": {
            "status": status_of(connection, credential, at),
            "certificates": [base64.b64encode(_der(one)).decode() for one in kept],
        },
        "SCAL": "2",
        "multisign": MOST_DIGESTS,
        "lang": "az",
    }
    if content.get("certInfo") is True:
        one = credential.certificate
        body["cert"] |= {
            "issuerDN": one.issuer.rfc4514_string(),
            "serialNumber": f"{one.serial_number:x}",
            "subjectDN": one.subject.rfc4514_string(),
            "validFrom": f"{one.not_valid_before_utc:%Y%m%d%H%M%SZ}",
            "validTo": f"{one.not_valid_after_utc:%Y%m%d%H%M%SZ}",
        }
    return body


def status_of(connection: Connection, credential: Credential, at: datetime) -> str:
    """Return the status of the certificate in the words of the interface."""
    certificate = credential.certificate
    if at > certificate.not_valid_after_utc or at < certificate.not_valid_before_utc:
        return "expired"
    issuer = "issuing-person" if credential.remote else "issuing-seal"
    status = store.status(connection, issuer, certificate.serial_number)
    if status is None:
        return "revoked"
    if status.revoked_at is not None:
        return "suspended" if status.is_held else "revoked"
    return "valid"


def digests_of(content: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return the digests of a request: `hash` of version 1, `hashes` of version 2."""
    field = "hashes" if "hashes" in content else "hash"
    given = content.get(field)
    if isinstance(given, str):  # one alone, as some clients of version 1 send it
        given = [given]
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_DIGESTS:
        raise Invalid("request.field", field=field)
    digests = tuple(bytes_of(one, field) for one in given)
    try:
        Target("", digests)
    except Invalid as error:
        raise Invalid("request.field", field=field) from error
    return digests


@dataclass(frozen=True)
class Use:
    """One use of a credential: who, with which activation data, for which digests."""

    state: State
    caller: Caller
    credential: Credential
    activation: str
    digests: tuple[bytes, ...]


def open_key(use: Use, mechanism: Mechanism, connection: Connection) -> Signing:
    """Use activation data up and return what signs a digest; the fact is on record before.

    Raises:
        Refused: what `Activations.use` raises.
        Invalid: `credential.certificate`: not in force; the activation data is used up.
    """
    state, credential, now = use.state, use.credential, use.state.clock.now()
    target = Target(credential.id, use.digests)
    activations = Activations(connection, state.wrapping, now)
    if mechanism.hash_name != target.hash_name:
        raise Invalid("request.field", field="hashAlgo")
    grant = activations.use(use.activation, target)
    if status_of(connection, credential, now) != "valid":
        _refuse(activations, target, use.activation, Invalid("credential.certificate"))
    sign = _signing(connection, state, credential, grant, mechanism)
    if sign is None:
        _refuse(activations, target, use.activation, Refused("credential.activation"))
    salt = credentials.digest_of(use.activation)
    for first in range(0, len(use.digests), _DIGESTS_A_LEAF):
        add_leaf(
            connection,
            "signature" if credential.remote else "seal",
            {
                "activation": salt.hex(),
                "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "credential": mark(credential.id, salt),
                "digests": [
                    _noted(credential, digest, salt)
                    for digest in use.digests[first : first + _DIGESTS_A_LEAF]
                ],
            },
        )
    connection.commit()
    return sign


def _noted(credential: Credential, digest: bytes, salt: bytes) -> str:
    """Return how the log names a digest: a person's only so that who has it can recognise it."""
    if credential.remote is None:
        return digest.hex()
    return hashlib.sha256(salt + digest).hexdigest()


def digest_with(hash_name: str, data: bytes) -> bytes:
    """Return the digest of bytes under our name of a hash."""
    digest = hashes.Hash(HASHES[hash_name])
    digest.update(data)
    return digest.finalize()


def _signing(
    connection: Connection,
    state: State,
    credential: Credential,
    grant: Grant,
    mechanism: Mechanism,
) -> Signing | None:
    if credential.seal_key is not None:
        if mechanism.is_pss or mechanism.hash_name != "SHA256":
            raise Invalid("request.field", field="signAlgo")
        return state.seal(credential.seal_key).sign_digest
    if grant.own is None:
        return None
    key = vault.private_key(connection, credential.id, grant.own)
    return lambda digest: mechanism.sign(key, digest)


def _refuse(
    activations: Activations, target: Target, activation: str, error: PencereError
) -> NoReturn:
    try:
        activations.refused(target, activation)
    except Refused:
        raise error from None


def _is_open(credential: Credential) -> bool:
    return credential.remote is None or credential.remote.pin_tries_left > 0


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def page_of(content: Mapping[str, Any], found: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the part of a list that `maxResults` and `pageToken` ask for, and what follows.

    Raises:
        Invalid: `request.field`.
    """
    most, after = content.get("maxResults", 100), content.get("pageToken", "")
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise Invalid("request.field", field="maxResults")
    if not isinstance(after, str) or (after and after not in found):
        raise Invalid("request.field", field="pageToken")
    begin = found.index(after) + 1 if after else 0
    part = list(found[begin : begin + min(most, 100)])
    is_more = begin + len(part) < len(found)
    return part, part[-1] if is_more and part else None
