"""Whole signatures made in the centre: PAdES and CAdES around one key. CSC API v2, signDoc.

What is agreed to is the digest of the document; what the key signs are the signed attributes
made here, which hold that digest. EN 319 142-1 and EN 319 122-1, baseline levels.
"""

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from asn1crypto import algos, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import fields, signers
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from pencere.kernel.errors import Invalid, Unavailable

# What a PDF that is damaged, or made to do damage, ends in.
_UNREADABLE = (
    PdfError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

Format = Literal["P", "C"]
LEVELS = ("AdES-B-B", "AdES-B-T", "AdES-B-LT", "AdES-B-LTA")
# CAdES beyond B-T is made by `pencere.documents`, above this plane.
LEVELS_OF: dict[Format, tuple[str, ...]] = {"P": LEVELS, "C": LEVELS[:2]}
ENVELOPES: dict[Format, tuple[str, ...]] = {
    "P": ("Certification", "Revision"),
    "C": ("Detached", "Attached"),
}


@dataclass(frozen=True)
class Key:
    """What signs: `sign` takes bytes and returns the raw signature value over their digest."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    mechanism_oid: str
    hash_name: str
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Surroundings:
    """What the higher levels need: time-stamps, and the roots below which status is asked."""

    respond: Callable[[bytes], bytes]
    anchors: Sequence[x509.Certificate]
    at: datetime


@dataclass(frozen=True)
class Wish:
    """How one document is to be signed."""

    format: Format
    level: str
    envelope: str


def sign_pdf(pdf: bytes, wish: Wish, key: Key, around: Surroundings) -> bytes:
    """Return the PDF with one more signature.

    Raises:
        Invalid: `document.not_pdf`.
        Unavailable: `document.status`: the status of a certificate could not be had.
    """
    try:
        return asyncio.run(_sign_pdf(pdf, wish, key, around))
    except (SigningError, OSError) as error:
        raise Unavailable("document.status", error=type(error).__name__) from error
    except _UNREADABLE as error:
        raise Invalid("document.not_pdf", reason=type(error).__name__) from error


def sign_digest(digest: bytes, wish: Wish, key: Key, around: Surroundings) -> bytes:
    """Return a detached CMS over a document of which only the digest is here."""
    return asyncio.run(_sign_digest(digest, wish, key, around))


def sign_content(content: bytes, wish: Wish, key: Key, around: Surroundings) -> bytes:
    """Return a CAdES signature over `content`, with it inside unless `Detached` is wished."""
    return asyncio.run(_sign_content(content, wish, key, around))


async def _sign_pdf(pdf: bytes, wish: Wish, key: Key, around: Surroundings) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    taken = {name for name, _, _ in fields.enumerate_sig_fields(writer)}
    name = next(f"Signature{n}" for n in range(1, len(taken) + 2) if f"Signature{n}" not in taken)
    is_long = wish.level in LEVELS[2:]
    context = None
    if is_long:
        context = ValidationContext(
            trust_roots=[_to_asn1(one) for one in around.anchors],
            other_certs=[_to_asn1(one) for one in (key.certificate, *key.chain)],
            allow_fetching=True,
            revocation_mode="require",
            moment=around.at,
        )
    metadata = signers.PdfSignatureMetadata(
        field_name=name,
        md_algorithm=key.hash_name.lower(),
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=wish.envelope == "Certification" and not taken,
        embed_validation_info=is_long,
        use_pades_lta=wish.level == LEVELS[3],
        validation_context=context,
        signer_key_usage={"non_repudiation"},
        cades_signed_attr_spec=CAdESSignedAttrSpec(),
    )
    signer = signers.PdfSigner(metadata, signer=_Signer(key), timestamper=_stamper(wish, around))
    return bytes((await signer.async_sign_pdf(writer)).getvalue())


async def _sign_digest(digest: bytes, wish: Wish, key: Key, around: Surroundings) -> bytes:
    is_pdf = wish.format == "P"
    signed = await _Signer(key).async_sign(
        digest,
        key.hash_name.lower(),
        use_pades=True,
        timestamper=_stamper(wish, around),
        signed_attr_settings=_attributes(None if is_pdf else around.at),
        is_pdf_sig=is_pdf,
    )
    return bytes(signed.dump())


async def _sign_content(content: bytes, wish: Wish, key: Key, around: Surroundings) -> bytes:
    signed = await _Signer(key).async_sign_general_data(
        content,
        key.hash_name.lower(),
        detached=wish.envelope == "Detached",
        use_cades=True,
        timestamper=_stamper(wish, around),
        signed_attr_settings=_attributes(around.at),
    )
    return bytes(signed.dump())


def _attributes(signing_time: datetime | None) -> PdfCMSSignedAttributes:
    return PdfCMSSignedAttributes(
        signing_time=signing_time, cades_signed_attrs=CAdESSignedAttrSpec()
    )


def _stamper(wish: Wish, around: Surroundings) -> TimeStamper | None:
    return None if wish.level == LEVELS[0] else _Stamper(around.respond)


class _Stamper(TimeStamper):
    """Our own time-stamping unit, in this process."""

    def __init__(self, respond: Callable[[bytes], bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._respond = respond

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._respond(req.dump()))


class _Signer(signers.Signer):
    def __init__(self, key: Key) -> None:
        certificates = [_to_asn1(one) for one in (key.certificate, *key.chain)]
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        for one in certificates:
            store.register(one)
        super().__init__(
            signing_cert=certificates[0],
            cert_registry=store,
            signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": key.mechanism_oid}),
            embed_roots=False,
        )
        self._key = key

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        if dry_run:
            return bytes(512)
        if digest_algorithm != self._key.hash_name.lower():
            raise Invalid("request.field", field="hashAlgorithmOID")
        return self._key.sign(data)


def _to_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
