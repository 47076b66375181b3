"""Files of applicants on disk: sealed, named by the digest of what they hold.

A file that was not checked yet has UNCHECKED behind its name and is given to nobody; of one in
which something harmful was found only a name with INFECTED is left.
"""

import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings

from pencere.kernel.errors import Missing, Refused, Unavailable
from pencere.web.people.vault import vault

UNCHECKED, INFECTED = ".unchecked", ".infected"


def keep(content: bytes, *, checked: bool = True) -> bytes:
    """Store content and return its SHA-256. Written beside, flushed, renamed: whole or not.

    What is not `checked` waits in quarantine.
    """
    digest = hashlib.sha256(content).digest()
    path = _path(digest)
    if path.exists():
        return digest
    if not checked:
        path = _marked(digest, UNCHECKED)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(vault().seal_bytes(content, digest))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    if checked:
        _marked(digest, UNCHECKED).unlink(missing_ok=True)
    return digest


def content_of(digest: bytes) -> bytes:
    """Return what is kept under a digest.

    Raises:
        Missing: "file.missing".
        Unavailable: "file.being_checked": it waits in quarantine.
        Refused: "file.infected": something harmful was found in it.
    """
    path = _path(digest)
    if path.exists():
        return vault().open_bytes(path.read_bytes(), digest)
    if _marked(digest, INFECTED).exists():
        raise Refused("file.infected")
    if _marked(digest, UNCHECKED).exists():
        raise Unavailable("file.being_checked")
    raise Missing("file.missing")


def waiting() -> list[bytes]:
    """Return the digests in quarantine."""
    return sorted(bytes.fromhex(path.stem) for path in _root().rglob(f"*{UNCHECKED}"))


def content_in_quarantine(digest: bytes) -> bytes:
    """Return a waiting file, for who checks it."""
    return vault().open_bytes(_marked(digest, UNCHECKED).read_bytes(), digest)


def release(digest: bytes) -> None:
    """Let a file that was checked out of quarantine."""
    _marked(digest, UNCHECKED).replace(_path(digest))


def condemn(digest: bytes) -> None:
    """Delete a file in which something harmful was found; that it was, is remembered."""
    _marked(digest, INFECTED).touch(mode=0o600)
    _marked(digest, UNCHECKED).unlink(missing_ok=True)


def forget(digest: bytes) -> None:
    """Delete what is kept under a digest; nothing happens when it is gone."""
    _path(digest).unlink(missing_ok=True)
    for mark in (UNCHECKED, INFECTED):
        _marked(digest, mark).unlink(missing_ok=True)


def _marked(digest: bytes, mark: str) -> Path:
    path = _path(digest)
    return path.with_name(path.name + mark)


def _path(digest: bytes) -> Path:
    name = digest.hex()
    return _root() / name[:2] / name


def _root() -> Path:
    return Path(settings.INSTALLATION.files) / "sealed"
