"""Money in whole qəpik: 100 to the manat. Fractions of a qəpik never leave a rule function."""

import re
from functools import lru_cache
from typing import NewType

from babel.numbers import format_decimal

from pencere.kernel.errors import Invalid
from pencere.kernel.text import LANGUAGES

Qepik = NewType("Qepik", int)

# Whole manats with or without groups of three, then one or two digits after , or . A group mark
# and a decimal mark are never the same sign, so "1.234" alone is refused as unclear.
_AMOUNT = re.compile(
    r"(?P<manats>[0-9]{1,13}"
    r"|[0-9]{1,3}(?P<mark>[ \u00a0\u202f.,])[0-9]{3}(?:(?P=mark)[0-9]{3})*)"
    r"(?:(?P<point>[.,])(?P<fraction>[0-9]{1,2}))?"
)
_MAX_TYPED = 32


def parse_amount(typed: str) -> Qepik:
    """Return the amount in qəpik of `30`, `30.00`, `30,5`, `1 234,50`, `1.234,50`, `1,234.50`.

    Raises:
        Invalid: `amount.invalid` for a sign, a third decimal, or an unclear group mark.
    """
    text = typed.strip()
    match = _AMOUNT.fullmatch(text) if len(text) <= _MAX_TYPED else None
    if match is None or _unclear(match):
        raise Invalid("amount.invalid", value_length=len(typed))
    manats = int(re.sub(r"[^0-9]", "", match["manats"]))
    fraction = (match["fraction"] or "").ljust(2, "0")
    return Qepik(manats * 100 + int(fraction))


def _unclear(match: re.Match[str]) -> bool:
    mark = match["mark"]
    return mark in {".", ","} and match["point"] in {None, mark}


@lru_cache(maxsize=4096)
def format_amount(qepik: Qepik | int, language: str) -> str:
    """Return the amount as the language writes it: `1.234,50 AZN`, `1,234.50 AZN`.

    Raises:
        Invalid: `text.unknown_language`.
    """
    if language not in LANGUAGES:
        raise Invalid("text.unknown_language", language=language[:16])
    sign = "-" if qepik < 0 else ""
    manats, fraction = divmod(abs(qepik), 100)
    point = "." if language == "en" else ","
    whole = format_decimal(manats, format="#,##0", locale=language)
    return f"{sign}{whole}{point}{fraction:02d} AZN"
