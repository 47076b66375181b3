"""Whether a SignerInfo holds: digest, attributes, binding of the certificate, signature.

RFC 5652 section 5.6; EN 319 122-1 section 5.2 (signing-certificate attributes).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from pencere.documents.formats import algorithms
from pencere.documents.formats.ber import Node, malformed, parse
from pencere.documents.formats.cms import SignerInfo
from pencere.kernel.errors import Invalid

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


@dataclass(frozen=True)
class Checked:
    """What a SignerInfo turned out to be."""

    certificate: x509.Certificate | None
    digest_algorithm: str
    signature_algorithm: str
    claimed_at: datetime | None
    problems: tuple[str, ...]


def check(
    signer: SignerInfo,
    certificates: Sequence[x509.Certificate],
    content: bytes | None,
    content_type: str | None,
) -> Checked:
    """Check one signature over `content`; None when the content is not to be had.

    `content_type` is None for a countersignature, which has none. Never raises for what is in
    the file: what cannot be read is the problem `signature.malformed`.
    """
    digest = scheme_title = ""
    certificate, claimed = None, None
    problems: list[str] = []
    try:
        certificate = signer_certificate(signer, certificates)
        digest = algorithms.digest_name(parse(signer.digest_algorithm))
        scheme = algorithms.signature_scheme(parse(signer.signature_algorithm), digest)
        scheme_title = scheme.title
        claimed = _claimed(signer)
        problems += _content_problems(signer, digest, content, content_type)
        if certificate is None:
            problems.append("signature.certificate_missing")
        else:
            problems += _key_problems(signer, certificate, scheme, content)
            problems += _binding_problems(signer, certificate)
            if digest in algorithms.WEAK_DIGESTS:
                problems.append("signature.weak_algorithm")
    except Invalid as error:
        unsupported = error.code == "format.unsupported"
        problems.append("signature.unsupported" if unsupported else "signature.malformed")
    except (UnsupportedAlgorithm, ValueError, TypeError, IndexError):
        problems.append("signature.malformed")
    return Checked(certificate, digest, scheme_title, claimed, tuple(dict.fromkeys(problems)))


def signer_certificate(
    signer: SignerInfo, certificates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """Return the certificate that the signer identifier names."""
    sid = parse(signer.sid)
    if sid.tag == 0x80:
        return next((one for one in certificates if _key_id(one) == sid.content), None)
    issuer, serial = sid.children()[:2]
    number = int.from_bytes(serial.content, "big", signed=True)
    return next(
        (
            one
            for one in certificates
            if one.serial_number == number and one.issuer.public_bytes() == issuer.encoded
        ),
        None,
    )


def _key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        ).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return None


def _claimed(signer: SignerInfo) -> datetime | None:
    values = signer.attributes.get(SIGNING_TIME)
    return _only(values).time() if values else None


def _only(values: Sequence[Node]) -> Node:
    if len(values) != 1:
        raise malformed("attribute values")
    return values[0]


def _content_problems(
    signer: SignerInfo, digest: str, content: bytes | None, content_type: str | None
) -> list[str]:
    if content is None:
        return ["signature.content_missing"]
    if not signer.signed:
        return []
    found = []
    kind = signer.attributes.get(CONTENT_TYPE)
    if content_type is not None and (kind is None or _only(kind).oid() != content_type):
        found.append("signature.malformed")
    stated = signer.attributes.get(MESSAGE_DIGEST)
    if stated is None:
        found.append("signature.malformed")
    elif _only(stated).octets() != algorithms.digest(digest, content):
        found.append("signature.altered")
    return found


def _key_problems(
    signer: SignerInfo,
    certificate: x509.Certificate,
    scheme: algorithms.Scheme,
    content: bytes | None,
) -> list[str]:
    if not signer.signed and content is None:
        return []
    over = signer.to_be_verified() if signer.signed else content or b""
    key = certificate.public_key()
    try:
        algorithms.verify(key, scheme, signer.signature, over)
    except InvalidSignature:
        return ["signature.wrong"]
    return ["signature.weak_algorithm"] if algorithms.is_weak(key, scheme) else []


def _binding_problems(signer: SignerInfo, certificate: x509.Certificate) -> list[str]:
    second = signer.attributes.get(SIGNING_CERTIFICATE_V2)
    first = signer.attributes.get(SIGNING_CERTIFICATE)
    if second is None and first is None:
        return ["signature.not_bound"]
    for values, is_second in ((second, True), (first, False)):
        if values is None:
            continue
        bound = _only(values).children()[0].children()[0].children()
        name = "sha256" if is_second else "sha1"
        if is_second and bound[0].tag == 0x30 and len(bound) > 1 and bound[1].tag == 0x04:
            name = algorithms.digest_name(bound.pop(0))
        if bound[0].octets() != certificate.fingerprint(_fingerprint(name)):
            return ["signature.not_bound"]
    return []


def _fingerprint(name: str) -> hashes.HashAlgorithm:
    return algorithms.hash_of(name)
