"""What carries notices out of the house answers, and nothing waits there for long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError
from pencere.ops.health import Check
from pencere.ops.installation import Installation
from pencere.web.notifications.domain import sms, smtp

# A server that was away for a moment is asked again after ten and after twenty minutes.
WAITS_FOR = timedelta(hours=1)

# What was tried in vain waits since its message came, not since the next try.
_WAITING = """
select d.channel, count(*), min(case when d.attempts > 0 then m.sent_at else d.due_at end)
from notifications_delivery d join notifications_message m on m.id = d.message_id
where d.status = 'created' and (d.attempts > 0 or d.due_at <= %s)
group by d.channel order by d.channel
"""


def check_notices(installation: Installation, clock: Clock) -> Iterator[Check]:
    """Say openly what is not sent; else whether its carrier answers and takes us."""
    yield _mail(installation)
    yield _sms(installation, clock.now())
    try:
        with psycopg.connect(installation.database_url("web"), connect_timeout=5) as web:
            yield look(web, clock.now())
    except psycopg.Error as reason:
        yield Check("notices waiting", False, str(reason).strip().split("\n")[0])


def look(web: psycopg.Connection[Any], now: datetime) -> Check:
    """Look for what should have gone long ago."""
    late = []
    for channel, count, oldest in web.execute(_WAITING, [now]).fetchall():
        since = now - oldest
        if since > WAITS_FOR:
            late.append(f"{count} by {channel}, oldest for {int(since.total_seconds() // 60)} min")
    return Check("notices waiting", not late, "; ".join(late) or "none for long")


def _mail(installation: Installation) -> Check:
    try:
        server = smtp.mailer(installation.secrets)
        if server is None:
            return Check("mail", True, f"NOT sent: {smtp.SERVER} names no server")
        server.ping()
    except PencereError as reason:
        return Check("mail", False, str(reason))
    return Check("mail", True, f"{server.host}:{server.port} answers")


def _sms(installation: Installation, at: datetime) -> Check:
    try:
        provider = sms.provider(installation.secrets, callback="")
        if provider is None:
            return Check("text messages", True, f"NOT sent: {sms.PROVIDER} names no provider")
        provider.ping(at=at)
    except PencereError as reason:
        return Check("text messages", False, str(reason))
    return Check("text messages", True, f"{provider.address} answers")
