"""Choices, words, dates, numbers and sums."""

import re
from collections.abc import Callable, Mapping
from datetime import date

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_email
from pencere.kernel.money import format_amount, parse_amount
from pencere.kernel.text import LANGUAGES, Text
from pencere.services.cleaning.common import (
    FieldError,
    FieldErrors,
    Raw,
    several,
    text_in,
    typed,
    wrong,
)
from pencere.services.model.question import Question
from pencere.services.words import say_each

_MAX_NUMBER = 10**12


def one_of(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return the value of the chosen one."""
    chosen = typed(raw, question.id)
    if not chosen:
        return None
    if all(choice.value != chosen for choice in question.choices):
        raise wrong(question, "answer.choose_one")
    return chosen


def many_of(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return the values of the chosen ones in the order of the definition."""
    chosen = set(several(raw, question.id))
    if not chosen:
        return None
    if not chosen <= {choice.value for choice in question.choices}:
        raise wrong(question, "answer.choose_from_list")
    if len(chosen) < (question.minimum or 0):
        raise wrong(question, "answer.choose_more", limit=str(question.minimum))
    if question.maximum is not None and len(chosen) > question.maximum:
        raise wrong(question, "answer.choose_fewer", limit=str(question.maximum))
    return [choice.value for choice in question.choices if choice.value in chosen]


def yes_no(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return true or false."""
    chosen = typed(raw, question.id)
    if chosen not in {"", "yes", "no"}:
        raise wrong(question, "answer.choose_one")
    return chosen == "yes" if chosen else None


def declaration(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return True: what is not agreed to cannot be answered."""
    if typed(raw, question.id) == "yes":
        return True
    if question.required:
        raise wrong(question, "declaration.required")
    return None


def text(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return words."""
    return text_in(question, raw, question.id)


def email(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return an e-mail address, its domain in small letters."""
    address = typed(raw, question.id)
    if not address:
        return None
    try:
        return str(parse_email(address))
    except Invalid as error:
        raise wrong(question, "email.invalid") from error


def day(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return a date of three fields."""
    fields = question.fields()
    parts = [typed(raw, name) for name in fields]
    if not any(parts):
        return None
    missing = [name for name, part in zip(fields, parts, strict=True) if not part]
    if missing:
        raise wrong(question, "date.incomplete", missing[0])
    if not all(re.fullmatch(r"[0-9]{1,4}", part) for part in parts) or len(parts[2]) != 4:
        raise wrong(question, "date.invalid")
    number, month, year = map(int, parts)
    try:
        return date(year, month, number)
    except ValueError as error:
        raise wrong(question, "date.invalid") from error


def number(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return a whole number."""
    written = re.sub(r"[\s\u00a0]", "", typed(raw, question.id))
    if not written:
        return None
    if not re.fullmatch(r"-?[0-9]{1,13}", written) or abs(int(written)) > _MAX_NUMBER:
        raise wrong(question, "number.invalid")
    return _within(question, int(written), str)


def decimal(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return a number in units of its last place: 12,5 with two decimals is 1250."""
    written = re.sub(r"[\s\u00a0]", "", typed(raw, question.id)).replace(",", ".")
    if not written:
        return None
    match = re.fullmatch(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,6}))?", written)
    if match is None or len(match[3] or "") > question.decimals:
        raise wrong(question, "decimal.invalid", limit=str(question.decimals))
    units = int(match[2] + (match[3] or "").ljust(question.decimals, "0"))
    if units > _MAX_NUMBER:
        raise wrong(question, "decimal.invalid", limit=str(question.decimals))
    return _within(
        question, -units if match[1] else units, lambda limit: decimal_written(question, limit)
    )


def decimal_written(question: Question, value: int) -> str:
    """Return a decimal as it is typed, without zeros at its end."""
    if question.decimals == 0:
        return str(value)
    digits = str(abs(value)).rjust(question.decimals + 1, "0")
    whole, rest = digits[: -question.decimals], digits[-question.decimals :].rstrip("0")
    return ("-" if value < 0 else "") + (f"{whole}.{rest}" if rest else whole)


def money(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    """Return a sum in qəpik."""
    written = typed(raw, question.id)
    if not written:
        return None
    try:
        amount = parse_amount(written)
    except Invalid as error:
        raise wrong(question, "amount.invalid") from error
    for limit, broken, code in (
        (question.minimum, amount < (question.minimum or 0), "amount.too_small"),
        (question.maximum, amount > (question.maximum or amount), "amount.too_large"),
    ):
        if limit is not None and broken:
            words = Text(**{lang: format_amount(limit, lang) for lang in LANGUAGES})
            raise FieldErrors([FieldError(question.id, code, say_each(code, {"limit": words}))])
    return int(amount)


def _within(question: Question, value: int, shown: Callable[[int], str]) -> int:
    if question.minimum is not None and value < question.minimum:
        raise wrong(question, "number.too_small", limit=shown(question.minimum))
    if question.maximum is not None and value > question.maximum:
        raise wrong(question, "number.too_large", limit=shown(question.maximum))
    return value
