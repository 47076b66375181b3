"""The doctor looks at the money, in the database of the web."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from pencere.cli.doctor.payments import UNEXPLAINED_FOR, look
from pencere.kernel.identifiers import Fin
from pencere.web.payments.models import Closing, Difference
from pencere.web.people.domain import accounts
from pencere.web.people.vault import Identity

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def web(db: None) -> Any:
    connection.ensure_connection()
    return connection.connection


def told(web: Any, now: datetime = NOW) -> list[tuple[str, bool, str]]:
    return [(check.name, check.ok, check.detail) for check in look(web, now)]


def test_money_without_faults_is_well(web: Any) -> None:
    assert told(web) == [
        ("payments book", True, "adds up"),
        ("payments differences", True, "none"),
        ("payments days", True, "closed in time"),
        ("payments refunds", True, "none refused"),
    ]


def test_a_difference_may_wait_some_days_and_no_longer(web: Any) -> None:
    Difference.objects.create(
        provider="bank", day=NOW.date(), kind="bank-only", movement="payment", number="1",
        charge_number="1", bank_amount=5, found_at=NOW,
    )  # fmt: skip
    detail = "1 not explained, oldest of 2026-11-23"

    found = [told(web, NOW + UNEXPLAINED_FOR + late)[1] for late in (timedelta(0), timedelta(1))]

    assert found == [
        ("payments differences", True, detail), ("payments differences", False, detail),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (16, ("payments days", True, "closed in time")),  # the 17th waits, a week ago on the 24th
        (15, ("payments days", True, "closed in time")),
        (14, ("payments days", False, "2026-11-15 waits to be closed")),
    ],
)
def test_days_are_closed_within_a_week(
    web: Any, last: int, expected: tuple[str, bool, str]
) -> None:
    keeper = accounts.open_account(Identity(Fin("5SVLA37"), "Sevil", "Nəbiyeva"), at=NOW)
    Closing.objects.create(
        day=date(2026, 11, last), ends_at=NOW - timedelta(days=6), closed_at=NOW,
        closed_by=keeper, last_entry=0, totals={},
    )  # fmt: skip

    assert told(web)[2] == expected
