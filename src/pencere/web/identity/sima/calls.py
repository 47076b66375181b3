"""What SİMA's application asks and answers. Every check is here; the views only carry.

A call proves by its signature that the sender holds the key of its certificate; the certificate
is followed to an anchor and its status asked, before anything is given out or taken in. What is
refused leaves the operation as it was, unless the certificate is the signer's own and no longer
in force: then the page that waits says so.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.trust import advanced, der, sima, sima_calls
from pencere.trust.mobile import Identity, identity_of
from pencere.trust.sima import Operation, OperationType
from pencere.web.identity.anchors import anchors_of_sima, status_source
from pencere.web.identity.sima.operations import (
    ANSWERED,
    WAITING,
    decode,
    encode,
    log,
    seal,
    secret,
    unseal,
)
from pencere.web.people.domain import limits
from pencere.web.people.models.sima_operation import SimaOperation

PER_OPERATION = limits.Limit("sima calls of", most=20, window=timedelta(minutes=10))
# Telephones of a whole operator, or the service behind the application, may share an address.
PER_ADDRESS = limits.Limit("sima calls from", most=20_000, window=timedelta(minutes=10))
_ENDS = {"certificate.revoked", "certificate.expired"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The row of an operation that waits, and its facts."""

    row: SimaOperation
    facts: dict[str, Any]
    kind: OperationType

    @property
    def operation(self) -> Operation:
        """The operation as the container has it."""
        container = sima.read(decode(self.facts["container"]), lambda _client: secret())
        return container.operation


@dataclass(frozen=True, slots=True)
class Known:
    """Who called, verified; `chain` begins with the certificate and has no anchor."""

    identity: Identity
    chain: tuple[x509.Certificate, ...]


def give_file(
    *, path: str, query: str, headers: Mapping[str, str], network_address: str, at: datetime
) -> dict[str, Any]:
    """Return what the application signs: `{"filename", "data"}`, and the document beside it.

    For a document `data` is the set of signed attributes (CAdES), made for the certificate of
    this first call; `document` is what they are about, so that the application can show it.

    Raises:
        PencereError: refused; nothing was given.
    """
    limits.count(PER_ADDRESS, network_address, at=at)
    document = sima.document_of(query)
    container = sima.read(document, lambda _client: secret())
    asked = _waiting(container.operation.id, at)
    if not hmac.compare_digest(document, decode(asked.facts["container"])):
        raise Invalid("sima.container", reason="another operation")
    certificate = sima_calls.certificate_of(headers, f"{path}?{query}".encode())
    _identify(asked, certificate, at)
    facts = _bind(asked, certificate, at)
    name = facts["name"] or f"challenge-{asked.row.operation[:8]}.txt"
    answer: dict[str, Any] = {"filename": name, "data": facts["data"]}
    if asked.kind is OperationType.SIGN:
        answer["document"] = {"filename": name, "data": facts["content"]}
    return answer


def take_answer(
    *, body: bytes, headers: Mapping[str, str], network_address: str, at: datetime
) -> None:
    """Verify the application's answer and keep it for the page that waits.

    Raises:
        Conflict: `sima.used`, the operation was answered before.
        PencereError: refused; the operation still waits.
    """
    limits.count(PER_ADDRESS, network_address, at=at)
    answer = sima_calls.read_answer(body)
    asked = _waiting(answer.operation, at)
    if answer.type is not asked.kind:
        raise Invalid("sima.call", reason="Type")
    certificate = sima_calls.certificate_of(headers, body)
    bound = asked.facts.get("certificate")
    if bound is None:
        raise Refused("sima.not_fetched")
    if decode(bound) != certificate.public_bytes(Encoding.DER):
        raise Refused("sima.another_certificate")
    answer.refuse_false(certificate, decode(asked.facts["data"]))
    known = _identify(asked, certificate, at)
    facts = asked.facts | {
        "fin": known.identity.fin,
        "surname": known.identity.surname,
        "given_name": known.identity.given_name,
        "signature": encode(answer.signature),
        "chain": [encode(one.public_bytes(Encoding.DER)) for one in known.chain],
    }
    with transaction.atomic():
        row = SimaOperation.objects.select_for_update().get(pk=asked.row.pk)
        if row.outcome != WAITING:
            raise Conflict("sima.used")
        row.outcome, row.completed_at = ANSWERED, at
        row.sealed = seal(facts, row.operation)
        row.save(update_fields=["outcome", "completed_at", "sealed"])
    log.info("sima_answered kind=%s", asked.kind.value)


def _waiting(name: str, at: datetime) -> Asked:
    row = SimaOperation.objects.filter(operation=name).first()
    if row is None:
        raise Missing("sima.missing")
    limits.count(PER_OPERATION, name, at=at)
    if row.outcome != WAITING:
        raise Conflict("sima.used")
    asked = Asked(row, unseal(row), OperationType(row.kind))
    asked.operation.refuse_other_time(at)
    return asked


def _identify(asked: Asked, certificate: x509.Certificate, at: datetime) -> Known:
    """Return who calls; for a signature it must be the applicant."""
    signer = asked.facts["signer"]
    try:
        identity, chain = sima_calls.identify(
            certificate, asked.kind, anchors_of_sima(), at, status_source()
        )
    except PencereError as refusal:
        if refusal.code in _ENDS and signer in ("", _fin_of(certificate)):
            SimaOperation.objects.filter(pk=asked.row.pk, outcome=WAITING).update(
                outcome=refusal.code, completed_at=at
            )
            log.info("sima_ended outcome=%s", refusal.code)
        raise
    if signer not in ("", identity.fin):
        raise Refused("sima.another_person")
    return Known(identity, chain)


def _fin_of(certificate: x509.Certificate) -> str:
    try:
        return identity_of(certificate).fin
    except Refused:
        return "-"


@transaction.atomic
def _bind(asked: Asked, certificate: x509.Certificate, at: datetime) -> dict[str, Any]:
    """Bind the operation to the first certificate that fetches it; a repeated call gets the same.

    Raises:
        Conflict: `sima.used`. Refused: `sima.another_certificate`.
    """
    row = SimaOperation.objects.select_for_update().get(pk=asked.row.pk)
    if row.outcome != WAITING:
        raise Conflict("sima.used")
    facts = unseal(row)
    encoded = encode(certificate.public_bytes(Encoding.DER))
    if facts.get("certificate", encoded) != encoded:
        raise Refused("sima.another_certificate")
    if "certificate" not in facts:
        facts["certificate"] = encoded
        if asked.kind is OperationType.SIGN:
            prepared = advanced.prepare(decode(facts["content"]), certificate, at)
            facts["attributes"] = encode(prepared.attributes)
            facts["data"] = encode(der.tlv(der.SET, prepared.attributes))
        row.sealed = seal(facts, row.operation)
        row.save(update_fields=["sealed"])
    return facts
