"""What is heard of a message afterwards: it arrived, or it never will."""

import re
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from pencere.web.notifications.domain.channels import Channel
from pencere.web.notifications.models import Delivery

Status = Delivery.Status
Arrival = Literal["delivered", "failed"]
Verdict = Literal["taken", "known", "unknown"]

_REFERENCE = re.compile(r"([0-9a-f]{32})\.([0-9]{1,18})")
PROBLEM = re.compile(r"[a-z0-9._-]{0,60}")


@transaction.atomic
def take(
    channel: Channel, *, reference: str, arrival: Arrival, problem: str, at: datetime
) -> Verdict:
    """Note what became of a message; the first word on it counts, later ones change nothing.

    The report may overtake the transaction that sent the message, or come for one whose worker
    was killed: then the delivery still waits, and is not sent again.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return "unknown"
    one = Q(pk=int(found[2]), message=UUID(found[1]))
    rows = list(
        Delivery.objects.select_for_update(of=("self",))
        .filter(one | Q(reference=reference), channel=channel.name)
        .select_related("message")
        .order_by("id")
    )
    open_rows = [row for row in rows if row.status in (Status.CREATED, Status.SENT)]
    if not open_rows:
        return "known" if rows else "unknown"
    has_failed = arrival == "failed"
    Delivery.objects.filter(pk__in=[row.pk for row in open_rows]).update(
        status=Status.FAILED if has_failed else Status.DELIVERED,
        problem=problem if has_failed else "",
        reference=reference,
        at=at,
    )
    reach = channel.reaches.filter(person=open_rows[0].message.person_id)
    reach.update(failed_at=at if has_failed else None)
    return "taken"
