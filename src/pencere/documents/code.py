"""The code by which anyone checks a document: `/v/<code>`.

20 signs of Crockford's alphabet (no I, L, O, U), 100 bits, so a code is not found by trying. It
is shown in groups of five and read with any grouping, in either case, with O for 0 and I or L
for 1.
"""

import re
import secrets
from typing import Final, NewType

from pencere.kernel.errors import Invalid

DocumentCode = NewType("DocumentCode", str)

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 20
_GROUP = 5
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2013.]+")
_MISREAD = str.maketrans("OIL", "011")
_MAX_TYPED = 64


def new_code() -> DocumentCode:
    """Return a code that nobody has seen."""
    return DocumentCode("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))


def parse_code(typed: str) -> DocumentCode:
    """Return the code as it is stored: 20 signs without groups.

    Raises:
        Invalid: `document_code.invalid`.
    """
    compact = _SEPARATORS.sub("", typed) if len(typed) <= _MAX_TYPED else ""
    code = compact.upper().translate(_MISREAD) if compact.isascii() else ""
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        raise Invalid("document_code.invalid", value_length=len(typed))
    return DocumentCode(code)


def grouped(code: DocumentCode) -> str:
    """Return the code as people read it: `7QK2M-9XH4T-B6W0Z-3NFPA`."""
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))
