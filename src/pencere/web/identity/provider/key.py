"""The key that signs ID tokens: RSA of 3072 bits, made at first use, kept among the secrets."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

NAME = "openid-key.pem"
# BSI TR-02102-1 asks for 3000 bits at least.
KEY_BITS = 3072


def signing_key_pem(secrets_folder: Path) -> str:
    """Return the private key; processes that start together get the same one."""
    path = secrets_folder / NAME
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        _write_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path.read_text(encoding="ascii")


def _write_once(path: Path, content: bytes) -> None:
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(mine, path)
        except FileExistsError:
            return  # another process was first; its key counts
    finally:
        mine.unlink()
