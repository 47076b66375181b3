"""Issued documents on disk, named by their digest. The file itself is what the person gets."""

import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings

from pencere.kernel.errors import Missing


def keep(content: bytes) -> bytes:
    """Store a document and return its SHA-256. Written beside, flushed, renamed."""
    digest = hashlib.sha256(content).digest()
    path = _path(digest)
    if path.exists():
        return digest
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{secrets.token_hex(8)}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return digest


def content_of(digest: bytes) -> bytes:
    """Return a document, checked against its digest.

    Raises:
        Missing: "document.missing": it is gone, or its bytes have changed.
    """
    path = _path(digest)
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).digest() != digest:
        raise Missing("document.missing")
    return content


def _path(digest: bytes) -> Path:
    name = digest.hex()
    return Path(settings.INSTALLATION.files) / "issued" / name[:2] / f"{name}.pdf"
