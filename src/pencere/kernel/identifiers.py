"""Numbers by which persons, bodies, vehicles, and places are known.

Each `parse_*` takes what a person typed, with the spaces, hyphens, and small letters people
type, and returns the one normal form that is stored and compared. None of them guesses: a
letter O where only a zero can stand is refused, not replaced. The refused value itself never
enters the error, only its length.
"""

import re
from typing import Final, NewType

from stdnum import exceptions as stdnum_exceptions
from stdnum import iban as stdnum_iban
from stdnum.az import voen as stdnum_voen

from pencere.kernel.errors import Invalid

Fin = NewType("Fin", str)
Voen = NewType("Voen", str)
Plate = NewType("Plate", str)
Iban = NewType("Iban", str)
Phone = NewType("Phone", str)
Email = NewType("Email", str)
Postcode = NewType("Postcode", str)

# No check digit is published for the FİN. I and O are never given out; 0 is always the digit.
_FIN = re.compile(r"[0-9A-HJ-NP-Z]{7}")
# AZS 599: two digits of the region, two letters, three digits. Q, W, and X are not used.
# A draft of 2025 has regions of three digits, so both are read.
_PLATE = re.compile(r"([0-9]{2,3})[ -]?([A-PR-VYZ]{2})[ -]?([0-9]{3})")
# RFC 5322 dot-atom in the local part, host names in the domain; no comments and no quotes.
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3
_IBAN = re.compile(r"AZ[0-9]{2}[A-Z]{4}[0-9A-Z]{20}")
_VOEN = re.compile(r"[0-9]{10}")
_POSTCODE = re.compile(r"(?:AZ[ -]?)?([0-9]{4})")
_PHONE = re.compile(r"(?:\+994|00994|994|0)?([1-9][0-9])([0-9]{7})")
_PHONE_PUNCTUATION = re.compile(r"[\s()\-.\u2010-\u2013]+")

# National numbering plan, as in libphonenumber 9.0.
MOBILE_PREFIXES: Final = frozenset({"10", "40", "44", "50", "51", "55", "60", "70", "77", "99"})
FIXED_PREFIXES: Final = frozenset(
    {"12", "18", "20", "21", "22", "23", "24", "25", "26", "36"},
)

# Longest thing anyone types for one of these numbers; the rest is refused unread.
_MAX_TYPED = 64


def parse_fin(typed: str) -> Fin:
    """Return the personal identification number (fərdi identifikasiya nömrəsi): 7 characters.

    Raises:
        Invalid: `fin.invalid`.
    """
    if _FIN.fullmatch(typed):
        return Fin(typed)  # most are written as they are stored
    return Fin(_whole(_FIN, _compact(typed), "fin.invalid", typed).group())


def parse_voen(typed: str) -> Voen:
    """Return the taxpayer number (VÖEN): 10 digits, the ninth of them a check digit.

    Nine digits are read as the older form without its leading zero.

    Raises:
        Invalid: `voen.invalid`.
    """
    compact = _compact(typed)
    try:
        number = stdnum_voen.validate(compact)
    except stdnum_exceptions.ValidationError:
        number = ""
    return Voen(_whole(_VOEN, number, "voen.invalid", typed).group())


def is_legal_person(voen: Voen) -> bool:
    """Say whether the VÖEN belongs to a legal person (last digit 1), not a natural one (2)."""
    return voen[-1] == "1"


def parse_plate(typed: str) -> Plate:
    """Return the registration plate as `10-AA-123`.

    Only the form is checked here; which region codes are in use is the country's data.

    Raises:
        Invalid: `plate.invalid`.
    """
    match = _whole(_PLATE, " ".join(_bounded(typed).split()).upper(), "plate.invalid", typed)
    return Plate("-".join(match.groups()))


def parse_iban(typed: str) -> Iban:
    """Return the Azerbaijani account number: `AZ`, 2 check digits, bank, 20 characters.

    Raises:
        Invalid: `iban.invalid`.
    """
    compact = _whole(_IBAN, _compact(typed), "iban.invalid", typed).group()
    try:
        return Iban(str(stdnum_iban.validate(compact, check_country=False)))
    except stdnum_exceptions.ValidationError as error:
        raise Invalid("iban.invalid", value_length=len(typed)) from error


def parse_phone(typed: str) -> Phone:
    """Return the Azerbaijani telephone number in E.164, `+994501234567`.

    Raises:
        Invalid: `phone.invalid`.
    """
    digits = _PHONE_PUNCTUATION.sub("", _bounded(typed))
    match = _whole(_PHONE, digits, "phone.invalid", typed)
    prefix, rest = match.groups()
    if prefix not in MOBILE_PREFIXES and prefix not in FIXED_PREFIXES:
        raise Invalid("phone.invalid", value_length=len(typed))
    return Phone(f"+994{prefix}{rest}")


def parse_email(typed: str) -> Email:
    """Return the e-mail address, its domain in small letters.

    Raises:
        Invalid: `email.invalid`.
    """
    address = typed.strip()
    if len(address) > _LONGEST_EMAIL or not _EMAIL.fullmatch(address):
        raise Invalid("email.invalid", value_length=len(typed))
    local, _at, domain = address.rpartition("@")
    return Email(f"{local}@{domain.lower()}")


def is_mobile(phone: Phone) -> bool:
    """Say whether messages and signing requests can reach the number."""
    return phone[4:6] in MOBILE_PREFIXES


def parse_postcode(typed: str) -> Postcode:
    """Return the postal index as `AZ1000`; the letters may be left out when typing.

    Raises:
        Invalid: `postcode.invalid`.
    """
    match = _whole(_POSTCODE, _compact(typed), "postcode.invalid", typed)
    return Postcode(f"AZ{match.group(1)}")


def _bounded(typed: str) -> str:
    return typed if len(typed) <= _MAX_TYPED else ""


def _compact(typed: str) -> str:
    # ASCII letters only: str.upper would turn ı and ß into Latin capitals nobody typed.
    text = "".join(_bounded(typed).split())
    return text.upper() if text.isascii() else text


def _whole(pattern: re.Pattern[str], text: str, code: str, typed: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise Invalid(code, value_length=len(typed))
    return match
