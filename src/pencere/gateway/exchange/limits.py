"""What a consumer is told who asks too fast, or has asked too often."""

import math
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from pencere.gateway.directory.model import Agreement
from pencere.gateway.directory.terms import Quota, Rate
from pencere.gateway.log.quotas import Taken
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.kernel.clock import local_date

_BAKU = ZoneInfo("Asia/Baku")


def too_fast(agreement: str, rate: Rate, wait_s: float) -> Fault:
    """Return the fault of an empty bucket, with the seconds until there is a token."""
    after = max(1, math.ceil(wait_s))
    said = (
        f"agreement {agreement}: {rate.per_second:g} requests a second are agreed,"
        f" {rate.burst} at once"
    )
    return server_fault(
        Kind.RATE_EXCEEDED, f"{said}; ask again in {after} s", reasons=(said,), retry_after_s=after
    )


def not_counted(taken: Taken, terms: Agreement, now: datetime) -> Fault:
    """Return the fault of a request that its quota does not cover, as far as is known."""
    if taken is Taken.EXHAUSTED and terms.quota is not None:
        return too_many(terms.identifier, terms.quota, now)
    return server_fault(Kind.LOGGING_FAILED, "the quota could not be counted; ask again")


def too_many(agreement: str, quota: Quota, now: datetime) -> Fault:
    """Return the fault of a quota that is used up, with the seconds until the next one begins."""
    again = datetime.combine(quota.next_day(local_date(now)), time(), _BAKU).astimezone(UTC)
    after = max(1, math.ceil((again - now).total_seconds()))
    said = f"agreement {agreement}: {quota.count} requests a {quota.per} are agreed, and were used"
    return server_fault(
        Kind.QUOTA_EXCEEDED,
        f"{said}; ask again from {again:%Y-%m-%dT%H:%M:%SZ}",
        reasons=(said,),
        retry_after_s=after,
    )
