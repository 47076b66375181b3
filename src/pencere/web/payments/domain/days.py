"""Days of money: reconciling with the bank, explaining what does not fit, closing.

A day is that of the country's clock. docs/specs/payments.md, section "Days".
"""

import hashlib
import logging
from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Min, Q

from pencere.kernel.canonical import canonical_json
from pencere.kernel.clock import BAKU
from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.web.payments import providers
from pencere.web.payments.domain import book, charges
from pencere.web.payments.domain.matching import Booked, differences
from pencere.web.payments.models import Charge, Closing, Difference, Entry, Statement, StatementLine
from pencere.web.payments.providers.protocol import Line, Notice

log = logging.getLogger(__name__)

# `migrations.0006_closed_days` takes it shared at each booking.
LOCK = 1346459470

# A callback is polled for after two minutes; a day is compared when the last one must be here.
SETTLING = timedelta(minutes=10)
BEYOND = timedelta(hours=24)
LONGEST_WORDS = 500


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the instants at which a day begins and ends."""
    begin = datetime.combine(day, time.min, BAKU)
    return begin, datetime.combine(day + timedelta(days=1), time.min, BAKU)


def next_open() -> date | None:
    """Return the day to close next, or None before anything was booked."""
    closed: date | None = Closing.objects.aggregate(last=Max("day"))["last"]
    if closed is not None:
        return closed + timedelta(days=1)
    first = Entry.objects.aggregate(first=Min("at"))["first"]
    return None if first is None else first.astimezone(BAKU).date()


def reconcile(*, day: date, at: datetime, provider: str = providers.DEFAULT) -> list[Difference]:
    """Compare a day with the provider's statement and return what is not explained yet.

    Safe to run again: what fits meanwhile goes, an explanation stays.

    Raises:
        Conflict: "day.not-over" or "day.closed".
        Unavailable: the provider does not answer; nothing has changed.
    """
    begin, end = bounds(day)
    if at < end + SETTLING:
        raise Conflict("day.not-over", day=day)
    lines = providers.provider(provider).statement(begin=begin - BEYOND, end=end + SETTLING, at=at)
    with transaction.atomic():
        _alone()
        if Closing.objects.filter(day=day).exists():
            raise Conflict("day.closed", day=day)
        _write_statement(provider, day, lines, at=at)
        found = differences(
            lines=lines, booked=_booked(provider, lines, begin, end), begin=begin, end=end
        )
        mine = Difference.objects.filter(provider=provider, day=day)
        still = Q(pk__in=[])
        for one in found:
            still |= Q(movement=one.movement, number=one.number)
            facts = {
                "kind": one.kind,
                "charge_number": one.charge,
                "reference": one.reference,
                "bank_amount": one.bank_amount,
                "book_amount": one.book_amount,
            }
            mine.update_or_create(
                movement=one.movement,
                number=one.number,
                defaults=facts,
                create_defaults={**facts, "provider": provider, "day": day, "found_at": at},
            )
        mine.filter(explained_at=None).exclude(still).delete()
        left = list(mine.filter(explained_at=None))
    log.info("payments_reconciled day=%s lines=%s differences=%s", day, len(lines), len(left))
    return left


@transaction.atomic
def explain(*, difference_id: int, officer: Any, words: str, at: datetime) -> Difference:
    """Write why a difference is there.

    Raises:
        Missing: "difference.unknown".
        Invalid: "difference.words".
        Conflict: "difference.explained": somebody did already.
    """
    found = open_difference(difference_id)
    if not words.strip() or len(words) > LONGEST_WORDS:
        raise Invalid("difference.words", limit=LONGEST_WORDS)
    found.explained_at, found.explained_by, found.words = at, officer, words.strip()
    found.save()
    return found


@transaction.atomic
def correct(*, difference_id: int, officer: Any, words: str, at: datetime) -> str:
    """Let a charge follow the bank's statement: the money came, and nobody told us.

    Raises:
        Conflict: "difference.not-correctable": only a payment that the book does not hold can be
            taken over.
    """
    found = open_difference(difference_id)
    charge = _charge_of(found)
    if found.kind != Difference.Kind.BANK_ONLY or found.movement != "payment" or charge is None:
        raise Conflict("difference.not-correctable")
    notice = Notice(
        event=f"statement:{found.day}:{found.number}",
        charge=charge.id,
        outcome="paid",
        amount=found.bank_amount,
        reference=found.reference,
    )
    verdict = charges.correct(
        charge_id=charge.id, notice=notice, by=f"difference:{found.pk}", at=at
    )
    explain(difference_id=difference_id, officer=officer, words=words, at=at)
    return verdict


@transaction.atomic
def close(*, day: date, officer: Any, at: datetime) -> Closing:
    """Close a day; nothing is booked into it any more.

    Raises:
        Conflict: "day.not-next": days are closed one after another; "day.not-over";
            "day.not-compared"; "day.differences"; "book.unbalanced".
    """
    _alone()
    if day != next_open():
        raise Conflict("day.not-next", day=day)
    begin, end = bounds(day)
    if at < end + SETTLING:
        raise Conflict("day.not-over", day=day)
    if not Statement.objects.filter(day=day).exists():
        raise Conflict("day.not-compared", day=day)
    if Difference.objects.filter(day=day, explained_at=None).exists():
        raise Conflict("day.differences", day=day)
    if book.unbalanced():
        raise Conflict("book.unbalanced")
    last = Entry.objects.filter(at__lt=end).aggregate(last=Max("id"))["last"]
    closing = Closing.objects.create(
        day=day,
        ends_at=end,
        closed_at=at,
        closed_by=officer,
        last_entry=last or 0,
        totals=book.totals(begin=begin, end=end),
    )
    log.info("payments_day_closed day=%s last_entry=%s", day, closing.last_entry)
    return closing


def to_compare(*, at: datetime) -> list[date]:
    """Return the days that are over and not closed, oldest first."""
    day = next_open()
    found: list[date] = []
    while day is not None and at >= bounds(day)[1] + SETTLING:
        found.append(day)
        day += timedelta(days=1)
    return found


def _booked(provider: str, lines: Collection[Line], begin: datetime, end: datetime) -> list[Booked]:
    """Return the day's movements, and those the lines name, whenever they were booked."""
    named = [number for number in (as_uuid(line.number) for line in lines) if number is not None]
    rows = Entry.objects.filter(account=f"provider:{provider}").filter(
        Q(at__gte=begin, at__lt=end) | Q(movement__in=named) | Q(charge__in=named, amount__gt=0)
    )
    return [
        Booked(
            movement="payment" if row.amount > 0 else "refund",
            # A payment is found by its charge: older movements have a number of their own.
            number=str(row.charge_id if row.amount > 0 else row.movement),
            charge=str(row.charge_id),
            amount=abs(row.amount),
            at=row.at,
        )
        for row in rows
    ]


