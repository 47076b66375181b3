"""Dates as people read and write them; instants are shown in Baku time."""

import re
from datetime import date, datetime

from babel.dates import format_date as babel_format_date

from pencere.kernel.clock import BAKU, as_utc
from pencere.kernel.errors import Invalid
from pencere.kernel.text import LANGUAGES

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_WRITTEN = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")


def format_date(day: date, language: str) -> str:
    """Return the date in words: `5 mart 2026`, `5 March 2026`, `5 марта 2026`.

    Raises:
        Invalid: `text.unknown_language`.
    """
    if language not in LANGUAGES:
        raise Invalid("text.unknown_language", language=language[:16])
    return babel_format_date(day, "d MMMM y", locale=language)


def format_date_short(day: date) -> str:
    """Return the date in figures, `05.03.2026`, the same in every language."""
    return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"


def format_instant(instant: datetime, language: str) -> str:
    """Return day and time in Baku: `5 mart 2026, 14:05`.

    Raises:
        Invalid: `text.unknown_language`.
    """
    local = as_utc(instant).astimezone(BAKU)
    return f"{format_date(local.date(), language)}, {local:%H:%M}"


def parse_date(typed: str) -> date:
    """Return the date of `05.03.2026`, `5.3.2026`, or `2026-03-05`.

    Raises:
        Invalid: `date.invalid` for another form, or a day that does not exist.
    """
    text = typed.strip()
    if match := _ISO.fullmatch(text):
        year, month, day = match.groups()
    elif match := _WRITTEN.fullmatch(text):
        day, month, year = match.groups()
    else:
        raise Invalid("date.invalid", value_length=len(typed))
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise Invalid("date.invalid", value_length=len(typed)) from error
