"""The doctor looks at the money, in the database of the web."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from pencere.cli.doctor.payments import UNEXPLAINED_FOR, look
from pencere.web.payments.models import Difference

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
