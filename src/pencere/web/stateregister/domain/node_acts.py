"""Acts about nodes of the gateway: suspended, let in again, given a system to serve."""

from datetime import datetime

from django.db import transaction

from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.web.stateregister.domain.offices import APPROVER, Actor, need
from pencere.web.stateregister.domain.publishing import directory_changes
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Node, System

LEAST_REASON = 10


@transaction.atomic
def suspend(node_id: int, *, actor: Actor, reason: str, at: datetime) -> Node:
    """Take a node out of the directory at once.

    Raises:
        Refused: `stateregister.not_yours`.
        Invalid: `stateregister.reason_needed`.
    """
    return _change(node_id, actor, suspended=True, reason=reason, at=at)


@transaction.atomic
def resume(node_id: int, *, actor: Actor, reason: str, at: datetime) -> Node:
    """Let a suspended node take part again."""
    return _change(node_id, actor, suspended=False, reason=reason, at=at)


@transaction.atomic
def serve(node_id: int, *, system: System, actor: Actor, at: datetime) -> Node:
    """Give a node a system to serve.

    Raises:
        Conflict: `stateregister.stage`: the system is not in use.
    """
    node = _locked(node_id, actor)
    if not system.is_active:
        raise Conflict("stateregister.stage")
    if node.serves.filter(pk=system.pk).exists():
        return node
    node.serves.add(system)
    node.is_acted_on = True
    node.save(update_fields=["is_acted_on"])
    record("node", node.identifier, "serves", person=actor.person, at=at, role=APPROVER,
           body=vocabulary().approvers[APPROVER].body,
           details={"system": system.key})  # fmt: skip
    directory_changes()
    return node


def _change(node_id: int, actor: Actor, *, suspended: bool, reason: str, at: datetime) -> Node:
    node = _locked(node_id, actor)
    if node.is_suspended == suspended:
        return node
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid("stateregister.reason_needed")
    node.is_suspended, node.is_acted_on = suspended, True
    node.save(update_fields=["is_suspended", "is_acted_on"])
    record("node", node.identifier, "suspended" if suspended else "resumed", person=actor.person,
           at=at, role=APPROVER, body=vocabulary().approvers[APPROVER].body,
           reason=reason.strip())  # fmt: skip
    directory_changes()
    return node


def _locked(node_id: int, actor: Actor) -> Node:
    need(actor, APPROVER, vocabulary().approvers[APPROVER].body)
    node = Node.objects.select_for_update().filter(pk=node_id).first()
    if node is None:
        raise Missing("stateregister.no_node")
    return node
