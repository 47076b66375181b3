"""How often an account may ask; the rest is refused with Retry-After (RFC 8555 section 6.6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pencere.trust.acme.problems import Problem
from pencere.trust.store import Connection

WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Limits:
    """Most of each in an hour."""

    orders: int = 100
    failures: int = 20
    pending_orders: int = 50

    def check_orders(self, connection: Connection, account: str, *, at: datetime) -> None:
        """Refuse one order too many.

        Raises:
            Problem: `rateLimited`, with the time to wait.
        """
        count, oldest = _one(
            connection,
            "select count(*), min(created_at) from trust.acme_order"
            " where account = %s and created_at > %s",
            (account, at - WINDOW),
        )
        _refuse_above(count, self.orders, oldest, at)
        count, oldest = _one(
            connection,
            "select count(*), min(expires_at) - interval '1 hour' from trust.acme_order o"
            " where account = %s and expires_at > %s and certificate is null and error is null"
            ' and not exists (select from trust.acme_authorization a where a."order" = o.id'
            " and a.status in ('invalid', 'deactivated'))",
            (account, at),
        )
        _refuse_above(count, self.pending_orders, oldest, at)

    def check_failures(self, connection: Connection, account: str, *, at: datetime) -> None:
        """Refuse to try once more after too many failures.

        Raises:
            Problem: `rateLimited`, with the time to wait.
        """
        count, oldest = _one(
            connection,
            "select count(*), min(a.settled_at) from trust.acme_authorization a"
            ' join trust.acme_order o on o.id = a."order"'
            " where o.account = %s and a.status = 'invalid' and a.settled_at > %s",
            (account, at - WINDOW),
        )
        _refuse_above(count, self.failures, oldest, at)


def _one(connection: Connection, query: str, values: tuple[object, ...]) -> tuple[int, datetime]:
    row = connection.execute(query, values).fetchone()
    assert row is not None  # noqa: S101 -- an aggregate always has a row
    return int(row[0]), row[1]


def _refuse_above(count: int, most: int, oldest: datetime, at: datetime) -> None:
    if count >= most:
        wait = max(1, int((oldest + WINDOW - at).total_seconds()) + 1)
        raise Problem("rateLimited", "too_often", retry_after_s=wait, most=most)
