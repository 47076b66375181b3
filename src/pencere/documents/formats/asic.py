"""ASiC containers: many files and their signatures in one. EN 319 162-1 V1.1.1.

Made: ASiC-E with CAdES (to B-LTA) or with XAdES (to B-LTA). A signature added later touches
nothing that is there. Long-term protection of the CAdES flavour is an ASiCArchiveManifest over
everything in the container with a time-stamp of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pencere.documents.formats import archive, cades, cms, manifest, tokens, xades
from pencere.documents.formats.cades import Choices
from pencere.documents.formats.levels import Level, Services, reaches
from pencere.documents.formats.signer import Signer, ToBeSigned
from pencere.documents.formats.signerinfo import signer_certificate
from pencere.kernel.errors import Conflict, Invalid

ASIC_E = "application/vnd.etsi.asic-e+zip"
ASIC_S = "application/vnd.etsi.asic-s+zip"
ODF = "META-INF/manifest.xml"
ARCHIVE_MANIFEST = "META-INF/ASiCArchiveManifest.xml"
IS_MANIFEST = re.compile(r"META-INF/ASiCManifest[^/]*\.xml", re.IGNORECASE)
IS_ARCHIVE_MANIFEST = re.compile(r"META-INF/ASiCArchiveManifest[^/]*\.xml", re.IGNORECASE)
IS_CADES = re.compile(r"META-INF/[^/]*signature[^/]*\.p7s", re.IGNORECASE)
IS_XADES = re.compile(r"META-INF/[^/]*signatures[^/]*\.xml", re.IGNORECASE)
IS_STAMP = re.compile(r"META-INF/[^/]*timestamp[^/]*\.tst", re.IGNORECASE)

Flavour = Literal["cades", "xades"]


@dataclass(frozen=True)
class Container:
    """A container in memory: everything but `mimetype`, in order."""

    files: dict[str, bytes]

    @property
    def data(self) -> dict[str, bytes]:
        """The files people put in."""
        return {name: one for name, one in self.files.items() if not is_meta(name)}

    @property
    def is_signed(self) -> bool:
        """Say whether there is any signature in it, whatever it is worth."""
        return any(IS_CADES.fullmatch(one) or IS_XADES.fullmatch(one) for one in self.files)

    def with_file(self, name: str, content: bytes) -> "Container":
        """Return it with a file added or replaced."""
        return Container({**self.files, name: content})

    def packed(self) -> bytes:
        """Return the ZIP file."""
        return archive.pack(self.files, mimetype=ASIC_E)


def is_meta(name: str) -> bool:
    """Say whether a name belongs to the container and not to the people who filled it."""
    return name == "mimetype" or name.upper().startswith("META-INF/")


def new(files: Mapping[str, bytes]) -> Container:
    """Return a container with files and no signature.

    Raises:
        Invalid: `sign.file_name`, `sign.no_files`.
    """
    if not files:
        raise Invalid("sign.no_files")
    for name in files:
        if is_meta(name) or not archive.is_safe_name(name):
            raise Invalid("sign.file_name", file=name)
    return Container(dict(files))


def opened(content: bytes) -> Container:
    """Read a container to sign or extend it; its signatures are not judged.

    Raises:
        Invalid: `format.*`; `sign.not_asic` for another kind of ZIP file.
    """
    unpacked = archive.unpack(content)
    kind = unpacked.files.get("mimetype", b"").decode("latin-1").strip()
    if kind != ASIC_E or unpacked.problems:
        raise Invalid("sign.not_asic")
    return Container({name: one for name, one in unpacked.files.items() if name != "mimetype"})


def prepare(  # noqa: PLR0913 - the last three are named by whoever calls
    container: Container,
    signer: Signer,
    services: Services,
    *,
    flavour: Flavour,
    level: Level,
    at: datetime,
) -> ToBeSigned:
    """Return what the key must sign for one more signature over every file of the container.

    Raises:
        Conflict: `sign.other_flavour`: signatures of the other kind are there already.
    """
    there = "cades" if any(IS_MANIFEST.fullmatch(name) for name in container.files) else None
    there = "xades" if any(IS_XADES.fullmatch(name) for name in container.files) else there
    if there not in {None, flavour}:
        raise Conflict("sign.other_flavour", there=there)
    if flavour == "xades":
        return _prepare_xades(container, signer, services, level, at)
    return _prepare_cades(container, signer, services, level, at)


def extend(content: bytes, level: Level, services: Services) -> bytes:
    """Return a container with every signature brought to `level`.

    B-LTA adds a time-stamp over everything in it, which also renews the ones before.
    """
    container = opened(content)
    signatures = [name for name in container.files if IS_CADES.fullmatch(name)]
    if not signatures:
        return _extend_xades(container, level, services).packed()
    for name in signatures:
        signed = cms.load(container.files[name])
        grown = cades.extended(signed, _over(container, name), _cades_level(level), services)
        if not _is_archived(container, name):
            container = container.with_file(name, grown.encoded())
    if reaches(level, "B-LTA"):
        container = _archived(container, services)
    return container.packed()


def _prepare_cades(
    container: Container, signer: Signer, services: Services, level: Level, at: datetime
) -> ToBeSigned:
    number = _next_number(
        container, "META-INF/signature{:03}.p7s", "META-INF/ASiCManifest{:03}.xml"
    )
    signature_name = f"META-INF/signature{number:03}.p7s"
    written = manifest.write(signature_name, manifest.SIGNATURE_TYPE, container.data)
    choices = Choices(_cades_level(level), signing_time=at)
    prepared = cades.prepare(written, signer, services, choices)

    def finish(signature: bytes) -> bytes:
        made = container.with_file(f"META-INF/ASiCManifest{number:03}.xml", written)
        made = made.with_file(signature_name, prepared.finish(signature))
        return (_archived(made, services) if reaches(level, "B-LTA") else made).packed()

    return replace(prepared, finish=finish)


def _prepare_xades(
    container: Container, signer: Signer, services: Services, level: Level, at: datetime
) -> ToBeSigned:
    number = _next_number(container, "META-INF/signatures{:03}.xml")
    prepared = xades.prepare_detached(
        container.data, signer, services, level=level, at=at, container=True
    )

    def finish(signature: bytes) -> bytes:
        listed = manifest.write_odf(ASIC_E, container.data)
        made = container if ODF in container.files else container.with_file(ODF, listed)
        name = f"META-INF/signatures{number:03}.xml"
        return made.with_file(name, prepared.finish(signature)).packed()

    return replace(prepared, finish=finish)


def _extend_xades(container: Container, level: Level, services: Services) -> Container:
    found = [name for name in container.files if IS_XADES.fullmatch(name)]
    if not found:
        raise Invalid("sign.not_asic")
    for name in found:
        grown = xades.extend(container.files[name], container.data, level, services)
        container = container.with_file(name, grown)
    return container


def _cades_level(level: Level) -> Level:
    """Return the level of the signature itself: the container carries what is above B-LT."""
    return "B-LT" if level == "B-LTA" else level


def _over(container: Container, signature_name: str) -> bytes:
    for name, content in container.files.items():
        if IS_MANIFEST.fullmatch(name):
            read = manifest.read(content)
            if manifest.resolve(read.signature, container.files) == signature_name:
                return content
    raise Invalid("sign.not_asic")


def _is_archived(container: Container, signature_name: str) -> bool:
    """Say whether an archive manifest is over a signature, which must then not change."""
    return any(
        signature_name in manifest.read(content).covers(container.files)
        for name, content in container.files.items()
        if IS_ARCHIVE_MANIFEST.fullmatch(name)
    )


def _archived(container: Container, services: Services) -> Container:
    """Return it with a time-stamp over everything in it (EN 319 162-1 section 4.4.3.2, A.7)."""
    files = dict(container.files)
    previous = ""
    if ARCHIVE_MANIFEST in files:
        # The newest has the bare name; those before are numbered. What they say stays the same.
        count = _next_number(container, "META-INF/ASiCArchiveManifest{:03}.xml")
        previous = f"META-INF/ASiCArchiveManifest{count:03}.xml"
        files = {previous if name == ARCHIVE_MANIFEST else name: one for name, one in files.items()}
        stamp_name = manifest.resolve(manifest.read(files[previous]).signature, files)
        files[stamp_name] = _with_values(files[stamp_name], services)
    number = _next_number(Container(files), "META-INF/timestamp{:03}.tst")
    stamp_name = f"META-INF/timestamp{number:03}.tst"
    # The ODF list names files and proves nothing; it may grow.
    covered = {name: one for name, one in files.items() if name != ODF}
    written = manifest.write(stamp_name, manifest.STAMP_TYPE, covered, previous)
    token = _with_values(services.stamp(written), services)
    return Container({**files, ARCHIVE_MANIFEST: written, stamp_name: token})


def _with_values(token: bytes, services: Services) -> bytes:
    """Return a token that carries the path and status of its own authority."""
    signed = tokens.load(token).signed
    stamping = signer_certificate(signed.signers[0], signed.certificates)
    if stamping is None:
        raise Invalid("sign.certificate_missing")
    evidence = services.evidence([], [stamping], signed.certificates)
    return signed.carrying(evidence.certificates, evidence.ocsps, evidence.crls).encoded()


def _next_number(container: Container, *patterns: str) -> int:
    taken = {name.lower() for name in container.files}
    number = 1
    while any(one.format(number).lower() in taken for one in patterns):
        number += 1
    return number
