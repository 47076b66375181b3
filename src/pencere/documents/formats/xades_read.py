"""Reading XAdES: signatures in XML, their properties, time-stamps and values. EN 319 132-1.

Levels up to B-LTA are read, also those that others made; nothing is believed that is not under
a reference of SignedInfo, except unsigned properties, which prove themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from pencere.documents.formats import algorithms, cms, tokens, xades_algorithms, xmlsafe
from pencere.documents.formats.found import FoundSignature, FoundStamp
from pencere.documents.formats.manifest import DIGEST_URIS
from pencere.documents.formats.xades_references import (
    COUNTERSIGNED,
    SIGNED_PROPERTIES,
    Context,
)
from pencere.documents.formats.xmlsafe import C14N, DS, XADES, XADES141, Element
from pencere.kernel.errors import Invalid

MOST_SIGNATURES = 64
MOST_REFERENCES = 2_000

_CARRIED = (
    "EncapsulatedX509Certificate",
    "EncapsulatedOCSPValue",
    "EncapsulatedCRLValue",
    "EncapsulatedTimeStamp",
)
_UNSIGNED = f"{{{XADES}}}UnsignedProperties/{{{XADES}}}UnsignedSignatureProperties"


@dataclass
class _Reading:
    """What is gathered about one signature."""

    problems: list[str] = field(default_factory=list)
    covers: list[str] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    certificate: x509.Certificate | None = None
    certificates: list[x509.Certificate] = field(default_factory=list)
    claimed: datetime | None = None
    scheme: str = ""
    value: bytes = b""
    properties_signed: bool = False


def signatures_in(root: Element) -> list[Element]:
    """Return the signatures of a document; those that witness another belong to that one."""
    found = [
        one
        for one in root.iter(f"{{{DS}}}Signature")
        if not any(above.tag == f"{{{XADES}}}CounterSignature" for above in one.iterancestors())
    ]
    if len(found) > MOST_SIGNATURES:
        raise Invalid("format.too_large", reason="signatures")
    return found


def examine(
    root: Element,
    signature: Element,
    files: Mapping[str, bytes],
    *,
    name: str,
    document: str | None = None,
) -> FoundSignature:
    """Return one signature with what it turned out to be.

    `files`: what detached references may be to; `document`: the name of the document that the
    signature stands in, for references to the whole of it. Never raises for what is in the file.
    """
    reading = _Reading()
    try:
        _read(root, signature, files, document, reading)
    except Invalid as error:
        reading.problems.append(_problem(error))
    except (ValueError, TypeError, UnsupportedAlgorithm, etree.LxmlError):
        reading.problems.append("signature.malformed")
    stamps: tuple[FoundStamp, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    properties = unsigned_properties(signature)
    if properties is not None:
        try:
            ocsps = _values(properties, "EncapsulatedOCSPValue")
            crls = _values(properties, "EncapsulatedCRLValue")
            carried = _values(properties, "EncapsulatedX509Certificate")
            reading.certificates += cms.load_certificates(carried)
            stamps = _stamps(signature, properties, reading)
            reading.problems += _witnesses(root, signature, properties, files)
        except (Invalid, ValueError, TypeError, etree.LxmlError):
            reading.problems.append("signature.malformed")
    return FoundSignature(
        name=name,
        format="xades",
        level=_level(stamps, has_values=bool(ocsps or crls)),
        covers=tuple(dict.fromkeys(reading.covers)),
        certificate=reading.certificate,
        certificates=tuple(dict.fromkeys(reading.certificates)),
        ocsps=ocsps,
        crls=crls,
        claimed_at=reading.claimed,
        digest_algorithm=_strongest_last(reading.digests),
        signature_algorithm=reading.scheme,
        stamps=stamps,
        problems=tuple(dict.fromkeys(reading.problems)),
        value=reading.value,
    )


def unsigned_properties(signature: Element) -> Element | None:
    """Return UnsignedSignatureProperties, if there are any."""
    return signature.find(f"{{{DS}}}Object/{{{XADES}}}QualifyingProperties/{_UNSIGNED}")


def archive_octets(
    signature: Element, references: Sequence[bytes], before: Sequence[Element], algorithm: str
) -> bytes:
    """Return what an archive time-stamp is over (EN 319 132-1 section 5.5.2.2).

    `references`: octets of the references in order; `before`: the unsigned properties that
    stand before the time-stamp.
    """
    parts = list(references)
    for name in ("SignedInfo", "SignatureValue", "KeyInfo"):
        found = signature.findall(f"{{{DS}}}{name}")
        parts += [xmlsafe.canonical(one, algorithm) for one in found]
    parts += [xmlsafe.canonical(one, algorithm) for one in before]
    referenced = {
        (one.get("URI") or "").removeprefix("#") for one in signature.iter(f"{{{DS}}}Reference")
    }
    parts += [
        xmlsafe.canonical(one, algorithm)
        for one in signature.findall(f"{{{DS}}}Object")
        if one.find(f"{{{XADES}}}QualifyingProperties") is None and one.get("Id") not in referenced
    ]
    return b"".join(parts)


def reference_octets(
    root: Element, signature: Element, files: Mapping[str, bytes], document: str | None
) -> list[bytes]:
    """Return the octets of every reference, in order."""
    context = Context(root, signature, files, document)
    found = []
    for reference in signature.findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference"):
        followed = context.follow(reference)
        if followed is None:
            raise Invalid("sign.content_needed")
        found.append(followed.octets)
    return found


def _read(
    root: Element,
    signature: Element,
    files: Mapping[str, bytes],
    document: str | None,
    reading: _Reading,
) -> None:
    signed_info = xmlsafe.only(signature, f"{{{DS}}}SignedInfo")
    reading.certificates = cms.load_certificates(
        xmlsafe.octets(one)
        for one in signature.findall(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    )
    reading.value = xmlsafe.octets(xmlsafe.only(signature, f"{{{DS}}}SignatureValue"))
    properties = _signed_properties(signature)
    _follow_references(signed_info, Context(root, signature, files, document), reading)
    reading.claimed = _signing_time(properties)
    reading.certificate = _bound_certificate(properties, reading)
    if properties is None or not reading.properties_signed:
        reading.problems.append("signature.not_bound")
    if _has_unsigned_object(signature, signed_info):
        reading.problems.append("signature.dangerous")
    _verify_value(signature, signed_info, reading)


def _has_unsigned_object(signature: Element, signed_info: Element) -> bool:
    """Say whether content lies in the signature that no reference is over."""
    referenced = {
        (one.get("URI") or "").removeprefix("#") for one in signed_info.iter(f"{{{DS}}}Reference")
    }
    return any(
        one.find(f"{{{XADES}}}QualifyingProperties") is None and one.get("Id") not in referenced
        for one in signature.findall(f"{{{DS}}}Object")
    )


def _follow_references(signed_info: Element, context: Context, reading: _Reading) -> None:
    references = signed_info.findall(f"{{{DS}}}Reference")
    if not 0 < len(references) <= MOST_REFERENCES:
        raise xmlsafe.damaged("Reference")
    for reference in references:
        uri = xmlsafe.attribute(xmlsafe.only(reference, f"{{{DS}}}DigestMethod"), "Algorithm")
        if uri not in DIGEST_URIS:
            raise Invalid("format.unsupported", algorithm=uri)
        name = DIGEST_URIS[uri]
        reading.digests.add(name)
        if name in algorithms.WEAK_DIGESTS:
            reading.problems.append("signature.weak_algorithm")
        followed = context.follow(reference)
        if followed is None:
            reading.problems.append("signature.content_missing")
            continue
        reading.octets.append(followed.octets)
        stated = xmlsafe.octets(xmlsafe.only(reference, f"{{{DS}}}DigestValue"))
        if algorithms.digest(name, followed.octets) != stated:
            reading.problems.append("signature.altered")
        reading.covers += followed.covers
        reading.properties_signed |= reference.get("Type") == SIGNED_PROPERTIES


def _verify_value(signature: Element, signed_info: Element, reading: _Reading) -> None:
    if reading.certificate is None:
        reading.problems.append("signature.certificate_missing")
        return
    method = xmlsafe.only(signed_info, f"{{{DS}}}CanonicalizationMethod")
    scheme = xades_algorithms.scheme_of(
        xmlsafe.attribute(xmlsafe.only(signed_info, f"{{{DS}}}SignatureMethod"), "Algorithm")
    )
    reading.scheme = scheme.title
    over = xmlsafe.canonical(signed_info, xmlsafe.attribute(method, "Algorithm"))
    key = reading.certificate.public_key()
    try:
        algorithms.verify(key, scheme, xades_algorithms.from_xml(reading.value, key), over)
    except InvalidSignature:
        reading.problems.append("signature.wrong")
    if algorithms.is_weak(key, scheme):
        reading.problems.append("signature.weak_algorithm")


def _signed_properties(signature: Element) -> Element | None:
    found = signature.findall(
        f"{{{DS}}}Object/{{{XADES}}}QualifyingProperties/{{{XADES}}}SignedProperties"
    )
    if len(found) > 1:
        raise xmlsafe.damaged("SignedProperties")
    if found:
        target = xmlsafe.attribute(_parent(found[0]), "Target")
        if target.removeprefix("#") != signature.get("Id"):
            raise Invalid("format.dangerous", reason="properties of another signature")
    return found[0] if found else None


def _parent(element: Element) -> Element:
    parent = element.getparent()
    if parent is None:
        raise xmlsafe.damaged("parent")
    return parent


def _signing_time(properties: Element | None) -> datetime | None:
    if properties is None:
        return None
    found = properties.find(f"{{{XADES}}}SignedSignatureProperties/{{{XADES}}}SigningTime")
    if found is None:
        return None
    moment = datetime.fromisoformat(xmlsafe.text(found))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bound_certificate(properties: Element | None, reading: _Reading) -> x509.Certificate | None:
    """Return the certificate that the signed properties name, else the first there is."""
    if properties is None:
        return reading.certificates[0] if reading.certificates else None
    signed = f"{{{XADES}}}SignedSignatureProperties/{{{XADES}}}"
    for name in ("SigningCertificateV2", "SigningCertificate"):
        bound = properties.find(f"{signed}{name}/{{{XADES}}}Cert/{{{XADES}}}CertDigest")
        if bound is None:
            continue
        uri = xmlsafe.attribute(xmlsafe.only(bound, f"{{{DS}}}DigestMethod"), "Algorithm")
        if uri not in DIGEST_URIS:
            raise Invalid("format.unsupported", algorithm=uri)
        stated = xmlsafe.octets(xmlsafe.only(bound, f"{{{DS}}}DigestValue"))
        for one in reading.certificates:
            encoded = one.public_bytes(Encoding.DER)
            if algorithms.digest(DIGEST_URIS[uri], encoded) == stated:
                return one
        return None
    reading.problems.append("signature.not_bound")
    return reading.certificates[0] if reading.certificates else None


def _stamps(signature: Element, properties: Element, reading: _Reading) -> tuple[FoundStamp, ...]:
    found: list[FoundStamp] = []
    known = tuple(reading.certificates)
    listed = [one for one in properties if isinstance(one.tag, str)]
    for position, one in enumerate(listed):
        kind = etree.QName(one)
        algorithm = _stamp_canonicalisation(one)
        for token in one.findall(f"{{{XADES}}}EncapsulatedTimeStamp"):
            encoded = xmlsafe.octets(token)
            if (kind.namespace, kind.localname) == (XADES, "SignatureTimeStamp"):
                value = xmlsafe.only(signature, f"{{{DS}}}SignatureValue")
                over = xmlsafe.canonical(value, algorithm)
                proves = frozenset({tokens.sha256(reading.value)})
                found.append(tokens.check("signature", encoded, over, others=known, proves=proves))
            elif (kind.namespace, kind.localname) == (XADES141, "ArchiveTimeStamp"):
                complete = "signature.content_missing" not in reading.problems
                before = listed[:position]
                octets = archive_octets(signature, reading.octets, before, algorithm)
                found.append(
                    tokens.check(
                        "archive",
                        encoded,
                        octets if complete else None,
                        others=known,
                        proves=_proved(signature, before, reading),
                    )
                )
            elif kind.localname.endswith("TimeStamp"):
                # Over references, or an archive time-stamp of before 2010: not followed.
                found.append(tokens.check("reference", encoded, None, others=known))
    return tuple(found)


def _proved(signature: Element, before: Sequence[Element], reading: _Reading) -> frozenset[bytes]:
    """Return what lies in the octets of an archive time-stamp, as `FoundStamp.proves`."""
    carried = [
        xmlsafe.octets(one)
        for one in signature.findall(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    ]
    for one in before:
        for name in _CARRIED:
            carried += [xmlsafe.octets(value) for value in one.iter(f"{{{XADES}}}{name}")]
    found = {tokens.sha256(reading.value)}
    for value in carried:
        found |= tokens.within(value)
    return frozenset(found)


def _stamp_canonicalisation(stamp: Element) -> str:
    method = stamp.find(f"{{{DS}}}CanonicalizationMethod")
    return C14N if method is None else xmlsafe.attribute(method, "Algorithm")


def _witnesses(
    root: Element, signature: Element, properties: Element, files: Mapping[str, bytes]
) -> list[str]:
    value = xmlsafe.only(signature, f"{{{DS}}}SignatureValue")
    problems = []
    for one in properties.findall(f"{{{XADES}}}CounterSignature/{{{DS}}}Signature"):
        over = [
            reference.get("URI", "").removeprefix("#")
            for reference in one.findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
            if reference.get("Type") == COUNTERSIGNED
        ]
        found = examine(root, one, files, name="countersignature")
        if not found.holds or over != [value.get("Id")]:
            problems.append("countersignature.wrong")
    return problems


def _values(properties: Element, name: str) -> tuple[bytes, ...]:
    found = [xmlsafe.octets(one) for one in properties.iter(f"{{{XADES}}}{name}")]
    return tuple(dict.fromkeys(found))


def _level(stamps: Sequence[FoundStamp], *, has_values: bool) -> str:
    kinds = {one.kind for one in stamps}
    if "signature" not in kinds:
        return "B-B"
    if not has_values:
        return "B-T"
    return "B-LTA" if "archive" in kinds else "B-LT"


def _strongest_last(names: set[str]) -> str:
    """Return the weakest digest used: a chain is as strong as that."""
    order = list(algorithms.DIGEST_OIDS)
    return min(names, key=order.index, default="")


def _problem(error: Invalid) -> str:
    return {
        "format.unsupported": "signature.unsupported",
        "format.dangerous": "signature.dangerous",
    }.get(error.code, "signature.malformed")
