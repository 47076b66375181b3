"""A signed file in the one form that is judged, whatever format it came in.

Nothing here is believed yet: these are the bytes that were found, whether they hold together,
and what each time-stamp is over.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pencere.documents.formats.found import Found, FoundSignature, FoundStamp
from pencere.documents.validation.material import Material
from pencere.documents.validation.path import ders

StampKind = Literal["content", "signature", "archive", "reference", "container", "document"]


def sha256(content: bytes) -> bytes:
    """Return the name under which proofs of existence know a thing."""
    return hashlib.sha256(content).digest()


@dataclass(frozen=True)
class Stamp:
    """A time-stamp token. `proves` names what it is over, by SHA-256.

    `problems` is empty when its imprint fits and its own signature holds.
    """

    kind: StampKind
    token: bytes
    at: datetime | None
    certificate: bytes | None
    problems: tuple[str, ...]
    proves: frozenset[bytes]
    digest_algorithm: str = ""

    @property
    def sha256(self) -> bytes:
        """The name of the token itself."""
        return sha256(self.token)


@dataclass(frozen=True)
class File:
    """A file of a container. `is_signed`: some signature covers it."""

    name: str
    sha256: str
    is_signed: bool


@dataclass(frozen=True)
class Signature:
    """A signature as found. `value` is what a signature time-stamp is over."""

    name: str
    format: Literal["PAdES", "CAdES", "XAdES"]
    certificate: bytes | None
    value: bytes
    digest_algorithm: str
    signature_algorithm: str
    claimed_at: datetime | None
    problems: tuple[str, ...]
    stamps: tuple[Stamp, ...]
    covers: tuple[str, ...] = ()
    has_evidence: bool = False
    data_sha256: bytes = b""

    @property
    def sha256(self) -> bytes:
        """The name of the signature value."""
        return sha256(self.value)


@dataclass(frozen=True)
class Document:
    """A whole file; `stamps` are over all of it, `problems` concern all of it."""

    form: str
    sha256: str
    signatures: tuple[Signature, ...]
    stamps: tuple[Stamp, ...] = ()
    files: tuple[File, ...] = ()
    problems: tuple[str, ...] = ()
    material: Material = field(default_factory=Material)

    def all_stamps(self) -> tuple[Stamp, ...]:
        """Return every stamp once, those of signatures among them."""
        found = (*self.stamps, *(one for signature in self.signatures for one in signature.stamps))
        return tuple({one.token: one for one in found}.values())


def of_found(found: Found, content: bytes) -> Document:
    """Return what reading a container or a CMS gave, in our form."""
    parts: list[FoundSignature | FoundStamp] = [*found.signatures, *found.stamps]
    parts += [stamp for one in found.signatures for stamp in one.stamps]
    material = Material()
    for one in parts:
        own = (one.certificate,) if one.certificate is not None else ()
        material += Material(ders((*own, *one.certificates)), one.crls, one.ocsps)
    return Document(
        form=found.form,
        sha256=hashlib.sha256(content).hexdigest(),
        signatures=tuple(_signature(one) for one in found.signatures),
        stamps=tuple(_stamp(one, (), found) for one in found.stamps),
        files=tuple(File(one.name, one.sha256, one.signed) for one in found.files),
        problems=found.problems,
        material=material,
    )


def _signature(one: FoundSignature) -> Signature:
    value = one.value or sha256((one.cms or b"") + one.name.encode())
    own: list[bytes] = [sha256(value)]
    stamps = []
    for stamp in one.stamps:
        stamps.append(_stamp(stamp, own, None))
        own.append(sha256(stamp.token))
        own += [sha256(der) for der in (*stamp.crls, *stamp.ocsps, *ders(stamp.certificates))]
    return Signature(
        name=one.name[:128],
        format="CAdES" if one.format == "cades" else "XAdES",
        certificate=None if one.certificate is None else ders((one.certificate,))[0],
        value=value,
        digest_algorithm=one.digest_algorithm,
        signature_algorithm=one.signature_algorithm,
        claimed_at=one.claimed_at,
        problems=one.problems,
        stamps=tuple(stamps),
        covers=one.covers,
        has_evidence=bool(one.ocsps or one.crls),
    )


def _stamp(one: FoundStamp, earlier: Iterable[bytes], container: Found | None) -> Stamp:
    """What a stamp proves is what its reader says; of a signature, its value and no more."""
    proves = set(one.proves)
    if one.kind in {"signature", "archive"}:
        proves |= set(list(earlier)[:1])
    if one.kind == "archive":
        proves |= set(earlier)
    if container is not None and not one.problems:
        proves |= {
            sha256(signature.value)
            for signature in container.signatures
            if signature.value and (not one.covers or signature.name in one.covers)
        }
    return Stamp(
        kind=one.kind,
        token=one.token,
        at=one.at,
        certificate=None if one.certificate is None else ders((one.certificate,))[0],
        problems=one.problems,
        proves=frozenset(proves),
        digest_algorithm=one.imprint_algorithm,
    )