def _write_statement(provider: str, day: date, lines: Collection[Line], *, at: datetime) -> None:
    told = [{**asdict(line), "at": int(line.at.timestamp())} for line in lines]
    statement, _ = Statement.objects.update_or_create(
        provider=provider,
        day=day,
        defaults={
            "compared_at": at,
            "lines": len(lines),
            "sha256": hashlib.sha256(canonical_json(told)).digest(),
        },
    )
    statement.told.all().delete()
    StatementLine.objects.bulk_create(
        StatementLine(
            statement=statement,
            movement=line.kind,
            number=line.number,
            charge_number=line.charge,
            reference=line.reference,
            amount=line.amount,
            at=line.at,
        )
        for line in lines
    )


def open_difference(difference_id: int) -> Difference:
    """Return a difference that waits, locked.

    Raises:
        Missing: "difference.unknown". Conflict: "difference.explained".
    """
    found = Difference.objects.select_for_update().filter(pk=difference_id).first()
    if found is None:
        raise Missing("difference.unknown")
    if found.explained_at is not None:
        raise Conflict("difference.explained")
    return found


def _charge_of(found: Difference) -> Charge | None:
    number = as_uuid(found.charge_number)
    return None if number is None else Charge.objects.filter(pk=number).first()


def as_uuid(text: str) -> UUID | None:
    """Return a number of the bank as one of ours; None when it is not."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
