"""A number that was typed, looked up in its register, so that its owner is seen and confirmed.

Each look-up is an access of the applicant with a purpose, as every other. How many a person may
make is limited: a form is no way to walk through a register.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pencere.services.model.question import LookUp
from pencere.web.cases.models import Draft
from pencere.web.exchange import Gateway, Purpose
from pencere.web.exchange.registers import about
from pencere.web.people.domain import limits
from pencere.web.people.domain.limits import Limit

LIMIT = Limit("form-look-up", 20, timedelta(hours=1))


def look_up(
    *, draft: Draft, asked: LookUp, number: str, gateway: Gateway, at: datetime
) -> Mapping[str, Any] | None:
    """Return the fields to show of the valid record with this number, None when there is none.

    Raises:
        Unavailable: the register does not answer.
        Refused: "limit.reached".
    """
    writer = draft.writer
    own = writer.fin if draft.person.is_company else draft.person.fin
    limits.count(LIMIT, str(writer.pk), at=at)
    records = gateway.query(
        register=asked.register,
        by={asked.by: number},
        purpose=Purpose(
            code=asked.purpose,
            legal_basis=asked.basis,
            case=draft.number,
            person=about(asked.register, {asked.by: number}, own),
            user=writer.fin,
            represented=None,
        ),
    )
    valid = [one for one in map(asdict, records) if one["state"] == "valid"]
    if not valid:
        return None
    newest = max(valid, key=lambda one: str(one["valid_from"] or ""))
    data = newest["data"]
    return {name: data[name] for name in asked.show if data.get(name) is not None}
