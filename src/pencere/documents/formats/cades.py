"""CAdES baseline signatures: B-B, B-T, B-LT, B-LTA. EN 319 122-1 V1.3.1.

Made of DER parts, so that signing a small file costs little more than its signature. Everything
added to a signature keeps the bytes of what was there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from pencere.documents.formats import algorithms, archive_stamp, cms, tokens
from pencere.documents.formats import signerinfo as info
from pencere.documents.formats.ber import Node, parse
from pencere.documents.formats.cms import SignedData, SignerInfo
from pencere.documents.formats.found import FoundSignature, FoundStamp
from pencere.documents.formats.levels import Level, Services, reaches
from pencere.documents.formats.signer import Signer, ToBeSigned, check_signature, scheme_of
from pencere.kernel.errors import Conflict, Invalid
from pencere.trust import cms as syntax
from pencere.trust import der

DATA = "1.2.840.113549.1.7.1"
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
CONTENT_TIME_STAMP = "1.2.840.113549.1.9.16.2.20"
COUNTERSIGNATURE = "1.2.840.113549.1.9.6"
CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
ESCAPE_TIME_STAMP = "1.2.840.113549.1.9.16.2.25"
_OLD_ARCHIVE_STAMPS = ("1.2.840.113549.1.9.16.2.27", "1.2.840.113549.1.9.16.2.48")


@dataclass(frozen=True)
class Choices:
    """How a signature is made.

    `signing_time` is left out in a PDF, which has its own; `enveloped` puts the content inside.
    """

    level: Level = "B-B"
    enveloped: bool = False
    signing_time: datetime | None = None


def prepare(
    content: bytes,
    signer: Signer,
    services: Services,
    choices: Choices,
    *,
    beside: SignedData | None = None,
) -> ToBeSigned:
    """Return what the key must sign for a signature over `content`.

    `beside`: an earlier signature over the same content; the new one becomes a co-signature.

    Raises:
        Conflict: `sign.other_content`: the earlier signature is over something else.
    """
    scheme = scheme_of(signer.certificate)
    prepared = prepare_digest(
        algorithms.digest(scheme.digest, content), signer, services, choices, content
    )
    if beside is None:
        return prepared

    def finish(signature: bytes) -> bytes:
        made = cms.load(prepared.finish(signature))
        return merged(beside, made).encoded()

    _refuse_other_content(beside, content)
    return ToBeSigned(prepared.digest, finish)


def prepare_digest(
    digest: bytes, signer: Signer, services: Services, choices: Choices, content: bytes | None
) -> ToBeSigned:
    """Return what the key must sign, for content of which only the digest is known.

    `content` is needed for an enveloped signature and for B-LTA.
    """
    certificate, chain = signer.certificate, tuple(signer.chain)
    scheme = scheme_of(certificate)
    services.refuse_unfit(certificate)
    attributes = der.set_of(*_signed_attributes(digest, certificate, choices.signing_time))
    to_sign = algorithms.digest(scheme.digest, attributes)

    def finish(signature: bytes) -> bytes:
        check_signature(certificate.public_key(), scheme, to_sign, signature)
        octets = der.octet_string(signature)
        one = SignerInfo(
            der.integer(1),
            syntax.issuer_and_serial(certificate),
            algorithms.digest_identifier(scheme.digest),
            b"\xa0" + attributes[1:],
            algorithms.signature_identifier(scheme),
            signature,
            octets,
        )
        signed = SignedData(DATA, content if choices.enveloped else None, (one,))
        signed = signed.carrying([certificate, *chain])
        return extended(signed, content, choices.level, services).encoded()

    return ToBeSigned(to_sign, finish)


def extended(
    signed: SignedData, content: bytes | None, level: Level, services: Services
) -> SignedData:
    """Return it with every signature brought to `level`.

    Time-stamps that are missing are got; values are collected; for B-LTA another archive
    time-stamp is always added, which renews the ones before.

    Raises:
        Unavailable: a service is away.
        Refused: a certificate is revoked or not under the trusted roots.
        Invalid: `sign.content_needed`.
    """
    for number, one in enumerate(signed.signers):
        if reaches(level, "B-T") and not one.unsigned_values(SIGNATURE_TIME_STAMP):
            token = services.stamp(one.signature)
            signed = signed.with_signer(number, one.added(SIGNATURE_TIME_STAMP, token))
    if reaches(level, "B-LT"):
        signed = _with_values(signed, services)
    if reaches(level, "B-LTA"):
        over = content if signed.content is None else signed.content
        if over is None:
            raise Invalid("sign.content_needed")
        for number, one in enumerate(signed.signers):
            stamped = archive_stamp.add(signed, one, over, services.stamp)
            signed = signed.with_signer(number, stamped)
    return signed


def merged(first: SignedData, second: SignedData) -> SignedData:
    """Return both signatures in one file: co-signatures over the same content."""
    return replace(
        first,
        signers=(*first.signers, *second.signers),
        certificate_choices=tuple(
            dict.fromkeys([*first.certificate_choices, *second.certificate_choices])
        ),
        revocation_choices=tuple(
            dict.fromkeys([*first.revocation_choices, *second.revocation_choices])
        ),
    )


def prepare_countersignature(
    signed: SignedData, number: int, signer: Signer, services: Services, choices: Choices
) -> ToBeSigned:
    """Return what the key must sign to witness another's signature (RFC 5652 section 11.4)."""
    over = signed.signers[number].signature
    scheme = scheme_of(signer.certificate)
    certificate, chain = signer.certificate, tuple(signer.chain)
    services.refuse_unfit(certificate)
    digest = algorithms.digest(scheme.digest, over)
    listed = _signed_attributes(digest, certificate, choices.signing_time)[1:]
    attributes = der.set_of(*listed)
    to_sign = algorithms.digest(scheme.digest, attributes)

    def finish(signature: bytes) -> bytes:
        check_signature(certificate.public_key(), scheme, to_sign, signature)
        witness = SignerInfo(
            der.integer(1),
            syntax.issuer_and_serial(certificate),
            algorithms.digest_identifier(scheme.digest),
            b"\xa0" + attributes[1:],
            algorithms.signature_identifier(scheme),
            signature,
            der.octet_string(signature),
        )
        if reaches(choices.level, "B-T"):
            witness = witness.added(SIGNATURE_TIME_STAMP, services.stamp(signature))
        added = signed.signers[number].added(COUNTERSIGNATURE, witness.encoded())
        return signed.with_signer(number, added).carrying([certificate, *chain]).encoded()

    return ToBeSigned(to_sign, finish)


