"""The client's side of time-stamps: ask for one, and verify one offline. RFC 3161."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import requests
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pencere.kernel.errors import Invalid, Refused, Unavailable
from pencere.trust import der, timestamps
from pencere.trust.validation import validate_chain

ANSWER_LIMIT = 65_536
SHORTEST_RSA_BITS = 3072


@dataclass(frozen=True)
class TimeStampClient:
    """Asks the service at `url`. Safe to share between threads."""

    url: str
    timeout_s: float = 5.0

    def token(self, digest: bytes) -> bytes:
        """Return a TimeStampToken (DER) over a SHA-256 digest.

        Raises:
            Unavailable: `timestamp.unavailable`: no answer, a refusal, or another's token.
        """
        nonce = secrets.randbits(63) | 1
        try:
            response = requests.post(
                self.url,
                data=timestamps.request(digest, nonce=nonce),
                headers={"Content-Type": "application/timestamp-query"},
                timeout=self.timeout_s,
                allow_redirects=False,
            )
            if response.status_code != 200:
                raise Unavailable("timestamp.unavailable", reason=f"status {response.status_code}")
            parts = der.only(response.content, der.SEQUENCE, limit=ANSWER_LIMIT)
            status = parts.element(der.SEQUENCE).children().integer()
            if status != 0:
                raise Unavailable("timestamp.unavailable", reason="refused")
            token = parts.element(der.SEQUENCE).encoded
            parts.end()
            info = _info(_signed_data(token))
            imprint = bytes(info["message_imprint"]["hashed_message"].native)
            if imprint != digest or info["nonce"].native != nonce:
                raise Unavailable("timestamp.unavailable", reason="another token")
        except (requests.RequestException, Invalid, ValueError, TypeError) as error:
            raise Unavailable("timestamp.unavailable", reason=type(error).__name__) from error
        return token


def verify_token(
    token: bytes,
    digest: bytes,
    anchors: Sequence[x509.Certificate],
    intermediates: Sequence[x509.Certificate] = (),
) -> datetime:
    """Return the instant a token proves for a SHA-256 digest, aware UTC.

    The time-stamping certificate is judged at that instant. Whether it was revoked since is not
    asked: the token is evidence, and is verified where no service answers.

    Raises:
        Refused: `timestamp.false`, or what `validate_chain` raises.
    """
    try:
        signed = _signed_data(token)
        content = signed["encap_content_info"]["content"]
        info = _info(signed)
        imprint = info["message_imprint"]
        made = info["gen_time"].native
        (signer,) = signed["signer_infos"]
        carried = [
            x509.load_der_x509_certificate(one.dump()) for one in signed["certificates"] or ()
        ]
        certificate = signer_certificate(signer, carried)
        is_ours = (
            imprint["hash_algorithm"]["algorithm"].native == "sha256"
            and bytes(imprint["hashed_message"].native) == digest
            and signed["encap_content_info"]["content_type"].native == "tst_info"
        )
        if not is_ours:
            raise Refused("timestamp.false", reason="imprint")
        verify_signer(signer, certificate, bytes(content.contents), "1.2.840.113549.1.9.16.1.4")
    except (ValueError, TypeError, KeyError, InvalidSignature) as error:
        raise Refused("timestamp.false", reason=type(error).__name__) from error
    if not isinstance(made, datetime):
        raise Refused("timestamp.false", reason="time")
    validate_chain(certificate, [*carried, *intermediates], anchors, made, "tsa")
    return made


def _signed_data(token: bytes) -> cms.SignedData:
    content = cms.ContentInfo.load(token, strict=True)
    if content["content_type"].native != "signed_data":
        raise ValueError("not SignedData")
    return content["content"]


def _info(signed: cms.SignedData) -> tsp.TSTInfo:
    # tsp also teaches asn1crypto the attribute that binds the certificate.
    return tsp.TSTInfo.load(bytes(signed["encap_content_info"]["content"].contents), strict=True)


def signer_certificate(
    signer: cms.SignerInfo, certificates: Sequence[x509.Certificate]
) -> x509.Certificate:
    """Return the certificate that a SignerInfo names by issuer and serial number."""
    sid = signer["sid"].chosen
    issuer, serial = sid["issuer"].dump(), sid["serial_number"].native
    for one in certificates:
        if one.serial_number == serial and one.issuer.public_bytes() == issuer:
            return one
    raise Refused("signature.certificate_missing")


def verify_signer(
    signer: cms.SignerInfo, certificate: x509.Certificate, content: bytes, content_type: str
) -> None:
    """Verify one SignerInfo with SHA-256 over `content`.

    The signed attributes must hold the content's type and digest and bind the certificate.

    Raises:
        InvalidSignature, ValueError: whatever does not fit.
    """
    attributes = {one["type"].dotted: one["values"] for one in signer["signed_attrs"]}
    if len(attributes) != len(signer["signed_attrs"]):
        raise ValueError("attribute twice")
    key = certificate.public_key()
    algorithm = signer["signature_algorithm"]["algorithm"].native
    if signer["digest_algorithm"]["algorithm"].native != "sha256":
        raise ValueError("algorithm")
    (kind,) = attributes["1.2.840.113549.1.9.3"]
    (digest,) = attributes["1.2.840.113549.1.9.4"]
    (binding,) = attributes["1.2.840.113549.1.9.16.2.47"]
    bound = binding["certs"][0]
    is_sha256 = bound["hash_algorithm"]["algorithm"].native == "sha256"
    if (
        kind.dotted != content_type
        or bytes(digest.native) != hashlib.sha256(content).digest()
        or not is_sha256
        or bytes(bound["cert_hash"].native) != certificate.fingerprint(hashes.SHA256())
    ):
        raise ValueError("attributes")
    signed = signer["signed_attrs"].untag().dump()
    value = signer["signature"].native
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "sha256_ecdsa":
        key.verify(value, signed, ec.ECDSA(hashes.SHA256()))
    elif (
        isinstance(key, rsa.RSAPublicKey)
        and key.key_size >= SHORTEST_RSA_BITS
        and algorithm in {"sha256_rsa", "rsassa_pkcs1v15"}
    ):
        key.verify(value, signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise ValueError("algorithm")
