"""Files of applicants on disk: sealed, named by the digest of what they hold."""

import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings

from pencere.kernel.errors import Missing
from pencere.web.people.vault import vault


def keep(content: bytes) -> bytes:
    """Store content and return its SHA-256. Written beside, flushed, renamed: whole or not."""
    digest = hashlib.sha256(content).digest()
    path = _path(digest)
    if path.exists():
        return digest
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(vault().seal_bytes(content, digest))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return digest


def content_of(digest: bytes) -> bytes:
    """Return what is kept under a digest, else raise Missing("file.missing")."""
    path = _path(digest)
    if not path.exists():
        raise Missing("file.missing")
    return vault().open_bytes(path.read_bytes(), digest)


def forget(digest: bytes) -> None:
    """Delete what is kept under a digest; nothing happens when it is gone."""
    _path(digest).unlink(missing_ok=True)


def _path(digest: bytes) -> Path:
    name = digest.hex()
    return Path(settings.INSTALLATION.files) / "sealed" / name[:2] / name
