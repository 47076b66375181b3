"""Comparing distinguished names. RFC 5280 section 7.1, string preparation of RFC 4518.

Case and the amount of white space do not matter, nor does the string type a name is written in.
"""

import unicodedata
from functools import lru_cache

from cryptography import x509

Name = tuple[frozenset[tuple[str, str | bytes]], ...]


@lru_cache(maxsize=4096)
def comparable(name: x509.Name) -> Name:
    """Return a value that is equal for names that are the same."""
    return tuple(
        frozenset((one.oid.dotted_string, _prepared(one.value)) for one in part)
        for part in name.rdns
    )


def is_within(name: Name, base: Name) -> bool:
    """Say whether `name` lies in the subtree of `base`: begins with all of its parts."""
    return name[: len(base)] == base


def _prepared(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    folded = unicodedata.normalize("NFKC", value).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())
