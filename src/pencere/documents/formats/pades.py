"""PAdES baseline signatures in PDF: B-B, B-T, B-LT, B-LTA. EN 319 142-1 V1.2.1.

pyHanko writes the PDF, the CMS is ours. Each step is an incremental update, so what was signed
before stays as it is: a second signature, values for it, another document time-stamp.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from asn1crypto.crl import CertificateList
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import cms_embedder
from pyhanko.sign.signers.pdf_byterange import (
    DocumentTimestamp,
    PdfSignedData,
    PreparedByteRangeDigest,
    SignatureObject,
)
from pyhanko.sign.validation.dss import DocumentSecurityStore

from pencere.documents.formats import cades, cms, tokens
from pencere.documents.formats.cades import SIGNATURE_TIME_STAMP, Choices
from pencere.documents.formats.levels import Evidence, Level, Services, reaches
from pencere.documents.formats.signer import Signer, ToBeSigned, scheme_of
from pencere.documents.formats.signerinfo import signer_certificate
from pencere.kernel.errors import Conflict, Invalid

_MARGIN_BYTES = 2048
# A token with the certificates of its authority; ours takes 3 KB, others up to 8.
_TOKEN_BYTES = 12 * 1024
_DIGEST = "sha256"


@dataclass(frozen=True)
class Visible:
    """A field that is seen: page from 0 (-1 the last), box in points from the lower left."""

    page: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class PdfChoices:
    """How a PDF is signed. `seal` allows no change afterwards and must be the first signature."""

    level: Level = "B-B"
    field: str | None = None
    reason: str | None = None
    seal: bool = False
    visible: Visible | None = None


def prepare(
    pdf: bytes, signer: Signer, services: Services, choices: PdfChoices, *, at: datetime
) -> ToBeSigned:
    """Return what the key must sign for one more signature in a PDF.

    Raises:
        Invalid: `sign.not_pdf`, `sign.pdf_encrypted`.
        Conflict: `sign.pdf_sealed`: an earlier signature allows no more; `sign.field_taken`.
    """
    scheme = scheme_of(signer.certificate)
    room = _MARGIN_BYTES + sum(len(_der(one)) for one in [signer.certificate, *signer.chain])
    room += _TOKEN_BYTES if reaches(choices.level, "B-T") else 0
    placeholder = SignatureObject(
        timestamp=at,
        subfilter=fields.SigSeedSubFilter.PADES,
        reason=choices.reason,
        bytes_reserved=2 * room,
    )
    prepared, output = _place(pdf, placeholder, choices, scheme.digest)
    # A PDF says the time of signing in its own dictionary, and only there (6.3, note f).
    inner = cades.prepare_digest(
        prepared.document_digest,
        signer,
        services,
        Choices("B-T" if reaches(choices.level, "B-T") else "B-B"),
        None,
    )

    def finish(signature: bytes) -> bytes:
        contents = _fill(prepared, output, inner.finish(signature))
        signed = output.getvalue()
        if reaches(choices.level, "B-LT"):
            # Reading the file back for what is known costs more than all the rest.
            signed = _with_values(signed, contents, [_trimmed(contents)], services)
        return _stamped(signed, services) if reaches(choices.level, "B-LTA") else signed

    return ToBeSigned(inner.digest, finish)


def extend(pdf: bytes, level: Level, services: Services) -> bytes:
    """Return a signed PDF with values (B-LT) and another document time-stamp (B-LTA).

    Renews an archive: values of the time-stamps there come first, then a new one over all.

    Raises:
        Invalid: `sign.not_pdf`, `sign.not_signed`, `sign.level_needs_signer`: a signature without
            a time-stamp cannot be given one later in a PDF.
    """
    embedded = _signatures(pdf)
    if not embedded:
        raise Invalid("sign.not_signed")
    for one in embedded:
        signed = cms.load(one)
        is_stamp = signed.content_type == tokens.TST_INFO
        has_token = bool(signed.signers[0].unsigned_values(SIGNATURE_TIME_STAMP))
        if not is_stamp and not has_token and level != "B-LTA":
            raise Invalid("sign.level_needs_signer")
    if reaches(level, "B-LT"):
        pdf = _with_values(pdf, None, embedded, services)
    return _stamped(pdf, services) if reaches(level, "B-LTA") else pdf


def signers_of(pdf: bytes) -> list[x509.Certificate]:
    """Return the certificates of the signatures in a PDF, in order, without those of stamps."""
    found = []
    for encoded in _signatures(pdf):
        signed = cms.load(encoded)
        one = signer_certificate(signed.signers[0], signed.certificates)
        if signed.content_type != tokens.TST_INFO and one is not None:
            found.append(one)
    return found


def has_archive_stamp(pdf: bytes) -> bool:
    """Say whether the last thing signed in a PDF is a document time-stamp."""
    found = _signatures(pdf)
    return bool(found) and cms.load(found[-1]).content_type == tokens.TST_INFO


def _place(
    pdf: bytes, placeholder: PdfSignedData, choices: PdfChoices, digest: str
) -> tuple[PreparedByteRangeDigest, io.BytesIO]:
    """Write the PDF with an empty signature; return its digest and the place to fill."""
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
        if writer.prev.encrypted:
            raise Invalid("sign.pdf_encrypted")
        taken = [name for name, _, _ in fields.enumerate_sig_fields(writer, filled_status=True)]
        _refuse_sealed(writer, taken, choices)
        name = choices.field or _free_name(writer, "Signature")
        if name in taken:
            raise Conflict("sign.field_taken", field=name)
        spec = None
        if choices.visible is not None:
            left, bottom, right, top = (round(one) for one in choices.visible.box)
            box = (left, bottom, right, top)
            spec = fields.SigFieldSpec(name, on_page=choices.visible.page, box=box)
        steps = cms_embedder.PdfCMSEmbedder(spec).write_cms(name, writer)
        next(steps)
        lock = None
        if choices.seal:
            lock = cms_embedder.SigMDPSetup(
                digest, certify=True, docmdp_perms=fields.MDPPerm.NO_CHANGES
            )
        steps.send(cms_embedder.SigObjSetup(placeholder, mdp_setup=lock))
        prepared, output = steps.send(cms_embedder.SigIOSetup(digest))
    except (PdfError, SigningError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid("sign.not_pdf", reason=type(error).__name__) from error
    return prepared, output


def _refuse_sealed(
    writer: IncrementalPdfFileWriter, taken: Sequence[str], choices: PdfChoices
) -> None:
    """Refuse what an earlier signature forbids: after a seal only time-stamps may follow."""
    if not taken:
        return
    if choices.seal:
        raise Conflict("sign.pdf_signed_before")
    for signature in writer.prev.embedded_regular_signatures:
        if signature.docmdp_level == fields.MDPPerm.NO_CHANGES:
            raise Conflict("sign.pdf_sealed")


def _free_name(writer: IncrementalPdfFileWriter, stem: str) -> str:
    names = {name for name, _, _ in fields.enumerate_sig_fields(writer)}
    number = 1
    while f"{stem}{number}" in names:
        number += 1
    return f"{stem}{number}"


def _fill(prepared: PreparedByteRangeDigest, output: io.BytesIO, encoded: bytes) -> bytes:
    """Put the signature into its place; return the contents with their padding."""
    try:
        contents: bytes = prepared.fill_with_cms(output, encoded)
    except SigningError as error:
        raise Invalid("sign.signature_too_large", size_bytes=len(encoded)) from error
    return contents


def _with_values(
    pdf: bytes, contents: bytes | None, signatures: Sequence[bytes], services: Services
) -> bytes:
    """Return the PDF with paths and status of `signatures` (CMS) in its DSS.

    `contents`: those of the new signature with its padding, for the VRI.
    """
    evidence = _evidence(signatures, _stored_certificates(pdf), services)
    output = io.BytesIO(pdf)
    DocumentSecurityStore.add_dss(
        output,
        None if contents is None else contents.hex().upper().encode("ascii"),
        certs=[asn1_x509.Certificate.load(_der(one)) for one in evidence.certificates],
        ocsps=[asn1_ocsp.OCSPResponse.load(one) for one in evidence.ocsps],
        crls=[CertificateList.load(one) for one in evidence.crls],
        strict=False,
    )
    return output.getvalue()


def _evidence(
    signatures: Sequence[bytes], known: list[x509.Certificate], services: Services
) -> Evidence:
    signing: list[x509.Certificate] = []
    stamping: list[x509.Certificate] = []
    for encoded in signatures:
        signed = cms.load(encoded)
        known += signed.certificates
        one = signer_certificate(signed.signers[0], known)
        if one is None:
            raise Invalid("sign.certificate_missing")
        (stamping if signed.content_type == tokens.TST_INFO else signing).append(one)
        for value in signed.signers[0].unsigned_values(SIGNATURE_TIME_STAMP):
            token = tokens.load(value).signed
            known += token.certificates
            stamper = signer_certificate(token.signers[0], known)
            if stamper is not None:
                stamping.append(stamper)
    return services.evidence(signing, stamping, known)


def _stamped(pdf: bytes, services: Services) -> bytes:
    """Return the PDF with a document time-stamp over all of it and the values of its authority."""
    placeholder = DocumentTimestamp(bytes_reserved=2 * _TOKEN_BYTES)  # type: ignore[no-untyped-call]
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
        steps = cms_embedder.PdfCMSEmbedder().write_cms(_free_name(writer, "Timestamp"), writer)
        next(steps)
        steps.send(cms_embedder.SigObjSetup(placeholder))
        prepared, output = steps.send(cms_embedder.SigIOSetup(_DIGEST))
    except (PdfError, SigningError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid("sign.not_pdf", reason=type(error).__name__) from error
    contents = _fill(prepared, output, services.stamp_digest(prepared.document_digest))
    stamped: bytes = output.getvalue()
    return _with_values(stamped, contents, [_trimmed(contents)], services)


def _signatures(pdf: bytes) -> list[bytes]:
    """Return the CMS of every signature and document time-stamp, in the order of signing."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=False)
        return [_trimmed(bytes(one.pkcs7_content)) for one in reader.embedded_signatures]
    except (PdfError, SigningError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid("sign.not_pdf", reason=type(error).__name__) from error


def _trimmed(contents: bytes) -> bytes:
    """Return the CMS without the zeros that pad it."""
    octets = contents[1] & 0x7F if contents[1] > 0x80 else 0
    size = int.from_bytes(contents[2 : 2 + octets], "big") if octets else contents[1]
    return contents[: 2 + octets + size]


def _stored_certificates(pdf: bytes) -> list[x509.Certificate]:
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=False)
        if "/DSS" not in reader.root:
            return []
        store = DocumentSecurityStore.read_dss(reader)
        return cms.load_certificates(one.dump() for one in store.load_certs())
    except (PdfError, ValueError, TypeError, KeyError):
        return []


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
