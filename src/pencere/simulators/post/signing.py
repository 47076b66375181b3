"""Signatures between portal and provider. docs/specs/notifications.md, section "Signature"."""

import hashlib
import hmac
from typing import Literal

from pencere.kernel.errors import Refused

Kind = Literal["message", "ping", "report"]

# A message older or newer than this is refused: it may be a replay, or a clock is wrong.
TOLERANCE_S = 300


def sign(*, secret: str, kind: Kind, timestamp: int, body: bytes) -> str:
    """Return the signature as `v1=` and 64 hexadecimal digits."""
    message = b"v1\n" + kind.encode() + b"\n" + str(timestamp).encode() + b"\n" + body
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(  # noqa: PLR0913, each is a part of what is signed
    *, secret: str, kind: Kind, timestamp: str | None, signature: str | None, body: bytes, now: int
) -> None:
    """Refuse a message that is not signed with the secret, or not of this moment.

    Raises:
        Refused: "signature.missing", "signature.forged" or "signature.stale".
    """
    if not timestamp or not signature or not (timestamp.isascii() and timestamp.isdigit()):
        raise Refused("signature.missing")
    expected = sign(secret=secret, kind=kind, timestamp=int(timestamp[:12]), body=body)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Refused("signature.forged")
    if abs(now - int(timestamp)) > TOLERANCE_S:
        raise Refused("signature.stale")