def examine(
    signed: SignedData,
    content: bytes | None,
    *,
    name: str = "signature",
    covers: tuple[str, ...] = (),
    others: Sequence[x509.Certificate] = (),
) -> list[FoundSignature]:
    """Return every signature with what it turned out to be; `content` for a detached one."""
    over = signed.content if signed.content is not None else content
    encoded = signed.encoded()
    found = []
    for number, one in enumerate(signed.signers):
        label = name if len(signed.signers) == 1 else f"{name}#{number + 1}"
        found.append(_examine_one(signed, one, over, label, covers, others, encoded))
    return found


def _examine_one(  # noqa: PLR0913, PLR0917
    signed: SignedData,
    one: SignerInfo,
    content: bytes | None,
    name: str,
    covers: tuple[str, ...],
    others: Sequence[x509.Certificate],
    encoded: bytes,
) -> FoundSignature:
    values = _values(one, CERTIFICATE_VALUES)
    known = (*signed.certificates, *cms.load_certificates(one.encoded for one in values), *others)
    checked = info.check(one, known, content, signed.content_type)
    ocsps, crls = _revocation_values(one)
    stamps = _stamps(signed, one, content, known)
    problems = [*checked.problems, *_witnesses(one, known)]
    return FoundSignature(
        name=name,
        format="cades",
        level=_level(signed, one, stamps),
        covers=covers,
        certificate=checked.certificate,
        certificates=tuple(dict.fromkeys(known)),
        ocsps=tuple(dict.fromkeys([*signed.ocsps, *ocsps])),
        crls=tuple(dict.fromkeys([*signed.crls, *crls])),
        claimed_at=checked.claimed_at,
        digest_algorithm=checked.digest_algorithm,
        signature_algorithm=checked.signature_algorithm,
        stamps=stamps,
        problems=tuple(dict.fromkeys(problems)),
        cms=encoded,
        content=content,
        value=one.signature,
    )


def _stamps(
    signed: SignedData,
    one: SignerInfo,
    content: bytes | None,
    known: tuple[x509.Certificate, ...],
) -> tuple[FoundStamp, ...]:
    found = (
        [
            tokens.check("content", node.encoded, content, others=known)
            for node in one.attributes.get(CONTENT_TIME_STAMP, ())
        ]
        if _readable(one)
        else []
    )
    found += [
        tokens.check(
            "signature",
            value,
            one.signature,
            others=known,
            proves=frozenset({tokens.sha256(one.signature)}),
        )
        for value in one.unsigned_values(SIGNATURE_TIME_STAMP)
    ]
    found += [
        tokens.check("reference", value, None, others=known)
        for value in one.unsigned_values(ESCAPE_TIME_STAMP)
    ]
    for oid in _OLD_ARCHIVE_STAMPS:
        # Archive time-stamps of before 2013: what they are over cannot be told from the file
        # alone where it was encoded anew since. The answer is "not known", never "valid".
        found += [
            tokens.check("archive", value, None, others=known) for value in one.unsigned_values(oid)
        ]
    found += [
        archive_stamp.check(value, signed, one, content, known)
        for value in one.unsigned_values(archive_stamp.OID)
    ]
    return tuple(found)


