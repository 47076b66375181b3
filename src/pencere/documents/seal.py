"""The electronic seal of a body on a PDF: PAdES baseline B-LT or B-LTA (EN 319 142-1).

The seal is a certifying signature that allows no change afterwards, with a time-stamp from our
authority and the status of every certificate at that moment, so that anyone can verify it later
without asking anybody.
"""

import asyncio
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import fields, signers
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import RevokedError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from pencere.documents.remote import Http, SealService, StatusEvidence
from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Invalid, PencereError, Refused, Unavailable

Level = Literal["B-LT", "B-LTA"]

FIELD = "Seal"
_DIGEST = "sha256"
# Signed attributes, names of issuers, the signature itself.
_MARGIN_BYTES = 2048


class _Stamper(TimeStamper):
    """Our time-stamping authority. One is kept for an address, with its certificates."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url
        self._http = Http("time_stamp")

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        answer = self._http.post(
            self._url, content=req.dump(), Content_Type="application/timestamp-query"
        )
        return tsp.TimeStampResp.load(answer)

    async def sample(self) -> bytes:
        """Return a token of this authority as it was given before, for its size."""
        return bytes((await self.async_dummy_response(_DIGEST)).dump())

    def certificates(self) -> list[x509.Certificate]:
        """Return the certificates that came with the sample: the authority's and its chain."""
        return [_from_asn1(one) for one in self.cert_registry]


class _RemoteSigner(signers.Signer):
    def __init__(self, service: SealService) -> None:
        chain = [_to_asn1(one) for one in service.certificates()]
        super().__init__(
            signing_cert=chain[0],
            cert_registry=_store(chain),
            embed_roots=False,
        )
        self._service = service

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        if dry_run:
            return bytes(72)  # the longest DER of an ECDSA signature on P-256
        if digest_algorithm != _DIGEST:
            raise Invalid("seal.digest", algorithm=digest_algorithm)
        return self._service.sign(data)


@dataclass(frozen=True)
class _Call:
    """What one sealing is made of."""

    pdf: bytes
    signer: _RemoteSigner
    stamper: _Stamper
    context: ValidationContext
    level: Level
    reason: str | None
    cms_size_bytes: int


def seal_pdf(  # noqa: PLR0913 - the last three have defaults
    pdf: bytes,
    service: SealService,
    tsa_url: str,
    *,
    anchors: Sequence[x509.Certificate],
    level: Level = "B-LT",
    reason: str | None = None,
    clock: Clock | None = None,
) -> bytes:
    """Return the PDF with the seal of `service` as its last change.

    `anchors`: the roots under which seal and time-stamp must stand. `reason`: shown by readers,
    in the language of the document. Blocks for the time of five small requests.

    Raises:
        Refused: `seal.revoked`, `seal.untrusted`, `seal.refused`, `seal.signature`.
        Unavailable: `seal.unavailable`, `status.unavailable`, `time_stamp.unavailable`.
        Invalid: `seal.not_pdf`, `seal.sealed_already`.
    """
    stamper = _stamper(tsa_url)
    signer = _RemoteSigner(service)
    try:
        sample = asyncio.run(stamper.sample())
        stamping = stamper.certificates()
        now = (clock or SystemClock()).now()
        context = ValidationContext(
            trust_roots=[_to_asn1(one) for one in anchors],
            other_certs=[_to_asn1(one) for one in [*service.certificates(), *stamping]],
            ocsps=_evidence(service.certificates(), stamping, anchors),
            crls=[],
            revocation_mode="require",
            moment=now,
        )
        # Room for the signature is reckoned here: to have it estimated means to sign twice.
        size = len(sample) + sum(len(_der(one)) for one in service.certificates()) + _MARGIN_BYTES
        return asyncio.run(_seal(_Call(pdf, signer, stamper, context, level, reason, size)))
    except PencereError:
        raise
    except TimestampRequestError as error:
        raise Unavailable("time_stamp.unavailable", error=type(error).__name__) from error
    except SigningError as error:
        code = "seal.revoked" if _is_revocation(error) else "seal.untrusted"
        raise Refused(code) from error
    except PdfError as error:
        raise Invalid("seal.not_pdf") from error


async def _seal(call: _Call) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(call.pdf))
    if any(True for _ in fields.enumerate_sig_fields(writer, filled_status=True)):
        raise Invalid("seal.sealed_already")
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm=_DIGEST,
        reason=call.reason,
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        embed_validation_info=True,
        use_pades_lta=call.level == "B-LTA",
        validation_context=call.context,
        signer_key_usage={"non_repudiation"},
        cades_signed_attr_spec=CAdESSignedAttrSpec(),
    )
    signing = signers.PdfSigner(metadata, signer=call.signer, timestamper=call.stamper)
    output = await signing.async_sign_pdf(writer, bytes_reserved=2 * call.cms_size_bytes)
    return bytes(output.getvalue())


_STATUS = StatusEvidence()


def _evidence(
    sealing: Sequence[x509.Certificate],
    stamping: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> list[bytes]:
    """Return the status of every certificate below the roots; that of the seal asked for now."""
    known = {one.subject.public_bytes(): one for one in [*anchors, *sealing, *stamping]}
    roots = set(anchors)
    answers = []
    for certificate in dict.fromkeys([*sealing, *stamping]):
        issuer = known.get(certificate.issuer.public_bytes())
        if certificate not in roots and issuer is not None:
            fresh = certificate == sealing[0]
            answers.append(_STATUS.ocsp(certificate, issuer, fresh=fresh))
    return answers


def _store(certificates: Sequence[asn1_x509.Certificate]) -> SimpleCertificateStore:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    for certificate in certificates:
        store.register(certificate)
    return store


# A new certificate of the authority is noticed when its stamper is made anew.
_STAMPER_S = 300.0
_stampers: dict[str, tuple[float, _Stamper]] = {}


def _stamper(url: str) -> _Stamper:
    until, kept = _stampers.get(url, (0.0, None))
    if kept is None or time.monotonic() > until:
        kept = _Stamper(url)
        _stampers[url] = (time.monotonic() + _STAMPER_S, kept)
    return kept


def _is_revocation(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RevokedError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _to_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(_der(certificate))


def _from_asn1(certificate: asn1_x509.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.dump())
