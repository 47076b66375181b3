"""One way of signing a file for each format, so that a batch need not know which it is.

A method prepares a file for the key, says what the result is called, and recognises a result
that is there already, which is what makes a batch resumable without a list of what was done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pencere.documents.formats import asic, cades, cms, pades, xades
from pencere.documents.formats.found import Found
from pencere.documents.formats.levels import Level, Services, reaches
from pencere.documents.formats.pades import PdfChoices
from pencere.documents.formats.reading import read
from pencere.documents.formats.signer import Signer, ToBeSigned
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Conflict, Invalid

Format = Literal["pades", "cades", "asice-cades", "asice-xades", "xades"]
FORMATS: tuple[Format, ...] = ("pades", "cades", "asice-cades", "asice-xades", "xades")


@dataclass(frozen=True)
class Way:
    """Who signs, with which services, to which level. `enveloped`: content inside a CAdES."""

    signer: Signer
    services: Services
    clock: Clock
    level: Level
    enveloped: bool = False
    reason: str | None = None


class Method(Protocol):
    """What a format does with one file."""

    def target(self, name: str) -> str:
        """Return the name of the result."""

    def prepare(self, name: str, content: bytes, there: bytes | None) -> ToBeSigned:
        """Return what the key must sign; `there`: an earlier result to put a signature beside."""

    def is_done(self, name: str, content: bytes, there: bytes) -> bool:
        """Say whether `there` is this file with a signature of this key, of this level."""


def method(name: Format, way: Way) -> Method:
    """Return the method of a format."""
    if name == "pades":
        return _Pades(way)
    if name == "cades":
        return _Cades(way)
    if name == "xades":
        return _Xades(way)
    return _Asic(way, "cades" if name == "asice-cades" else "xades")


@dataclass(frozen=True)
class _Pades:
    way: Way

    def target(self, name: str) -> str:
        stem, dot, ending = name.rpartition(".")
        return (
            f"{stem}-signed.{ending}" if dot and ending.lower() == "pdf" else f"{name}-signed.pdf"
        )

    def prepare(self, name: str, content: bytes, there: bytes | None) -> ToBeSigned:
        del name
        choices = PdfChoices(self.way.level, reason=self.way.reason)
        at = self.way.clock.now()
        return pades.prepare(there or content, self.way.signer, self.way.services, choices, at=at)

    def is_done(self, name: str, content: bytes, there: bytes) -> bool:
        del name
        if not there.startswith(content):
            raise Conflict("sign.output_exists")
        before, after = pades.signers_of(content), pades.signers_of(there)
        own = self.way.signer.certificate
        is_stamped = pades.has_archive_stamp(there) or not reaches(self.way.level, "B-LTA")
        return after.count(own) > before.count(own) and is_stamped


@dataclass(frozen=True)
class _Cades:
    way: Way

    def target(self, name: str) -> str:
        return f"{name}.p7m" if self.way.enveloped else f"{name}.p7s"

    def prepare(self, name: str, content: bytes, there: bytes | None) -> ToBeSigned:
        del name
        choices = cades.Choices(self.way.level, self.way.enveloped, self.way.clock.now())
        beside = None if there is None else cms.load(there)
        return cades.prepare(content, self.way.signer, self.way.services, choices, beside=beside)

    def is_done(self, name: str, content: bytes, there: bytes) -> bool:
        files = {} if self.way.enveloped else {name: content}
        return _is_ours(_found(there, files), self.way)


@dataclass(frozen=True)
class _Asic:
    way: Way
    flavour: asic.Flavour

    def target(self, name: str) -> str:
        return name if name.endswith(".asice") else f"{name}.asice"

    def prepare(self, name: str, content: bytes, there: bytes | None) -> ToBeSigned:
        is_container = name.endswith(".asice")
        container = asic.opened(there or content) if there or is_container else None
        return asic.prepare(
            container or asic.new({name: content}),
            self.way.signer,
            self.way.services,
            flavour=self.flavour,
            level=self.way.level,
            at=self.way.clock.now(),
        )

    def is_done(self, name: str, content: bytes, there: bytes) -> bool:
        expected = asic.opened(content).data if name.endswith(".asice") else {name: content}
        container = asic.opened(there)
        if container.data != expected:
            raise Conflict("sign.output_exists")
        if not container.is_signed:
            return False
        return _is_ours(_found(there, {}), self.way)


@dataclass(frozen=True)
class _Xades:
    way: Way

    def target(self, name: str) -> str:
        stem, dot, ending = name.rpartition(".")
        if dot and ending.lower() == "xml":
            return f"{stem}-signed.{ending}"
        return f"{name}.xades"

    def prepare(self, name: str, content: bytes, there: bytes | None) -> ToBeSigned:
        at, way = self.way.clock.now(), self.way
        if name.lower().endswith(".xml"):
            return xades.prepare_enveloped(
                there or content, way.signer, way.services, level=way.level, at=at
            )
        if there is not None:
            raise Conflict("sign.output_exists")
        return xades.prepare_detached(
            {name: content}, way.signer, way.services, level=way.level, at=at, container=False
        )

    def is_done(self, name: str, content: bytes, there: bytes) -> bool:
        if not name.lower().endswith(".xml"):
            return _is_ours(_found(there, {name: content}), self.way)
        if xades.without_signatures(there) != xades.without_signatures(content):
            raise Conflict("sign.output_exists")
        return _is_ours(_found(there, {}), self.way)


def _found(there: bytes, files: Mapping[str, bytes]) -> Found:
    try:
        found = read(there, files=files)
    except Invalid as error:
        raise Conflict("sign.output_exists") from error
    if not found.holds:
        raise Conflict("sign.output_exists")
    return found


def _is_ours(found: Found, way: Way) -> bool:
    archived = bool(found.stamps)
    return any(
        one.certificate == way.signer.certificate
        and (archived or reaches(_level(one.level), way.level))
        for one in found.signatures
    )


def _level(name: str) -> Level:
    return next((one for one in ("B-LTA", "B-LT", "B-T") if one == name), "B-B")


def extended(content: bytes, files: Mapping[str, bytes], level: Level, services: Services) -> bytes:
    """Return a signed file of any format, with what is missing for a level or renewed.

    `files`: what a detached signature is over.
    """
    if content.startswith(b"PK"):
        return asic.extend(content, level, services)
    if b"%PDF-" in content[:1024]:
        return pades.extend(content, level, services)
    if content[:1] == b"\x30":
        over = next(iter(files.values()), None)
        return cades.extended(cms.load(content), over, level, services).encoded()
    if content.lstrip().startswith(b"<"):
        return xades.extend(content, files, level, services)
    raise Invalid("format.unknown")
