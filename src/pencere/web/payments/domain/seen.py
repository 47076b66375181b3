"""Days of money as an accountant sees them: the list, one day's lines, refunds that wait.

`bodies` limits what is seen to charges of these bodies; None is all, for the keeper of the book.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Min, Q, QuerySet

from pencere.kernel.clock import BAKU
from pencere.web.payments.domain import days
from pencere.web.payments.models import (
    Charge,
    Closing,
    Difference,
    Entry,
    Refund,
    Statement,
    StatementLine,
)

Bodies = Collection[str] | None

# A refund the job has not done by then is shown as one that waits.
PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Day:
    """`state` is open, matched, differing or closed; `left` counts open differences."""

    day: date
    state: str
    left: int
    is_next: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One movement: what the bank and what the book say, in qəpik; None: it does not know it."""

    movement: str
    number: str
    charge: str
    body: str
    bank: int | None
    book: int | None
    at: datetime

    @property
    def is_matched(self) -> bool:
        """Whether both say the same."""
        return self.bank == self.book


def listed(*, at: datetime, begin: int = 0, limit: int = 60) -> list[Day]:
    """Return days from today backwards to the first of the book."""
    first = Entry.objects.aggregate(first=Min("at"))["first"]
    if first is None:
        return []
    today, oldest = at.astimezone(BAKU).date(), first.astimezone(BAKU).date()
    count = min((today - oldest).days + 1 - begin, limit)
    wanted = [today - timedelta(days=begin + n) for n in range(max(count, 0))]
    closed = set(Closing.objects.filter(day__in=wanted).values_list("day", flat=True))
    compared = set(Statement.objects.filter(day__in=wanted).values_list("day", flat=True))
    left: dict[date, int] = {}
    for day in Difference.objects.filter(day__in=wanted, explained_at=None).values_list(
        "day", flat=True
    ):
        left[day] = left.get(day, 0) + 1
    upcoming = days.next_open()
    return [
        Day(day, _state(day, closed, compared, left), left.get(day, 0), day == upcoming)
        for day in wanted
    ]


def count_of_days(*, at: datetime) -> int:
    """Return how many days the list has."""
    first = Entry.objects.aggregate(first=Min("at"))["first"]
    return (
        0
        if first is None
        else (at.astimezone(BAKU).date() - first.astimezone(BAKU).date()).days + 1
    )


def one(day: date) -> Day:
    """Return one day."""
    left = Difference.objects.filter(day=day, explained_at=None).count()
    closed = set(Closing.objects.filter(day=day).values_list("day", flat=True))
    compared = set(Statement.objects.filter(day=day).values_list("day", flat=True))
    state = _state(day, closed, compared, {day: left} if left else {})
    return Day(day, state, left, day == days.next_open())


def totals(*, day: date, bodies: Bodies) -> list[tuple[str, str, int]]:
    """Return (account, treasury code, sum) of a day, fee accounts as the body earned."""
    begin, end = days.bounds(day)
    rows = Entry.objects.filter(at__gte=begin, at__lt=end)
    if bodies is not None:
        rows = rows.filter(charge__beneficiary__in=bodies)
    sums: dict[tuple[str, str], int] = {}
    for account, treasury, amount in rows.values_list("account", "treasury", "amount"):
        sums[account, treasury] = sums.get((account, treasury), 0) + amount
    return [(*key, total) for key, total in sorted(sums.items())]


def movements(*, day: date, bodies: Bodies) -> list[Row]:
    """Return the movements of a day that bank or book know, by time.

    A movement of midnight is the bank's day's; it stands there with both sums.
    """
    begin, end = days.bounds(day)
    lines = StatementLine.objects.filter(statement__day=day)
    told = {(line.movement, line.number): line for line in lines}
    booked = dict(_booked(begin, end, [key[1] for key in told]))
    owners = _bodies_of({line.charge_number for line in told.values()})
    rows = []
    for key in told.keys() | booked.keys():
        line, entry = told.get(key), booked.get(key)
        when = line.at if line is not None else entry.at if entry is not None else begin
        if not begin <= when < end:
            continue
        charge = str(entry.charge_id) if entry is not None else line.charge_number if line else ""
        body = entry.charge.beneficiary if entry is not None else owners.get(charge, "")
        if bodies is not None and body not in bodies:
            continue
        bank = line.amount if line is not None else None
        book = abs(entry.amount) if entry is not None else None
        rows.append(Row(key[0], key[1], charge, body, bank, book, when))
    return sorted(rows, key=lambda row: (row.at, row.number))


def differences(*, day: date, bodies: Bodies) -> list[Difference]:
    """Return a day's differences, those that wait first."""
    found = Difference.objects.filter(day=day).select_related("explained_by", "proposed_by")
    ordered = sorted(found, key=lambda d: (d.explained_at is not None, d.pk))
    if bodies is None:
        return ordered
    owners = _bodies_of({one.charge_number for one in ordered})
    return [one for one in ordered if owners.get(one.charge_number, "") in bodies]


def refunds_that_wait(*, bodies: Bodies, at: datetime) -> QuerySet[Refund]:
    """Return refunds the bank refused, and those not done for a while, oldest first."""
    waits = Q(progress=Refund.Progress.REQUESTED, requested_at__lt=at - PATIENCE)
    found = Refund.objects.filter(Q(progress=Refund.Progress.REFUSED) | waits)
    if bodies is not None:
        found = found.filter(charge__beneficiary__in=bodies)
    return found.select_related("charge").order_by("requested_at")


def _state(
    day: date, closed: Collection[date], compared: Collection[date], left: Collection[date]
) -> str:
    if day in closed:
        return "closed"
    if day in left:
        return "differing"
    return "matched" if day in compared else "open"


def _booked(
    begin: datetime, end: datetime, numbers: Collection[str]
) -> Iterator[tuple[tuple[str, str], Entry]]:
    named = [number for number in numbers if _is_uuid(number)]
    rows = Entry.objects.filter(account__startswith="provider:").filter(
        Q(at__gte=begin, at__lt=end) | Q(movement__in=named) | Q(charge__in=named, amount__gt=0)
    )
    for row in rows.select_related("charge"):
        kind = "payment" if row.amount > 0 else "refund"
        number = str(row.charge_id if row.amount > 0 else row.movement)
        yield (kind, number), row


def _bodies_of(charges: Collection[str]) -> dict[str, str]:
    numbers = [number for number in charges if _is_uuid(number)]
    found = Charge.objects.filter(pk__in=numbers).values_list("pk", "beneficiary")
    return {str(number): body for number, body in found}


def _is_uuid(text: str) -> bool:
    return days.as_uuid(text) is not None