def _readable(one: SignerInfo) -> bool:
    try:
        return one.attributes is not None
    except (Invalid, ValueError):
        return False


def _witnesses(one: SignerInfo, known: tuple[x509.Certificate, ...]) -> list[str]:
    problems = []
    for value in one.unsigned_values(COUNTERSIGNATURE):
        try:
            witness = cms.signer_info(parse(value))
        except Invalid:
            problems.append("countersignature.wrong")
            continue
        if info.check(witness, known, one.signature, None).problems:
            problems.append("countersignature.wrong")
    return problems


def _level(signed: SignedData, one: SignerInfo, stamps: Sequence[FoundStamp]) -> Level:
    kinds = {stamp.kind for stamp in stamps}
    if "signature" not in kinds:
        return "B-B"
    has_values = bool(signed.revocation_choices or one.unsigned_values(REVOCATION_VALUES))
    if not has_values:
        return "B-T"
    return "B-LTA" if "archive" in kinds else "B-LT"


def _with_values(signed: SignedData, services: Services) -> SignedData:
    known = list(signed.certificates)
    stamping: list[x509.Certificate] = []
    signing: list[x509.Certificate] = []
    for one in signed.signers:
        certificate = info.signer_certificate(one, known)
        if certificate is None:
            raise Invalid("sign.certificate_missing")
        signing.append(certificate)
        for oid in (SIGNATURE_TIME_STAMP, archive_stamp.OID):
            for value in one.unsigned_values(oid):
                token = tokens.load(value)
                known += token.signed.certificates
                stamper = info.signer_certificate(token.signed.signers[0], known)
                if stamper is not None:
                    stamping.append(stamper)
    evidence = services.evidence(signing, stamping, known)
    return signed.carrying(evidence.certificates, evidence.ocsps, evidence.crls)


def _signed_attributes(
    digest: bytes, certificate: x509.Certificate, at: datetime | None
) -> list[bytes]:
    listed = [
        syntax.attribute(syntax.CONTENT_TYPE, syntax.DATA),
        syntax.attribute(syntax.MESSAGE_DIGEST, der.octet_string(digest)),
        syntax.attribute(syntax.SIGNING_CERTIFICATE_V2, syntax.signing_certificate_v2(certificate)),
    ]
    if at is not None:
        listed.append(syntax.attribute(syntax.SIGNING_TIME, der.time(at)))
    return listed


def _refuse_other_content(signed: SignedData, content: bytes) -> None:
    if signed.content is not None and signed.content != content:
        raise Conflict("sign.other_content")
    for one in signed.signers:
        name = algorithms.digest_name(parse(one.digest_algorithm))
        stated = one.attributes.get(info.MESSAGE_DIGEST)
        if stated and stated[0].octets() != algorithms.digest(name, content):
            raise Conflict("sign.other_content")


def _values(one: SignerInfo, oid: str) -> list[Node]:
    """Return the elements of an unsigned attribute whose one value is a SEQUENCE OF."""
    found = []
    for value in one.unsigned_values(oid):
        try:
            found += parse(value).children()
        except Invalid:
            continue  # what cannot be read proves nothing; whoever needs it will miss it
    return found


def _revocation_values(one: SignerInfo) -> tuple[list[bytes], list[bytes]]:
    """Return OCSP responses and CRLs of the old revocation-values attribute (A.1.1.2)."""
    ocsps, crls = [], []
    for group in _values(one, REVOCATION_VALUES):
        try:
            listed = [node.encoded for node in parse(group.content).children()]
        except Invalid:
            continue
        if group.tag == 0xA0:
            crls += listed
        elif group.tag == 0xA1:
            ocsps += [_response(basic) for basic in listed]
    return ocsps, crls


def _response(basic: bytes) -> bytes:
    """Return an OCSPResponse around a BasicOCSPResponse."""
    kind = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
    return der.sequence(
        der.enumerated(0), der.context(0, der.sequence(kind, der.octet_string(basic)))
    )
