"""What an approved application does to the register."""

from datetime import datetime, timedelta
from typing import Any

from pencere.kernel.canonical import sha256_of
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict
from pencere.web.stateregister.domain import duties
from pencere.web.stateregister.domain.accord_requests import draft_requests
from pencere.web.stateregister.domain.offices import PROPOSER
from pencere.web.stateregister.domain.publishing import directory_changes
from pencere.web.stateregister.domain.reading import agreements_of, description_of
from pencere.web.stateregister.domain.recording import describe, record
from pencere.web.stateregister.domain.telling import tell_role
from pencere.web.stateregister.models import Application, Force, Kind, Service, Stage, System


def digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a content, in hex."""
    return sha256_of(content).hex()


def take_effect(row: Application, *, at: datetime) -> System:
    """Bring the register to what was approved; return the system.

    Raises:
        Conflict: `stateregister.base_changed`: the description is no longer the one it began from.
    """
    if row.kind == Kind.ESTABLISH:
        system = System(owner=row.owner, code=row.code, stage=Stage.ESTABLISHED, is_active=False)
    else:
        found = row.system
        if found is None or description_of(found).number != row.base:
            raise Conflict("stateregister.base_changed")
        system = System.objects.select_for_update().get(pk=found.pk)
    system.is_acted_on = True
    content = row.content
    if row.kind == Kind.CLOSE:
        _close(system, row, at=at)
        return system
    names = content["names"]
    system.names = {one: names.get(one) or names["az"] for one in ("az", "en", "ru")}
    system.legal_basis = content["legal_bases"][0]["act"]
    if row.kind == Kind.TAKE_INTO_USE:
        system.stage, system.is_active = Stage.IN_USE, True
    system.save()
    describe(system, content, why=row.why, application=row.number, person=row.proposer, at=at)
    _act(system, row, at=at)
    draft_requests(system, content, drafter=row.proposer, at=at)
    if system.stage == Stage.IN_USE:
        _offer(system, content)
        duties.begin(system, content, at=at)
        directory_changes()
    return system


def _offer(system: System, content: dict[str, Any]) -> None:
    """Bring the services to what the description says; what it no longer offers is switched off."""
    offered = []
    for one in content["services"]:
        values = {key: one[key] for key in (
            "names", "kind", "endpoints", "demands", "timeout_s", "consent", "description",
            "openapi_sha256",
        )}  # fmt: skip
        # Descriptions from before events had schemas say nothing of them.
        values["schemas"] = one.get("schemas", {})
        service, _ = Service.objects.update_or_create(
            system=system, code=one["code"], defaults={**values, "is_active": True}
        )
        offered.append(service.pk)
    Service.objects.filter(system=system).exclude(pk__in=offered).update(is_active=False)


def _close(system: System, row: Application, *, at: datetime) -> None:
    """Close a system: its agreements end with it, and who used it is told."""
    system.stage, system.is_active = Stage.CLOSED, False
    system.save()
    _act(system, row, at=at)
    yesterday = local_date(at) - timedelta(days=1)
    for agreement in agreements_of(system).exclude(force=Force.ENDED):
        agreement.force, agreement.is_active, agreement.is_acted_on = Force.ENDED, False, True
        agreement.last_day = max(agreement.first_day, min(agreement.last_day, yesterday))
        agreement.save()
        record("agreement", agreement.id, "ended", person=row.proposer, at=at,
               body=row.owner_id, reason=row.why, details={"application": row.number})  # fmt: skip
        other = agreement.provider if agreement.consumer_id == system.pk else agreement.consumer
        tell_role(PROPOSER, other.owner_id, "ended", key=f"{agreement.id}:closed",
                  subject=agreement.id, at=at, number=agreement.id,
                  name=system.names)  # fmt: skip
    directory_changes()


def _act(system: System, row: Application, *, at: datetime) -> None:
    record("system", system.key, row.kind, person=row.proposer, at=at, body=row.owner_id,
           reason=row.why, details={"application": row.number})  # fmt: skip
