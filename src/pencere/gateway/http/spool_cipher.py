"""The cipher of spool files: AES-256-GCM, a key for each file, the number of a piece as nonce."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SpoolCipher:
    """Seals the pieces of one file; the key is nowhere but here."""

    __slots__ = ("_key",)

    # What a sealed piece is longer than a plain one.
    extra_bytes = 16

    def __init__(self) -> None:
        self._key = AESGCM(AESGCM.generate_key(256))

    def seal(self, number: int, piece: bytes) -> bytes:
        """Seal a piece; each number once."""
        return self._key.encrypt(number.to_bytes(_NONCE_BYTES, "big"), piece, None)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return the piece; ValueError when it was changed, or is another one."""
        try:
            return self._key.decrypt(number.to_bytes(_NONCE_BYTES, "big"), sealed, None)
        except InvalidTag as problem:
            raise ValueError("a piece was changed") from problem
