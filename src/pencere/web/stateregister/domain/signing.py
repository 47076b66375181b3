"""Signatures under an accord: by an authorised officer of each side, with their telephone.

What is signed are the bytes of the document. A signature counts after it was verified over those
bytes and names the officer who holds the office; both are looked at again in the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import cms as asn1
from cryptography import x509
from django.db import transaction

from pencere.documents.formats.archive import pack
from pencere.documents.formats.asic import ASIC_S
from pencere.kernel.errors import Conflict, PencereError, Refused
from pencere.trust import advanced, cms, der
from pencere.trust.validation import StatusSource
from pencere.web.leaves import add_leaf
from pencere.web.people.vault import vault
from pencere.web.stateregister.domain.accords import ABOUT
from pencere.web.stateregister.domain.agreements import counts_from_now, put_in_force
from pencere.web.stateregister.domain.offices import SIGNATORY, Actor
from pencere.web.stateregister.domain.reading import document
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.models import Accord, AccordState, Signature


@dataclass(frozen=True)
class Verifier:
    """How signatures are judged: roots and authorities of persons, and who says revoked."""

    anchors: Sequence[x509.Certificate]
    status: StatusSource | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A kept signature as it is judged now; `problem` is a code, empty when it is good."""

    side: str
    name: str
    signed_at: datetime
    problem: str


def side_of(row: Accord, actor: Actor) -> str | None:
    """Return the side for which this person could sign now; None for none.

    Raises nothing: one who signed, or whose side has signed, has none.
    """
    if row.state != AccordState.SIGNING:
        return None
    there = list(row.signatures.all())
    if any(one.person_id == actor.person.pk for one in there):
        return None
    done = {one.side for one in there}
    sides = (
        (Signature.Side.CONSUMER, row.consumer.owner_id),
        (Signature.Side.PROVIDER, row.provider.owner_id),
    )
    return next(
        (str(side) for side, body in sides if side not in done and actor.holds(SIGNATORY, body)),
        None,
    )


def bytes_to_sign(row: Accord) -> bytes:
    """Return the document, byte for byte.

    Raises:
        Missing: `stateregister.no_document`: it is not there, or there is none yet.
    """
    return bytes(document(bytes(row.document_sha256 or b"")).content)


@transaction.atomic
def sign(  # noqa: PLR0913, a signature is all of these
    number: str, *, side: str, actor: Actor, cades: bytes, verifier: Verifier, at: datetime
) -> Accord:
    """Keep a signature; the second one puts the agreement in force, an amendment from its day.

    Raises:
        Refused: `stateregister.not_yours`, `stateregister.signature_other`, what
            `advanced.verify` raises.
        Conflict: `stateregister.decided`.
    """
    row = (
        Accord.objects.select_for_update(of=("self",))
        .select_related("consumer__owner", "provider__owner")
        .get(pk=number)
    )
    before = row.signatures.filter(side=side).first()
    if before is not None and before.person_id == actor.person.pk:
        return row
    if row.state != AccordState.SIGNING:
        raise Conflict("stateregister.decided")
    if before is not None:
        raise Conflict("stateregister.signed_already")
    if side_of(row, actor) != side:
        raise Refused("stateregister.not_yours")
    content = bytes_to_sign(row)
    verified = advanced.verify(cades, content, verifier.anchors, at, verifier.status)
    if verified.signer.fin != actor.person.fin:
        raise Refused("stateregister.signature_other")
    body = row.consumer.owner_id if side == Signature.Side.CONSUMER else row.provider.owner_id
    digest = bytes(row.document_sha256 or b"")
    Signature.objects.create(
        accord=row,
        side=side,
        person=actor.person,
        document_sha256=digest,
        cades=cades,
        signed_at=verified.signed_at or at,
        leaf_hash=add_leaf(
            "register-signature",
            {
                "accord": number,
                "at": at.isoformat(timespec="milliseconds"),
                "by": vault().digest_of(actor.person.fin).hex(),
                "document_sha256": digest.hex(),
                "side": side,
            },
        ),
    )
    record(ABOUT, number, "signed", person=actor.person, at=at, body=body, role=SIGNATORY,
           of_round=row.round, details={"document": digest.hex(), "side": side})  # fmt: skip
    if row.signatures.count() == len(Signature.Side.values):
        judged = judge(row, verifier, at=at)
        if any(one.problem for one in judged):
            raise Refused("stateregister.signature_false")
        if counts_from_now(row, at=at):
            put_in_force(row, at=at)
    return row


def judge(row: Accord, verifier: Verifier, *, at: datetime) -> list[Judged]:
    """Verify the kept signatures anew over the kept document."""
    found = []
    for one in row.signatures.select_related("person").order_by("side"):
        problem = ""
        try:
            content = bytes_to_sign(row)
            seen = advanced.verify(bytes(one.cades), content, verifier.anchors, one.signed_at)
            if seen.signer.fin != one.person.fin:
                problem = "stateregister.signature_other"
        except PencereError as refusal:
            problem = refusal.code
        found.append(Judged(one.side, one.person.name, one.signed_at, problem))
    return found


def container(row: Accord) -> bytes:
    """Return the document with the signatures of both sides: ASiC-S with CAdES, EN 319 162-1.

    Both are signers of one CMS, as parallel signatures are.
    """
    files = {f"{row.number}.pdf": bytes_to_sign(row)}
    certificates: dict[bytes, x509.Certificate] = {}
    signers: set[bytes] = set()
    for one in row.signatures.order_by("side"):
        signed = asn1.ContentInfo.load(bytes(one.cades))["content"]
        for certificate in signed["certificates"]:
            encoded = certificate.dump()
            certificates[encoded] = x509.load_der_x509_certificate(encoded)
        signers |= {signer.dump() for signer in signed["signer_infos"]}
    if signers:
        signed_data = der.sequence(
            der.integer(1),
            der.tlv(der.SET, cms.SHA256),
            der.sequence(cms.DATA),
            cms.certificates(list(certificates.values())),
            der.tlv(der.SET, b"".join(sorted(signers))),
        )
        files["META-INF/signature.p7s"] = der.sequence(cms.SIGNED_DATA, der.context(0, signed_data))
    return pack(files, mimetype=ASIC_S)
