"""How the public log speaks of whom an entry is about, so that only they recognise it.

Who has the watch key of a holder finds all entries about them; for everybody else no two entries
of one person look alike, and trying out personal numbers finds nothing, since the watch key
hangs on a secret of the centre. See docs/specs/transparency.md.
"""

import hmac
import re

from pencere.kernel.errors import Invalid

_HANDLE = re.compile(r"[0-9a-f]{64}")


def watch_key(digest_key: bytes, holder: str) -> bytes:
    """Return the 32 bytes by which a holder (`PNOAZ-...`, `NTRAZ-...`) finds their entries."""
    return hmac.digest(digest_key, b"watch " + holder.encode(), "sha256")


def mark(digest_key: bytes, holder: str, identifier: str) -> str:
    """Return what stands for the holder in one entry; `identifier` is the entry's own."""
    return mark_of(watch_key(digest_key, holder), identifier)


def mark_of(key: bytes, identifier: str) -> str:
    """Return the mark that entry `identifier` has if it is about the holder of a watch key."""
    return hmac.digest(key, identifier.encode(), "sha256").hex()


def parse_handle(text: str) -> bytes:
    """Read a watch key as people are given it: 64 hexadecimal digits.

    Raises:
        Invalid: `handle.invalid`.
    """
    cleaned = text.strip().lower().replace(" ", "").replace("-", "")
    if not _HANDLE.fullmatch(cleaned):
        raise Invalid("handle.invalid", length=len(cleaned))
    return bytes.fromhex(cleaned)
