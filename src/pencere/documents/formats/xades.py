"""Making XAdES baseline signatures: over files of a container, or inside an XML document.

EN 319 132-1. The key signs a digest, so a card or a remote service may hold it.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from pencere.documents.formats import algorithms, xades_algorithms, xades_read, xmlsafe
from pencere.documents.formats.levels import Level, Services, reaches
from pencere.documents.formats.manifest import URI_OF, type_of, uri_of
from pencere.documents.formats.signer import Signer, ToBeSigned, check_signature, scheme_of
from pencere.documents.formats.xades_references import (
    ALL_BUT_SIGNATURES,
    SIGNED_PROPERTIES,
    XPATH,
    refuse_instructions,
    take_out,
)
from pencere.documents.formats.xmlsafe import ASIC, DS, EXCLUSIVE, XADES, XADES141, Element
from pencere.kernel.errors import Conflict, Invalid


def prepare_detached(  # noqa: PLR0913 - the last three are named by whoever calls
    files: Mapping[str, bytes],
    signer: Signer,
    services: Services,
    *,
    level: Level,
    at: datetime,
    container: bool,
) -> ToBeSigned:
    """Return what the key must sign for a signature document over `files`, one reference each.

    `container`: inside asic:XAdESSignatures, as ASiC wants it; else ds:Signature is the root.
    """
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    root = signature
    if container:
        root = etree.Element(f"{{{ASIC}}}XAdESSignatures", nsmap={"asic": ASIC, "ds": DS})
        root.append(signature)
    making = _Making(root, signature, signer, services, files, level)
    signed_info = making.begin()
    for number, (name, content) in enumerate(files.items()):
        reference = _reference(signed_info, content, URI=uri_of(name))
        reference.set("Id", f"{making.name}-r{number}")
    return making.to_be_signed(signed_info, at, list(files))


def prepare_enveloped(
    document: bytes, signer: Signer, services: Services, *, level: Level, at: datetime
) -> ToBeSigned:
    """Return what the key must sign for a signature as the last child of an XML document.

    It is over everything but signatures, so another one may be put beside it later.
    """
    root = xmlsafe.parse(document)
    if root.tag == f"{{{DS}}}Signature":
        raise Conflict("sign.is_signature")
    refuse_instructions(root)
    octets = without_signatures(document)
    signature = etree.SubElement(root, f"{{{DS}}}Signature", nsmap={"ds": DS})
    making = _Making(root, signature, signer, services, {}, level)
    signed_info = making.begin()
    reference = _reference(signed_info, octets, URI="")
    reference.set("Id", f"{making.name}-r0")
    transforms = etree.Element(f"{{{DS}}}Transforms")
    leaving_out = _add(transforms, DS, "Transform", Algorithm=XPATH)
    _add(leaving_out, DS, "XPath", ALL_BUT_SIGNATURES)
    _add(transforms, DS, "Transform", Algorithm=EXCLUSIVE)
    reference.insert(0, transforms)
    return making.to_be_signed(signed_info, at, ["document.xml"])


def without_signatures(document: bytes) -> bytes:
    """Return the canonical form of a document without its signatures: what one is over."""
    root = xmlsafe.parse(document)
    for one in list(root.iter(f"{{{DS}}}Signature")):
        take_out(one)
    return xmlsafe.canonical(root, EXCLUSIVE, comments=False)


def extend(content: bytes, files: Mapping[str, bytes], level: Level, services: Services) -> bytes:
    """Return a document with all its signatures brought to `level`."""
    root = xmlsafe.parse(content)
    for one in xades_read.signatures_in(root):
        _extend(root, one, files, level, services)
    return xmlsafe.serialised(root)


class _Making:
    """One signature while it is made."""

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        root: Element,
        signature: Element,
        signer: Signer,
        services: Services,
        files: Mapping[str, bytes],
        level: Level,
    ) -> None:
        services.refuse_unfit(signer.certificate)
        self.name = f"s{secrets.token_hex(8)}"
        self._root, self._signature, self._signer = root, signature, signer
        self._services, self._files, self._level = services, files, level
        self._scheme = scheme_of(signer.certificate)
        signature.set("Id", self.name)

    def begin(self) -> Element:
        signed_info = _add(self._signature, DS, "SignedInfo")
        _add(signed_info, DS, "CanonicalizationMethod", Algorithm=EXCLUSIVE)
        method = xades_algorithms.uri_of(self._scheme)
        _add(signed_info, DS, "SignatureMethod", Algorithm=method)
        return signed_info

    def to_be_signed(self, signed_info: Element, at: datetime, names: Sequence[str]) -> ToBeSigned:
        certificate = self._signer.certificate
        value = _add(self._signature, DS, "SignatureValue", Id=f"{self.name}-v")
        data = _add(_add(self._signature, DS, "KeyInfo"), DS, "X509Data")
        for one in [certificate, *self._signer.chain]:
            _add(data, DS, "X509Certificate", _base64(one.public_bytes(Encoding.DER)))
        properties = self._properties(at, names)
        octets = xmlsafe.canonical(properties, EXCLUSIVE)
        reference = _reference(signed_info, octets, URI=f"#{self.name}-p", Type=SIGNED_PROPERTIES)
        transforms = etree.Element(f"{{{DS}}}Transforms")
        _add(transforms, DS, "Transform", Algorithm=EXCLUSIVE)
        reference.insert(0, transforms)
        digest = algorithms.digest(self._scheme.digest, xmlsafe.canonical(signed_info, EXCLUSIVE))

        def finish(signature: bytes) -> bytes:
            key = certificate.public_key()
            check_signature(key, self._scheme, digest, signature)
            value.text = _base64(xades_algorithms.to_xml(signature, key))
            _extend(self._root, self._signature, self._files, self._level, self._services)
            return xmlsafe.serialised(self._root)

        return ToBeSigned(digest, finish)

    def _properties(self, at: datetime, names: Sequence[str]) -> Element:
        holder = _add(self._signature, DS, "Object")
        qualifying = etree.SubElement(
            holder,
            f"{{{XADES}}}QualifyingProperties",
            nsmap={"xades": XADES},
            Target=f"#{self.name}",
        )
        properties = _add(qualifying, XADES, "SignedProperties", Id=f"{self.name}-p")
        signed = _add(properties, XADES, "SignedSignatureProperties")
        _add(signed, XADES, "SigningTime", at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        bound = _add(_add(signed, XADES, "SigningCertificateV2"), XADES, "Cert")
        digest = _add(bound, XADES, "CertDigest")
        encoded = self._signer.certificate.public_bytes(Encoding.DER)
        _digest(digest, encoded)
        objects = _add(properties, XADES, "SignedDataObjectProperties")
        for number, name in enumerate(names):
            described = _add(
                objects, XADES, "DataObjectFormat", ObjectReference=f"#{self.name}-r{number}"
            )
            _add(described, XADES, "MimeType", type_of(name))
        return properties


def _extend(
    root: Element,
    signature: Element,
    files: Mapping[str, bytes],
    level: Level,
    services: Services,
) -> None:
    if not reaches(level, "B-T"):
        return
    unsigned = _unsigned(signature)
    if unsigned.find(f"{{{XADES}}}SignatureTimeStamp") is None:
        value = xmlsafe.only(signature, f"{{{DS}}}SignatureValue")
        token = services.stamp(xmlsafe.canonical(value, EXCLUSIVE))
        _add_stamp(unsigned, XADES, "SignatureTimeStamp", token)
    if reaches(level, "B-LT"):
        _add_values(root, signature, unsigned, files, services)
    if reaches(level, "B-LTA"):
        octets = xades_read.reference_octets(root, signature, files, "document.xml")
        before = [one for one in unsigned if isinstance(one.tag, str)]
        over = xades_read.archive_octets(signature, octets, before, EXCLUSIVE)
        _add_stamp(unsigned, XADES141, "ArchiveTimeStamp", services.stamp(over))


def _unsigned(signature: Element) -> Element:
    found = xades_read.unsigned_properties(signature)
    if found is not None:
        return found
    qualifying = signature.find(f"{{{DS}}}Object/{{{XADES}}}QualifyingProperties")
    if qualifying is None:
        raise Invalid("sign.not_xades")
    return _add(_add(qualifying, XADES, "UnsignedProperties"), XADES, "UnsignedSignatureProperties")


def _add_stamp(unsigned: Element, namespace: str, name: str, token: bytes) -> None:
    prefix = "xades" if namespace == XADES else "xades141"
    stamp = etree.SubElement(unsigned, f"{{{namespace}}}{name}", nsmap={prefix: namespace})
    stamp.set("Id", f"t{secrets.token_hex(8)}")
    _add(stamp, DS, "CanonicalizationMethod", Algorithm=EXCLUSIVE)
    _add(stamp, XADES, "EncapsulatedTimeStamp", _base64(token))


def _add_values(
    root: Element,
    signature: Element,
    unsigned: Element,
    files: Mapping[str, bytes],
    services: Services,
) -> None:
    found = xades_read.examine(root, signature, files, name="signature", document="document.xml")
    if found.certificate is None:
        raise Invalid("sign.certificate_missing")
    known = [*found.certificates, *(one for stamp in found.stamps for one in stamp.certificates)]
    stamping = [stamp.certificate for stamp in found.stamps if stamp.certificate is not None]
    evidence = services.evidence([found.certificate], stamping, known)
    fresh = [one for one in evidence.ocsps if one not in found.ocsps]
    lists = [one for one in evidence.crls if one not in found.crls]
    certificates = [one for one in evidence.certificates if one not in found.certificates]
    # The values of renewal go beside the first ones, under the name for that (5.5.1).
    parent = unsigned
    if unsigned.find(f"{{{XADES}}}RevocationValues") is not None:
        if not (fresh or lists or certificates):
            return
        parent = etree.SubElement(
            unsigned, f"{{{XADES141}}}TimeStampValidationData", nsmap={"xades141": XADES141}
        )
    if certificates:
        holder = _add(parent, XADES, "CertificateValues")
        for one in certificates:
            encoded = _base64(one.public_bytes(Encoding.DER))
            _add(holder, XADES, "EncapsulatedX509Certificate", encoded)
    if fresh or lists:
        holder = _add(parent, XADES, "RevocationValues")
        _add_group(holder, "CRLValues", "EncapsulatedCRLValue", lists)
        _add_group(holder, "OCSPValues", "EncapsulatedOCSPValue", fresh)


def _add_group(holder: Element, group: str, name: str, values: Sequence[bytes]) -> None:
    inner = _add(holder, XADES, group) if values else None
    for value in values:
        _add(inner, XADES, name, _base64(value))


def _reference(signed_info: Element, octets: bytes, **attributes: str) -> Element:
    reference = _add(signed_info, DS, "Reference", **attributes)
    _digest(reference, octets)
    return reference


def _digest(parent: Element, octets: bytes) -> None:
    _add(parent, DS, "DigestMethod", Algorithm=URI_OF["sha256"])
    _add(parent, DS, "DigestValue", _base64(algorithms.digest("sha256", octets)))


def _add(
    parent: Element, namespace: str, name: str, text: str | None = None, /, **attributes: str
) -> Element:
    made = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    made.text = text
    return made


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
