"""Writing to a register through the gateway: one transaction of it, once."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.kernel.clock import local_date
from pencere.services.effects import Write
from pencere.services.model.common import Role
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Effect
from pencere.web.country import country
from pencere.web.exchange import Gateway, Purpose


def do(
    effect: Effect, prepared: Write, opened: Opened, *, gateway: Gateway, at: datetime
) -> Mapping[str, Any]:
    """Annul, amend and create as the definition says; return the fields of what was made.

    The register gives the number of a record made. The effect's key is the idempotency key, so
    an answer that was lost on the way is asked for again and nothing happens twice. Everything
    that goes out is of the day the effect was planned: a repetition is the same request.

    Raises:
        Conflict: a record has another version than the application saw.
        Unavailable: no answer; to be run again.
    """
    today = local_date(effect.planned_at).isoformat()
    operations = []
    if prepared.annul is not None:
        operations.append(
            {
                "op": "annul",
                "id": prepared.annul.id,
                "version": prepared.annul.version,
                "reason": prepared.reason,
            }
        )
    if prepared.amend is not None:
        operations.append(
            {
                "op": "amend",
                "id": prepared.amend.id,
                "version": prepared.amend.version,
                "reason": prepared.reason,
                "data": dict(prepared.data),
            }
        )
    elif prepared.data:
        operations.append(
            {
                "op": "create",
                "valid_from": today,
                "reason": prepared.reason,
                "data": dict(prepared.data),
            }
        )
    # Of a company there is no number of a person: who sent the application stands for it.
    fin = opened.application["applicant"]["fin"] or opened.application["agent"]["fin"]
    records = gateway.transact(
        register=prepared.register,
        operations=operations,
        purpose=Purpose(
            code=prepared.purpose,
            legal_basis=country().purpose(prepared.purpose).basis,
            case=effect.case.number,
            person=fin,
            user=_user(effect),
            represented=effect.case.body,
        ),
        idempotency_key=idempotency_key(effect.key),
    )
    made = records[-1]
    return {"id": made.id, "version": made.version, **made.data}


def idempotency_key(key: str) -> str:
    """Return a key every register accepts: visible ASCII, of one length."""
    return "case-" + hashlib.sha256(key.encode()).hexdigest()[:48]


def _user(effect: Effect) -> str | None:
    """Return the FIN of who decided; None where the system did."""
    acted = effect.case.events.filter(kind="acted", by__isnull=False)
    last = acted.exclude(by_role=Role.APPLICANT).last()
    if last is None or last.by is None:
        return None
    fin: str = last.by.fin
    return fin
