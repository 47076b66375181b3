"""The manifest of a month of the archive, chained to the one before. docs/specs/archive.md.

It lies in the archive as an ASiC-E container, signed by the node and time-stamped, with the
certificates and statuses that prove both years later.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pencere.gateway.archive.sealed import FileFacts
from pencere.gateway.proof.asic import Maker, container
from pencere.gateway.wire.evidence import format_time
from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid

FORMAT = "pencere-archive-manifest/1"
CONTENT = "manifest.json"
_LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """One link of the chain. `first` and `count` are of exchanges, `since` to `until` of time.

    `previous` is the SHA-256 of the container of the manifest before, hex; empty in the first.
    """

    log: str
    number: int
    previous: str
    since: str
    until: str
    first: int
    count: int
    root: str
    files: tuple[FileFacts, ...]
    made_at: str
    escrow: dict[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is signed."""
        return {
            "format": FORMAT, "log": self.log, "number": self.number,
            "previous": self.previous or None, "since": self.since, "until": self.until,
            "first": self.first, "count": self.count, "root": self.root,
            "files": [one.as_json() for one in self.files], "made_at": self.made_at,
            "escrow": self.escrow,
        }  # fmt: skip

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> "Manifest":
        """Read it.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        if written["format"] != FORMAT:
            raise ValueError("another format")
        return cls(
            str(written["log"]), int(written["number"]), str(written["previous"] or ""),
            str(written["since"]), str(written["until"]), int(written["first"]),
            int(written["count"]), str(written["root"]),
            tuple(FileFacts.from_json(one) for one in written["files"]),
            str(written["made_at"]), written["escrow"],
        )  # fmt: skip

    @property
    def name(self) -> str:
        """The name of its container in the archive."""
        return manifest_name(self.number)

    def leaf(self, content: bytes) -> dict[str, Any]:
        """Return the entry of the ledger: nobody can later show another manifest of this number."""
        return {
            "format": "pencere-archive-leaf/1",
            "log": self.log,
            "number": self.number,
            "manifest": hashlib.sha256(content).hexdigest(),
            "first": self.first,
            "count": self.count,
            "root": self.root,
            "until": self.until,
        }


def manifest_name(number: int) -> str:
    """Return the name of a manifest's container."""
    return f"manifest-{number:06}.asice"


def file_name(manifest: int, number: int) -> str:
    """Return the name of a file of exchanges."""
    return f"exchanges-{manifest:06}-{number:06}.pxa"


def root_of_files(files: Sequence[FileFacts]) -> str:
    """Return the digest over the roots of all files, in order; hex."""
    return hashlib.sha256(b"".join(bytes.fromhex(one.root) for one in files)).hexdigest()


def sealed_manifest(
    manifest: Manifest,
    maker: Maker,
    at: datetime,
    *,
    certificates: Sequence[bytes],
    statuses: Sequence[bytes],
) -> bytes:
    """Return the container of a manifest.

    Raises:
        Unavailable: `timestamp.unavailable`.
    """
    files = {CONTENT: canonical_json(manifest.as_json())}
    files |= {f"certificates/{_digest(one)}.der": one for one in certificates}
    files |= {f"statuses/{_digest(one)}.ors": one for one in statuses}
    return container(files, maker, at)


def read_manifest(content: bytes) -> Manifest:
    """Read a container; who signed it is for others to judge.

    Raises:
        Invalid: `archive.malformed`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            info = archive.getinfo(CONTENT)
            if info.file_size > _LARGEST:
                raise Invalid("archive.malformed")
            return Manifest.from_json(json.loads(archive.read(info)))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, OSError,
            NotImplementedError, RuntimeError, EOFError) as problem:  # fmt: skip
        raise Invalid("archive.malformed") from problem


def now_text(at: datetime) -> str:
    """Return an instant as manifests write it."""
    return format_time(at)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
