"""A person's signature over a document: detached CAdES-B-B and B-T. EN 319 122-1.

Two steps, since the key is in a phone: `prepare` gives the digest to be signed there,
`assemble` makes the signature file from what came back. `verify` needs no service: certificate
and time-stamp are inside, status is asked only where a source is given.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from asn1crypto import cms as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa

from pencere.kernel.errors import Refused
from pencere.trust import cms, der
from pencere.trust.mobile import Identity, identity_of
from pencere.trust.sessions import is_signed
from pencere.trust.stamping import signer_certificate, verify_signer, verify_token
from pencere.trust.validation import StatusSource, is_self_issued, validate_chain

LARGEST_SIGNATURE = 262_144
# What a person signs with: a key in their own device, or one in the centre. Both are the person's
# signature; only the first certificate says that the key is in a qualified device.
PURPOSES = ("person-signature", "person-remote")


@dataclass(frozen=True)
class Prepared:
    """What is about to be signed. `digest` goes to the phone; both are kept until it answers."""

    attributes: bytes
    digest: bytes


@dataclass(frozen=True)
class Signature:
    """A verified signature. `signed_at` is proven by a time-stamp, or None without one."""

    signer: Identity
    certificate: x509.Certificate
    signed_at: datetime | None
    claimed_at: datetime


def prepare(content: bytes, certificate: x509.Certificate, at: datetime) -> Prepared:
    """Return the signed attributes for `content` and the digest the phone must sign."""
    attributes = b"".join(
        sorted(
            (
                cms.attribute(cms.CONTENT_TYPE, cms.DATA),
                cms.attribute(
                    cms.MESSAGE_DIGEST, der.octet_string(hashlib.sha256(content).digest())
                ),
                cms.attribute(cms.SIGNING_TIME, der.time(at)),
                cms.attribute(cms.SIGNING_CERTIFICATE_V2, cms.signing_certificate_v2(certificate)),
            )
        )
    )
    signed = der.tlv(der.SET, attributes)
    return Prepared(attributes, hashlib.sha256(signed).digest())


def assemble(
    prepared: Prepared,
    signature: bytes,
    chain: Sequence[x509.Certificate],
    time_stamp_token: bytes | None = None,
) -> bytes:
    """Return the detached CMS, DER: B-T with a token over `stamp_digest(signature)`, else B-B.

    `signature` is a DER Ecdsa-Sig-Value, or PKCS#1 v1.5 of an RSA key; `chain` begins with the
    signer's certificate.

    Raises:
        Refused: `signature.false`, it is not over this digest or not with this key.
    """
    if not is_signed(chain[0], prepared.digest, "SHA256", signature):
        raise Refused("signature.false")
    unsigned = b""
    if time_stamp_token is not None:
        unsigned = der.context(1, cms.attribute(cms.SIGNATURE_TIME_STAMP, time_stamp_token))
    signer_info = der.sequence(
        der.integer(1),
        cms.issuer_and_serial(chain[0]),
        cms.SHA256,
        der.context(0, prepared.attributes),
        _algorithm(chain[0]),
        der.octet_string(signature),
        unsigned,
    )
    signed_data = der.sequence(
        der.integer(1),
        der.tlv(der.SET, cms.SHA256),
        der.sequence(cms.DATA),
        cms.certificates(list(chain)),
        der.tlv(der.SET, signer_info),
    )
    return der.sequence(cms.SIGNED_DATA, der.context(0, signed_data))


def stamp_digest(signature: bytes) -> bytes:
    """Return what a signature time-stamp is over: SHA-256 of the signature value."""
    return hashlib.sha256(signature).digest()


def verify(
    encoded: bytes,
    content: bytes,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    ocsp: StatusSource | None = None,
) -> Signature:
    """Verify a detached signature of a person over `content`.

    `anchors` holds roots and issuing authorities. The certificate is judged at the instant of
    the time-stamp, without one at `at`; status, where asked, is that of `at`.

    Raises:
        Refused: `signature.malformed`, `signature.false`, what `verify_token` and
            `validate_chain` raise.
    """
    try:
        signer, carried = _parse(encoded)
        certificate = signer_certificate(signer, carried)
        verify_signer(signer, certificate, content, "1.2.840.113549.1.7.1")
        claimed = _claimed_time(signer)
        token = _token(signer)
    except InvalidSignature as error:
        raise Refused("signature.false") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Refused("signature.malformed", reason=type(error).__name__) from error
    roots = [one for one in anchors if is_self_issued(one)]
    between = [one for one in anchors if not is_self_issued(one)]
    signed_at = None
    if token is not None:
        digest = stamp_digest(bytes(signer["signature"].native))
        signed_at = verify_token(token, digest, roots, between)
    path = validate_chain(certificate, [*carried, *between], roots, signed_at or at, PURPOSES)
    if ocsp is not None:
        for one, issuer in pairwise(path):
            ocsp.check(one, issuer, at)
    return Signature(identity_of(certificate), certificate, signed_at, claimed)


def _algorithm(certificate: x509.Certificate) -> bytes:
    is_rsa = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    return cms.RSA_SHA256 if is_rsa else cms.ECDSA_SHA256


def _parse(encoded: bytes) -> tuple[asn1.SignerInfo, list[x509.Certificate]]:
    if len(encoded) > LARGEST_SIGNATURE:
        raise ValueError("too large")
    content = asn1.ContentInfo.load(encoded, strict=True)
    if content["content_type"].native != "signed_data":
        raise ValueError("not SignedData")
    signed = content["content"]
    if signed["encap_content_info"]["content"].native is not None:
        raise ValueError("not detached")
    (signer,) = signed["signer_infos"]
    carried = [x509.load_der_x509_certificate(one.dump()) for one in signed["certificates"]]
    return signer, carried


def _claimed_time(signer: asn1.SignerInfo) -> datetime:
    for attribute in signer["signed_attrs"]:
        if attribute["type"].dotted == cms.SIGNING_TIME:
            claimed = attribute["values"][0].native
            if isinstance(claimed, datetime):
                return claimed
    raise ValueError("no signing time")


def _token(signer: asn1.SignerInfo) -> bytes | None:
    found = [
        bytes(attribute["values"][0].dump())
        for attribute in signer["unsigned_attrs"] or ()
        if attribute["type"].dotted == cms.SIGNATURE_TIME_STAMP
    ]
    if len(found) > 1:
        raise ValueError("more than one time-stamp")
    return found[0] if found else None
