"""Enveloped XML signatures with XAdES baseline properties: made with any Signer, verified.

XMLDSig core, exclusive canonicalisation; ETSI EN 319 132-1 level B-B as TS 119 612 annex B wants
it for trusted lists. The signature is the last child of the root element.
"""

import base64
import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from pencere.kernel.errors import Invalid
from pencere.trust.signers import Signer

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = DS + "enveloped-signature"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_METHODS = {
    "P-256": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "P-384": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "RSA-3072": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
}


def parse(content: bytes) -> etree._Element:
    """Return the root of an XML document that has no document type and asks for nothing.

    Raises:
        Invalid: `xml.malformed`.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Invalid("xml.malformed") from error
    if root.getroottree().docinfo.doctype:
        raise Invalid("xml.malformed", reason="document type")
    return root


def sign(root: etree._Element, signer: Signer, at: datetime) -> bytes:
    """Return the document with its signature; `root` has an `Id` or none at all.

    Raises:
        Invalid: `xml.algorithm`, a key for which XML has no name.
        Refused, Unavailable: as Signer.sign.
    """
    if signer.algorithm.name not in _METHODS:
        raise Invalid("xml.algorithm", algorithm=signer.algorithm.name)
    identifier = f"id-{uuid.uuid4()}"
    signature = etree.SubElement(root, f"{{{DS}}}Signature", nsmap={"ds": DS}, Id=identifier)
    signed = _part(signature, "SignedInfo")
    _part(signed, "CanonicalizationMethod", Algorithm=_C14N)
    _part(signed, "SignatureMethod", Algorithm=_METHODS[signer.algorithm.name])
    value = _part(signature, "SignatureValue")
    _key_information(signature, [signer.certificate, *signer.chain])
    properties = _properties(signature, identifier, signer.certificate, at)
    root.remove(signature)
    whole = _canonical(root)
    root.append(signature)
    _reference(signed, "", [_ENVELOPED, _C14N], whole, f"{identifier}-document")
    _reference(
        signed, f"#{properties.get('Id')}", [_C14N], _canonical(properties), None, _PROPERTIES
    )
    value.text = base64.b64encode(_raw(signer, signer.sign(_canonical(signed)))).decode()
    encoded: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return encoded


def verify(content: bytes) -> tuple[bytes, tuple[x509.Certificate, ...]]:
    """Return what the signature is over and its certificates, the signer's first.

    The signature must be over the whole document, by the key of the certificate it names.

    Raises:
        Invalid: `xml.malformed`, `xml.signature`.
        signxml.exceptions.SignXMLException: it does not verify.
    """
    root = parse(content)
    signatures = [one for one in root if one.tag == f"{{{DS}}}Signature"]
    if len(signatures) != 1 or len(root.findall(f".//{{{DS}}}Signature")) != 1:
        raise Invalid("xml.signature", reason="one signature is expected")
    certificates = tuple(_certificates(signatures[0]))
    if not certificates:
        raise Invalid("xml.signature", reason="no certificate")
    signer = _bound(signatures[0], certificates)
    found = XMLVerifier().verify(
        content,
        x509_cert=signer,
        expect_config=_EXPECTED,
        id_attribute="Id",
        parser=etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False),
    )
    results = found if isinstance(found, list) else [found]
    for one in results:
        if one.signed_xml is not None and one.signed_xml.tag == root.tag:
            return one.signed_data, (signer, *(other for other in certificates if other != signer))
    raise Invalid("xml.signature", reason="not over the document")


_EXPECTED = SignatureConfiguration(
    require_x509=True,
    expect_references=True,
    signature_methods=frozenset(
        {
            SignatureMethod.RSA_SHA256,
            SignatureMethod.RSA_SHA384,
            SignatureMethod.RSA_SHA512,
            SignatureMethod.ECDSA_SHA256,
            SignatureMethod.ECDSA_SHA384,
            SignatureMethod.ECDSA_SHA512,
            SignatureMethod.SHA256_RSA_MGF1,
            SignatureMethod.SHA384_RSA_MGF1,
            SignatureMethod.SHA512_RSA_MGF1,
        }
    ),
    digest_algorithms=frozenset(
        {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
    ),
)


def _bound(signature: etree._Element, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that the signed properties name by its digest: no other can be put in."""
    for one in signature.iterfind(f".//{{{XADES}}}CertDigest"):
        method, value = one.find(f"{{{DS}}}DigestMethod"), one.find(f"{{{DS}}}DigestValue")
        name = "" if method is None else method.get("Algorithm", "")
        wanted = base64.b64decode("" if value is None else value.text or "")
        algorithm = _DIGESTS.get(name)
        for certificate in certificates if algorithm is not None else ():
            if algorithm is not None and certificate.fingerprint(algorithm) == wanted:
                return certificate
        break  # the first names the signer, the others its chain
    raise Invalid("xml.signature", reason="signing certificate")


