"""Contacts of a description: of an office, never of a person.

A unit, its fixed or short telephone, its own e-mail. Written otherwise they are refused; what
stands in an older version is left out of everything that the public reads.
"""

import re
from collections.abc import Iterable, Mapping

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import is_mobile, parse_phone
from pencere.web.stateregister.domain.vocabulary import vocabulary

Contact = Mapping[str, str]

_BETWEEN = re.compile(r"[,;/]|\s{2,}")
_SHORT = re.compile(r"1\d{2,3}")  # 108, 1655: numbers of state bodies and of emergencies
_EXTENSION = re.compile(r"(?i)(?:,?\s*(?:daxili|ext\.?|доб\.?)\s*\d{1,5})$")
_EMAIL = re.compile(r"[^\s@<>\"]{1,64}@((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})")
# A FİN has seven signs, a telephone at least as many; a word of a language has no digit.
_FIN = re.compile(r"(?i)(?<![0-9a-z])(?=[a-z]*[0-9])[0-9a-hj-np-z]{7}(?![0-9a-z])")
_DIGITS = re.compile(r"(?:[0-9][\s().-]{0,2}){7,}")


def check(contacts: Iterable[Contact]) -> None:
    """Refuse contacts that are a person's.

    Raises:
        Invalid: `stateregister.contact_unit`, `stateregister.contact_phone`,
            `stateregister.contact_email`.
    """
    for one in contacts:
        for key, said in one.items():
            if said and not _is_official(key, said):
                raise Invalid(f"stateregister.contact_{key}")


def official(contacts: Iterable[Contact]) -> list[dict[str, str]]:
    """Return contacts without what may be a person's; who has nothing left is left out."""
    kept = (
        {key: said if _is_official(key, said) else "" for key, said in one.items()}
        for one in contacts
    )
    return [one for one in kept if any(one.values())]


def _is_official(key: str, said: str) -> bool:
    rules = {"unit": _is_unit, "phone": _is_office_phone, "email": _is_office_email}
    return key in rules and rules[key](said)


def _is_unit(said: str) -> bool:
    return not (_FIN.search(said) or _DIGITS.search(said) or "@" in said)


def _is_office_phone(said: str) -> bool:
    """Say whether each number is fixed or short; what cannot be read is none of them."""
    for part in _BETWEEN.split(_EXTENSION.sub("", said)):
        number = part.strip()
        if not number or _SHORT.fullmatch(number):
            continue
        try:
            if is_mobile(parse_phone(number)):
                return False
        except Invalid:
            return False
    return True


def _is_office_email(said: str) -> bool:
    """Say whether it is an address of a body: not of a service where anybody has one."""
    read = _EMAIL.fullmatch(said.strip().lower())
    if read is None or _FIN.search(said.partition("@")[0]):
        return False
    return read[1] not in vocabulary().private_mail
