"""Operations of SİMA: begun by a page, answered by the application, read by the page.

    begin     what is asked; the address for the QR code and the code to compare
    outcome   how far it is, for the page that waits

The application's two calls are in `calls`. An operation is found by its random name, which is in
the QR code; it is answered once and forgotten after an hour.
"""

import base64
import hashlib
import json
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings

from pencere.kernel.errors import Refused
from pencere.kernel.identifiers import Fin
from pencere.trust import sima
from pencere.trust.mobile import Identity
from pencere.trust.sima import Client, Data, Operation, OperationType
from pencere.web.people.models.sima_operation import SimaOperation
from pencere.web.people.vault import vault
from pencere.web.static_files import static_url

log = logging.getLogger("pencere.web.identity")

LIFETIME = timedelta(minutes=5)
EARLIER = timedelta(seconds=30)  # a telephone's clock may be behind ours

WAITING, ANSWERED = "", "answered"
CLIENT = "pencere-portal"
FILE, CALLBACK = "/sima/GetFile/", "/sima/Callback/"


@dataclass(frozen=True, slots=True)
class Begun:
    """What the page shows: the address in the QR code, and the code to compare."""

    operation: str
    address: str
    code: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A verified answer. `attributes` are the signed attributes of a signature; DER."""

    identity: Identity
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    signature: bytes
    attributes: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be signed, and under which name the person sees it. `signer` alone may."""

    content: bytes
    name: str
    signer: Fin


def begin(*, document: Document | None, back: str, at: datetime) -> Begun:
    """Ask for a sign-in, or for a signature over a document. `back` is the path of the page.

    The signer's personal number stays here: the container is part of an address, and none may
    stand in one. Who answers is compared with it when the application calls.
    """
    name, host = secrets.token_hex(16), settings.INSTALLATION.address("portal")
    kind = OperationType.AUTH if document is None else OperationType.SIGN
    operation = Operation(kind, name, at - EARLIER, at + LIFETIME)
    client = Client(
        id=CLIENT,
        name=settings.RELYING_PARTY_NAME,
        icon=f"{host}{static_url('window.svg')}",
        callback=f"{host}{CALLBACK}",
        redirect=f"{host}{back}",
        host=urlsplit(host).netloc,
    )
    facts: dict[str, Any] = {"signer": "", "name": "", "content": "", "data": ""}
    fingerprint = None
    if document is None:
        data = sima.authentication_data(name, client.host, secrets.token_bytes(32))
        facts["data"] = encode(data)
    else:
        fingerprint = Data(f"{host}{FILE}", sha256_of(document.content))
        facts |= {
            "signer": document.signer,
            "name": document.name,
            "content": encode(document.content),
        }
    container = sima.write(operation, client, secret(), fingerprint)
    facts["container"] = encode(container)
    SimaOperation.objects.create(
        operation=name,
        kind=kind.value,
        sealed=seal(facts, name),
        begun_at=at,
        expires_at=at + LIFETIME,
    )
    log.info("sima_begun kind=%s", kind.value)
    code = sima.read(container, lambda _client: secret()).code
    return Begun(name, sima.file_address(f"{host}{FILE}", container), code)


def outcome(name: str, *, at: datetime) -> Answered | None:
    """Return the answer, None while there is none.

    Raises:
        Refused: `sima.expired`, `sima.session_over`, or why the application's answer was refused.
    """
    row = SimaOperation.objects.filter(operation=name).first()
    if row is None:
        raise Refused("sima.session_over")
    if row.outcome == WAITING:
        if at >= row.expires_at:
            raise Refused("sima.expired")
        return None
    if row.outcome != ANSWERED:
        raise Refused(row.outcome)
    facts = unseal(row)
    chain = tuple(x509.load_der_x509_certificate(decode(one)) for one in facts["chain"])
    return Answered(
        Identity(Fin(facts["fin"]), facts["surname"], facts["given_name"]),
        chain[0],
        chain,
        decode(facts["signature"]),
        decode(facts.get("attributes", "")),
    )


def forget(*, before: datetime) -> int:
    """Delete operations begun before; return how many."""
    return SimaOperation.objects.filter(begun_at__lt=before).delete()[0]


def secret() -> str:
    """Return the secret agreed with SİMA."""
    agreed: str = settings.INSTALLATION.secret(f"sima/{CLIENT}")
    return agreed


def seal(facts: dict[str, Any], name: str) -> bytes:
    """Seal facts for the row of this operation."""
    return vault().seal_bytes(json.dumps(facts).encode(), name.encode())


def unseal(row: SimaOperation) -> dict[str, Any]:
    """Return the facts of a row."""
    facts: dict[str, Any] = json.loads(
        vault().open_bytes(bytes(row.sealed), row.operation.encode())
    )
    return facts


def sha256_of(content: bytes) -> bytes:
    """Return the digest of bytes."""
    return hashlib.sha256(content).digest()


def encode(content: bytes) -> str:
    """Return bytes as text for JSON."""
    return base64.b64encode(content).decode()


def decode(text: str) -> bytes:
    """Return what `encode` made a text of."""
    return base64.b64decode(text)
