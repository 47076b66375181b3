"""Parts of Cryptographic Message Syntax that time-stamps and signatures of people share.

RFC 5652 section 5; the signing-certificate attribute of RFC 5035.
"""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.trust import der

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"

SIGNED_DATA = der.object_identifier("1.2.840.113549.1.7.2")
DATA = der.object_identifier("1.2.840.113549.1.7.1")
SHA256 = der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"))
RSA_SHA256 = der.sequence(der.object_identifier("1.2.840.113549.1.1.11"), der.NULL_VALUE)
ECDSA_SHA256 = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))


def attribute(oid: str, value: bytes) -> bytes:
    """Return an Attribute with one value."""
    return der.sequence(der.object_identifier(oid), der.tlv(der.SET, value))


def issuer_and_serial(certificate: x509.Certificate) -> bytes:
    """Return the IssuerAndSerialNumber of a certificate (section 10.2.4)."""
    return der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


def signing_certificate_v2(certificate: x509.Certificate) -> bytes:
    """Return a SigningCertificateV2; SHA-256 is its default and therefore not written."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    names = der.sequence(der.context(4, certificate.issuer.public_bytes()))
    issuer_serial = der.sequence(names, der.integer(certificate.serial_number))
    return der.sequence(der.sequence(der.sequence(der.octet_string(digest), issuer_serial)))


def certificates(found: list[x509.Certificate]) -> bytes:
    """Return the certificates field of SignedData."""
    return der.context(0, b"".join(sorted(one.public_bytes(Encoding.DER) for one in found)))
