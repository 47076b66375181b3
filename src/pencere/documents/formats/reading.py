"""The one door for reading: a file of any of the formats, taken apart and checked.

Works on bytes alone: no network, no clock, bounded. What is found is for the validation service
to judge, which runs this in a process with limits.
"""

import hashlib
from collections.abc import Mapping

from lxml import etree

from pencere.documents.formats import asic_read, cades, cms, xades_read, xmlsafe
from pencere.documents.formats.archive import LARGEST_BYTES
from pencere.documents.formats.found import Found, FoundFile
from pencere.kernel.errors import Invalid

_NONE: Mapping[str, bytes] = {}


def read(content: bytes, *, files: Mapping[str, bytes] = _NONE) -> Found:
    """Read a CAdES or XAdES signature or an ASiC container.

    `files`: by name, what a detached signature is over; a container has its own.

    Raises:
        Invalid: `format.unknown`, `format.damaged`, `format.too_large`, `format.dangerous`. No
            other error, whatever the bytes are.
    """
    if len(content) > LARGEST_BYTES:
        raise Invalid("format.too_large")
    try:
        if content.startswith(b"PK\x03\x04"):
            return asic_read.read(content)
        if content[:1] == b"\x30":
            return _read_cades(content, files)
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return _read_xades(content, files)
    except (RecursionError, MemoryError, etree.LxmlError) as error:
        raise Invalid("format.damaged", reason=type(error).__name__) from error
    raise Invalid("format.unknown")


def _read_cades(content: bytes, files: Mapping[str, bytes]) -> Found:
    signed = cms.load(content)
    over: bytes | None = None
    covers: tuple[str, ...] = ()
    problems: list[str] = []
    if signed.content is None and len(files) == 1:
        covers = tuple(files)
        over = files[covers[0]]
    elif signed.content is not None and files and [*files.values()] != [signed.content]:
        problems.append("container.unsigned_file")
    signatures = cades.examine(signed, over, covers=covers)
    if not signatures:
        problems.append("signature.none")
    inside = {"content": signed.content} if signed.content is not None else dict(files)
    return Found("cades", _files(inside, set(inside)), tuple(signatures), (), tuple(problems))


def _read_xades(content: bytes, files: Mapping[str, bytes]) -> Found:
    root = xmlsafe.parse(content)
    listed = xades_read.signatures_in(root)
    is_document = root.tag != f"{{{xmlsafe.DS}}}Signature" and not root.tag.endswith(
        "}XAdESSignatures"
    )
    document = "document.xml" if is_document or not files else None
    signatures = []
    for number, one in enumerate(listed):
        name = "signature" if len(listed) == 1 else f"signature#{number + 1}"
        signatures.append(xades_read.examine(root, one, files, name=name, document=document))
    covered = {name for one in signatures for name in one.covers}
    around = dict(files) | ({"document.xml": content} if is_document else {})
    problems = [] if listed else ["signature.none"]
    if set(around) - covered or not covered:
        problems.append("container.unsigned_file")
    return Found("xades", _files(around, covered), tuple(signatures), (), tuple(problems))


def _files(files: Mapping[str, bytes], covered: set[str]) -> tuple[FoundFile, ...]:
    return tuple(
        FoundFile(name, len(content), hashlib.sha256(content).hexdigest(), name in covered)
        for name, content in files.items()
    )
