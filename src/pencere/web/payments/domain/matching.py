"""Comparing a bank's statement with the book. Pure: facts go in, differences come out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pencere.web.payments.models import Difference
from pencere.web.payments.providers.protocol import Line

Kind = Difference.Kind
Key = tuple[str, str]  # (movement, number)


@dataclass(frozen=True, slots=True)
class Booked:
    """One movement of the book. `amount` is positive, in qəpik, as the bank says it."""

    movement: str
    number: str
    charge: str
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A difference; an amount that a side does not know is 0."""

    kind: str
    movement: str
    number: str
    charge: str
    reference: str
    bank_amount: int
    book_amount: int


def differences(
    *, lines: Iterable[Line], booked: Iterable[Booked], begin: datetime, end: datetime
) -> list[Found]:
    """Return what does not fit in [begin, end), in the order of its numbers.

    `lines` and `booked` reach beyond the day on both sides, since a movement of midnight stands
    on another day with us than with the bank: only one that neither day explains is a difference.
    """
    by_bank: Mapping[Key, Line] = {(line.kind, line.number): line for line in lines}
    by_book: Mapping[Key, Booked] = {(one.movement, one.number): one for one in booked}
    found = []
    for key in sorted(by_bank.keys() | by_book.keys()):
        line, one = by_bank.get(key), by_book.get(key)
        when = line.at if line is not None else one.at if one is not None else end
        if not begin <= when < end:
            continue
        bank_amount = line.amount if line is not None else 0
        book_amount = one.amount if one is not None else 0
        if bank_amount == book_amount:
            continue
        kind = Kind.BOOK_ONLY if line is None else Kind.BANK_ONLY if one is None else Kind.AMOUNT
        charge = line.charge if line is not None else one.charge if one is not None else ""
        reference = line.reference if line is not None else ""
        found.append(Found(str(kind), key[0], key[1], charge, reference, bank_amount, book_amount))
    return found
