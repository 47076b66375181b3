"""Reading ASiC containers: every signature, every time-stamp, and whether all files are covered.

EN 319 162-1. A file that no signature is over, an entry that nobody knows, a list that differs
from what is there: each is a problem of the container, never passed over.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from pencere.documents.formats import archive, cades, cms, manifest, tokens, xades_read, xmlsafe
from pencere.documents.formats.asic import (
    ASIC_E,
    ASIC_S,
    IS_ARCHIVE_MANIFEST,
    IS_CADES,
    IS_MANIFEST,
    IS_STAMP,
    IS_XADES,
    ODF,
    is_meta,
)
from pencere.documents.formats.found import Form, Found, FoundFile, FoundSignature, FoundStamp
from pencere.documents.formats.manifest import Manifest
from pencere.kernel.errors import Invalid

_MOST_SIGNATURES = 64


def read(content: bytes) -> Found:
    """Read a container.

    Raises:
        Invalid: `format.damaged`, `format.too_large`, `format.dangerous`, `format.unknown`.
    """
    unpacked = archive.unpack(content)
    files = unpacked.files
    kind = _kind(files)
    problems = [*unpacked.problems]
    if archive.mimetype_problem(content, kind):
        problems.append("container.mimetype")
    names = [name for name in files if IS_CADES.fullmatch(name) or IS_XADES.fullmatch(name)]
    if len(names) > _MOST_SIGNATURES:
        raise Invalid("format.too_large", reason="signatures")
    data = {name: one for name, one in files.items() if not is_meta(name)}
    manifests, manifest_problems = _manifests(files)
    problems += manifest_problems
    signatures: list[FoundSignature] = []
    for name in names:
        if IS_CADES.fullmatch(name):
            signatures += _cades(name, files, data, manifests, simple=kind == ASIC_S)
        else:
            signatures += _xades(name, files, data)
    stamps = _stamps(files, data, manifests, simple=kind == ASIC_S)
    problems += _uncovered(files, data, signatures, stamps)
    problems += _odf_problems(files, data)
    return Found(
        _form(kind, names),
        _found_files(data, signatures, stamps),
        tuple(signatures),
        tuple(stamps),
        tuple(dict.fromkeys(problems)),
    )


def _kind(files: Mapping[str, bytes]) -> str:
    stated = files.get("mimetype", b"").decode("latin-1").strip()
    if stated in {ASIC_E, ASIC_S}:
        return stated
    if not any(IS_CADES.fullmatch(one) or IS_XADES.fullmatch(one) for one in files):
        raise Invalid("format.unknown")
    return ASIC_E


def _form(kind: str, names: list[str]) -> Form:
    has_xades = any(IS_XADES.fullmatch(name) for name in names)
    if kind == ASIC_S:
        return "asics-xades" if has_xades else "asics-cades"
    return "asice-xades" if has_xades else "asice-cades"


def _manifests(files: Mapping[str, bytes]) -> tuple[dict[str, tuple[str, Manifest]], list[str]]:
    """Return the manifests by the name of the signature or stamp over them; two are refused."""
    found: dict[str, tuple[str, Manifest]] = {}
    problems = []
    for name, content in files.items():
        if not (IS_MANIFEST.fullmatch(name) or IS_ARCHIVE_MANIFEST.fullmatch(name)):
            continue
        try:
            one = manifest.read(content)
            over = manifest.resolve(one.signature, files)
            one.covers(files)
        except Invalid:
            problems.append("manifest.malformed")
            continue
        if over in found:
            problems.append("manifest.ambiguous")
        if over not in files:
            problems.append("manifest.not_signed")
        found[over] = (name, one)
    return found, problems


def _cades(
    name: str,
    files: Mapping[str, bytes],
    data: Mapping[str, bytes],
    manifests: Mapping[str, tuple[str, Manifest]],
    *,
    simple: bool,
) -> list[FoundSignature]:
    over: bytes | None = None
    covers: tuple[str, ...] = ()
    problems: list[str] = []
    if name in manifests:
        manifest_name, listed = manifests[name]
        over, covers = files[manifest_name], listed.covers(files)
        problems = listed.problems(files)
    elif simple and len(data) == 1:
        covers = tuple(data)
        over = data[covers[0]]
    else:
        problems = ["manifest.missing"]
    try:
        signed = cms.load(files[name])
        if signed.content is not None:
            problems.append("signature.malformed")  # detached is what a container asks for
        found = cades.examine(signed, over, name=name, covers=covers)
    except (Invalid, ValueError):
        return [unreadable(name, "cades")]
    if not found:
        return [unreadable(name, "cades")]
    return [replace(one, problems=(*one.problems, *problems)) for one in found]


def _xades(
    name: str, files: Mapping[str, bytes], data: Mapping[str, bytes]
) -> list[FoundSignature]:
    try:
        root = xmlsafe.parse(files[name])
        listed = xades_read.signatures_in(root)
    except Invalid:
        return [unreadable(name, "xades")]
    if not listed:
        return [unreadable(name, "xades")]
    found = []
    for number, one in enumerate(listed):
        label = name if len(listed) == 1 else f"{name}#{number + 1}"
        examined = xades_read.examine(root, one, data, name=label)
        if one.getparent() is not root or root.tag.rpartition("}")[2] != "XAdESSignatures":
            examined = replace(examined, problems=(*examined.problems, "signature.misplaced"))
        found.append(examined)
    return found


def _stamps(
    files: Mapping[str, bytes],
    data: Mapping[str, bytes],
    manifests: Mapping[str, tuple[str, Manifest]],
    *,
    simple: bool,
) -> list[FoundStamp]:
    found = []
    for name, content in files.items():
        if not IS_STAMP.fullmatch(name):
            continue
        if name in manifests:
            manifest_name, listed = manifests[name]
            covers = listed.covers(files)
            one = tokens.check(
                "container",
                content,
                files[manifest_name],
                covers=covers,
                proves=_proved([files[part] for part in covers]),
            )
            found.append(replace(one, problems=(*one.problems, *listed.problems(files))))
        elif simple and len(data) == 1:
            (over,) = data.values()
            found.append(tokens.check("container", content, over, covers=tuple(data)))
        else:
            found.append(tokens.check("container", content, None))
    return found


def _proved(covered: list[bytes]) -> frozenset[bytes]:
    """Return what a stamp over a manifest proves: what lies in the signatures it lists."""
    found: set[bytes] = set()
    for content in covered:
        if content[:1] == b"\x30":
            found |= tokens.within(content)
    return frozenset(found)


def _uncovered(
    files: Mapping[str, bytes],
    data: Mapping[str, bytes],
    signatures: list[FoundSignature],
    stamps: list[FoundStamp],
) -> list[str]:
    known = (IS_CADES, IS_XADES, IS_STAMP, IS_MANIFEST, IS_ARCHIVE_MANIFEST)
    problems = []
    if not signatures and not stamps:
        problems.append("signature.none")
    if any(one.covers and set(data) - set(one.covers) for one in signatures):
        problems.append("container.partly_signed")
    if set(data) - _covered(signatures, stamps) or not data:
        problems.append("container.unsigned_file")
    for name in files:
        is_known = name in {ODF, "mimetype"} or any(one.fullmatch(name) for one in known)
        if is_meta(name) and not is_known:
            return [*problems, "container.unknown_entry"]
    return problems


def _covered(signatures: list[FoundSignature], stamps: list[FoundStamp]) -> set[str]:
    by_signatures = {name for one in signatures for name in one.covers}
    return by_signatures | {name for one in stamps for name in one.covers}


def _odf_problems(files: Mapping[str, bytes], data: Mapping[str, bytes]) -> list[str]:
    if ODF not in files:
        return []
    try:
        listed = manifest.read_odf(files[ODF])
        names = {manifest.resolve(one, files) for one in listed if not is_meta(one)}
    except Invalid:
        return ["container.manifest_differs"]
    return [] if names == set(data) else ["container.manifest_differs"]


def _found_files(
    data: Mapping[str, bytes], signatures: list[FoundSignature], stamps: list[FoundStamp]
) -> tuple[FoundFile, ...]:
    covered = _covered(signatures, stamps)
    return tuple(
        FoundFile(name, len(content), hashlib.sha256(content).hexdigest(), name in covered)
        for name, content in data.items()
    )


def unreadable(name: str, form: str) -> FoundSignature:
    """Return what is said of a signature that could not be read at all."""
    return FoundSignature(
        name=name,
        format="cades" if form == "cades" else "xades",
        level="B-B",
        covers=(),
        certificate=None,
        certificates=(),
        ocsps=(),
        crls=(),
        claimed_at=None,
        digest_algorithm="",
        signature_algorithm="",
        stamps=(),
        problems=("signature.malformed",),
    )
