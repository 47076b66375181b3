"""Reading the signatures of a PDF. ISO 32000-2 section 12.8, EN 319 142-1.

pyHanko takes the file apart and judges what was added after a signature (the shadow attacks);
whether the CMS in it holds is found as for every other format.
"""

import hashlib
import io
import logging
from collections.abc import Iterable

from asn1crypto import parser
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from pencere.documents.formats import cms, signerinfo, tokens
from pencere.documents.validation.evidence import Document, Signature, Stamp, sha256
from pencere.documents.validation.material import Material
from pencere.documents.validation.path import ders
from pencere.kernel.errors import Invalid

# Its warnings quote names from certificates, and a report says all that is to be said.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

MOST_SIGNATURES = 32
MOST_EVIDENCE = 512
_DATA = "1.2.840.113549.1.7.1"
_SIGNATURE_STAMP = "1.2.840.113549.1.9.16.2.14"
_CONTENT_STAMP = "1.2.840.113549.1.9.16.2.20"
_ADOBE_REVOCATION = "1.2.840.113583.1.1.8"
_SUBFILTERS = {"/ETSI.CAdES.detached", "/adbe.pkcs7.detached"}


class Unreadable(Exception):  # noqa: N818 - a verdict about the file, not a fault of ours
    """The file as a whole gets a reason, and no signature is looked at."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(content: bytes) -> Document:
    """Return the signatures of a PDF, in the order of signing.

    Raises:
        Unreadable: `file.damaged`, `file.encrypted`, `document.changed_after`, `signature.none`.
    """
    try:
        reader = PdfFileReader(io.BytesIO(content), strict=True)
        encrypted = reader.encrypted
        signatures = [] if encrypted else list(reader.embedded_signatures)
    except Exception as error:
        raise Unreadable("file.damaged") from error
    if encrypted:
        raise Unreadable("file.encrypted")
    if len(signatures) > MOST_SIGNATURES:
        raise Unreadable("file.too_many_signatures")
    if content[content.rfind(b"%%EOF") + 5 :].strip(b"\r\n \t"):
        raise Unreadable("document.changed_after")
    documents = [one for one in signatures if one.sig_object_type == "/Sig"]
    if not documents:
        raise Unreadable("signature.none")
    try:
        material = _evidence(reader, reader.root)
    except Exception as error:  # a store that is no store: pyHanko raises what it likes
        raise Unreadable("file.damaged") from error
    earlier: list[bytes] = []
    stamps, found = [], []
    for one in signatures:
        material += _carried(one)
        if one in documents:
            found.append(_signature(one, content, bool(material.ocsps or material.crls)))
            earlier.append(found[-1].sha256)
            earlier += [stamp.sha256 for stamp in found[-1].stamps]
        else:
            stamps.append(_document_stamp(one, content, earlier, reader))
            earlier.append(stamps[-1].sha256)
    return Document(
        form="pades",
        sha256=hashlib.sha256(content).hexdigest(),
        signatures=tuple(found),
        stamps=tuple(stamps),
        material=material,
    )


def _signature(one: EmbeddedPdfSignature, content: bytes, has_evidence: bool) -> Signature:
    name = str(one.field_name)[:128]
    try:
        if str(one.sig_object["/SubFilter"]) not in _SUBFILTERS:
            return _malformed(name, "signature.unsupported")
        signed = cms.load(_contents(one))
        if len(signed.signers) != 1 or signed.content is not None:
            return _malformed(name)
        signer, over = signed.signers[0], _covered(one, content)
        checked = signerinfo.check(signer, signed.certificates, over, _DATA)
        stamps = [
            _checked_stamp("signature", token, signer.signature)
            for token in signer.unsigned_values(_SIGNATURE_STAMP)
        ]
    except Invalid as error:
        unsupported = error.code == "format.unsupported"
        return _malformed(name, "signature.unsupported" if unsupported else "signature.malformed")
    except Exception:
        return _malformed(name)
    certificate = checked.certificate
    return Signature(
        name=name,
        format="PAdES",
        certificate=None if certificate is None else ders((certificate,))[0],
        value=signer.signature,
        digest_algorithm=checked.digest_algorithm,
        signature_algorithm=checked.signature_algorithm,
        claimed_at=checked.claimed_at or one.self_reported_timestamp,
        problems=(*checked.problems, *_changes(one)),
        stamps=tuple(stamps),
        has_evidence=has_evidence,
        data_sha256=sha256(over),
    )


def _malformed(name: str, problem: str = "signature.malformed") -> Signature:
    return Signature(name, "PAdES", None, b"", "", "", None, (problem,), ())


def _checked_stamp(kind: str, token: bytes, over: bytes) -> Stamp:
    found = tokens.check("signature" if kind == "signature" else "archive", token, over)
    return Stamp(
        kind="signature" if kind == "signature" else "document",
        token=token,
        at=found.at,
        certificate=None if found.certificate is None else ders((found.certificate,))[0],
        problems=found.problems,
        proves=frozenset({sha256(over)}) if kind == "signature" else frozenset(),
        digest_algorithm=found.imprint_algorithm,
    )


def _document_stamp(
    one: EmbeddedPdfSignature, content: bytes, earlier: Iterable[bytes], reader: PdfFileReader
) -> Stamp:
    """A document time-stamp is over all that the file held when it was made."""
    try:
        token = _contents(one)
        found = _checked_stamp("document", token, _covered(one, content))
        changed = _changes(one)
        held = _evidence(reader, reader.get_historical_root(one.signed_revision))
    except Exception:
        return Stamp("document", b"", None, None, ("time_stamp.malformed",), frozenset())
    proves = {sha256(der) for der in (*held.certificates, *held.crls, *held.ocsps)}
    proves |= set(earlier)
    return Stamp(
        "document",
        found.token,
        found.at,
        found.certificate,
        (*found.problems, *(("time_stamp.wrong",) if changed else ())),
        frozenset(proves),
        found.digest_algorithm,
    )


def _contents(one: EmbeddedPdfSignature) -> bytes:
    """The CMS in /Contents, which is filled up with zeros (ISO 32000-2 section 12.8.3.3)."""
    padded = bytes(one.pkcs7_content)
    length = parser.peek(padded)
    if padded[length:].strip(b"\0"):
        raise ValueError("something after the signature")
    return padded[:length]


def _covered(one: EmbeddedPdfSignature, content: bytes) -> bytes:
    """The bytes a signature is over: two ranges around its own value."""
    first, length, second, rest = (int(number) for number in one.byte_range)
    if min(first, length, second, rest) < 0 or second < length or second + rest > len(content):
        raise ValueError("byte range")
    return content[first : first + length] + content[second : second + rest]


def _changes(one: EmbeddedPdfSignature) -> list[str]:
    try:
        one.compute_integrity_info()  # type: ignore[no-untyped-call]
    except Exception:
        return ["document.changed_after"]
    coverage = SignatureCoverageLevel(one.coverage)
    if coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return ["document.not_covered"]
    if coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return []
    # A further signature fills a form field; a seal that allows no change forbids even that.
    level = getattr(one.diff_result, "modification_level", None)
    is_allowed = level is not None and level <= ModificationLevel.FORM_FILLING
    is_permitted = one.summarise_integrity_info()["docmdp_ok"] is not False
    return [] if is_allowed and is_permitted else ["document.changed_after"]


def _carried(one: EmbeddedPdfSignature) -> Material:
    """Certificates and status in the CMS of a signature and in its time-stamps."""
    try:
        found = _of_cms(cms.load(_contents(one)))
    except Exception:
        return Material()
    return found


def _of_cms(signed: cms.SignedData) -> Material:
    found = Material(ders(signed.certificates), signed.crls, signed.ocsps)
    for signer in signed.signers:
        for token in signer.unsigned_values(_SIGNATURE_STAMP):
            inner = tokens.load(token).signed
            found += Material(ders(inner.certificates), inner.crls, inner.ocsps)
    return found


def _evidence(reader: PdfFileReader, root: generic.DictionaryObject) -> Material:
    """The document security store as it was under a root: EN 319 142-1 section 5.4.2."""
    if "/DSS" not in root:
        return Material()
    store = root["/DSS"]
    return Material(_streams(store, "/Certs"), _streams(store, "/CRLs"), _streams(store, "/OCSPs"))


def _streams(store: generic.DictionaryObject, key: str) -> tuple[bytes, ...]:
    if key not in store:
        return ()
    some = store[key]
    return tuple(
        dict.fromkeys(bytes(some[place].data) for place in range(min(len(some), MOST_EVIDENCE)))
    )
