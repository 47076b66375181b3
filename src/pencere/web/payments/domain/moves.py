"""The one place where a charge's state changes. Callers hold the row's lock."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.web.payments.domain.graph import Event, after
from pencere.web.payments.models import Charge, ChargeEvent
from pencere.web.payments.models.charge import State

log = logging.getLogger(__name__)


def begin(charge: Charge, *, source: str, at: datetime) -> None:
    """Write the first event of a charge just made."""
    _write(charge, was="", event=Event.REQUEST, source=source, at=at, facts={})


def move(
    charge: Charge,
    event: Event,
    *,
    source: str,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Let `event` happen to a locked charge, else raise Conflict("charge.move")."""
    was = State(charge.state)
    charge.state = after(was, event)
    charge.save()
    _write(charge, was=was, event=event, source=source, at=at, facts=facts or {})
    log.info(
        "charge_moved charge=%s was=%s became=%s event=%s source=%s",
        charge.id, was, charge.state, event, source,
    )  # fmt: skip


def _write(  # noqa: PLR0913, an event is all of these
    charge: Charge, *, was: str, event: Event, source: str, at: datetime, facts: Mapping[str, Any]
) -> None:
    ChargeEvent.objects.create(
        charge=charge,
        at=at,
        was=was,
        event=event,
        became=charge.state,
        source=source,
        facts=dict(facts),
    )