_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    DS + "sha1": hashes.SHA1(),  # noqa: S303 - names a certificate beside a stronger signature
    _SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmlenc#sha512": hashes.SHA512(),
}


def _certificates(signature: etree._Element) -> list[x509.Certificate]:
    found = []
    path = f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
    for one in signature.iterfind(path):
        try:
            encoded = base64.b64decode("".join((one.text or "").split()), validate=True)
            found.append(x509.load_der_x509_certificate(encoded))
        except ValueError as error:
            raise Invalid("xml.signature", reason="certificate") from error
    return found


def _key_information(signature: etree._Element, certificates: Sequence[x509.Certificate]) -> None:
    data = _part(_part(signature, "KeyInfo"), "X509Data")
    for one in certificates:
        encoded = base64.b64encode(one.public_bytes(Encoding.DER)).decode()
        _part(data, "X509Certificate").text = encoded


def _properties(
    signature: etree._Element, identifier: str, certificate: x509.Certificate, at: datetime
) -> etree._Element:
    holder = _part(signature, "Object")
    qualifying = etree.SubElement(
        holder,
        f"{{{XADES}}}QualifyingProperties",
        nsmap={"xades": XADES},
        Target=f"#{identifier}",
    )
    properties = etree.SubElement(
        qualifying, f"{{{XADES}}}SignedProperties", Id=f"{identifier}-properties"
    )
    own = etree.SubElement(properties, f"{{{XADES}}}SignedSignatureProperties")
    etree.SubElement(own, f"{{{XADES}}}SigningTime").text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    named = etree.SubElement(own, f"{{{XADES}}}SigningCertificateV2")
    digest = etree.SubElement(etree.SubElement(named, f"{{{XADES}}}Cert"), f"{{{XADES}}}CertDigest")
    _part(digest, "DigestMethod", Algorithm=_SHA256)
    fingerprint = certificate.fingerprint(hashes.SHA256())
    _part(digest, "DigestValue").text = base64.b64encode(fingerprint).decode()
    data = etree.SubElement(properties, f"{{{XADES}}}SignedDataObjectProperties")
    form = etree.SubElement(
        data, f"{{{XADES}}}DataObjectFormat", ObjectReference=f"#{identifier}-document"
    )
    etree.SubElement(form, f"{{{XADES}}}MimeType").text = "application/vnd.etsi.tsl+xml"
    return properties


def _reference(  # noqa: PLR0913, PLR0917 - the parts of a Reference
    signed: etree._Element,
    uri: str,
    transforms: Sequence[str],
    content: bytes,
    identifier: str | None,
    kind: str | None = None,
) -> None:
    reference = _part(signed, "Reference", URI=uri)
    if identifier is not None:
        reference.set("Id", identifier)
    if kind is not None:
        reference.set("Type", kind)
    chain = _part(reference, "Transforms")
    for one in transforms:
        _part(chain, "Transform", Algorithm=one)
    _part(reference, "DigestMethod", Algorithm=_SHA256)
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    _part(reference, "DigestValue").text = digest


def _part(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{DS}}}{name}", attributes)


def _canonical(element: etree._Element) -> bytes:
    encoded: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    return encoded


def _raw(signer: Signer, signature: bytes) -> bytes:
    """XML holds an ECDSA signature as r and s side by side (RFC 9231 section 2.3.6)."""
    key = signer.public_key
    if isinstance(key, rsa.RSAPublicKey):
        return signature
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("xml.algorithm", algorithm=signer.algorithm.name)
    size = (key.key_size + 7) // 8
    first, second = decode_dss_signature(signature)
    return first.to_bytes(size, "big") + second.to_bytes(size, "big")
