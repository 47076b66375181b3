"""Reports of mail that did not arrive. RFC 3464 (delivery status), RFC 3462 (its container).

The report names the message by what is returned of it: its Message-ID is our reference. A server
that returns nothing of the message tells us nothing.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from typing import Literal

from pencere.web.notifications.domain import reports
from pencere.web.notifications.domain.channels import EMAIL

LARGEST_BYTES = 1_000_000
_MESSAGE_ID = re.compile(r"\s*<([0-9a-f]{32}\.[0-9]{1,18})@[^<>@\s]+>\s*")
_STATUS = re.compile(r"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})")
_ARRIVALS: dict[str, reports.Arrival] = {"failed": "failed", "delivered": "delivered"}

Verdict = Literal["taken", "known", "unknown", "no report", "too large", "nothing final"]


def take(raw: bytes, *, at: datetime) -> Verdict:
    """Note what a report says of a mail; "nothing final" while its server still tries."""
    if len(raw) > LARGEST_BYTES:
        return "too large"
    try:
        mail = BytesParser(policy=policy.compat32).parsebytes(raw)
        reference, recipients = _reference(mail), list(_recipients(mail))
    except (ValueError, LookupError, RecursionError):  # what strangers send
        return "no report"
    if not recipients:
        return "no report"
    if reference is None:
        return "unknown"
    for action, status in recipients:
        if action in _ARRIVALS:
            return reports.take(
                EMAIL, reference=reference, arrival=_ARRIVALS[action],
                problem=f"mail.bounced.{status}" if status else "mail.bounced", at=at,
            )  # fmt: skip
    return "nothing final"


def _recipients(mail: Message) -> Iterator[tuple[str, str]]:
    """Give action and status of each recipient; the first block is of the report itself."""
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, Message) and block["Action"]:
                status = _STATUS.match(str(block["Status"] or ""))
                yield str(block["Action"]).strip().lower(), status[1] if status else ""


def _reference(mail: Message) -> str | None:
    for part in mail.walk():
        found = _MESSAGE_ID.fullmatch(_message_id(part))
        if found is not None:
            return found[1]
    return None


def _message_id(part: Message) -> str:
    """Return the Message-ID of what a part returns, "" when it returns nothing."""
    kind = part.get_content_type()
    if kind == "message/rfc822":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        return str(first["Message-ID"] or "") if isinstance(first, Message) else ""
    if kind == "text/rfc822-headers":
        headers = part.get_payload(decode=True)
        if isinstance(headers, bytes):
            return str(BytesHeaderParser().parsebytes(headers)["Message-ID"] or "")
    return ""
