"""States of a case with their checks, actions and effects."""

from pencere.services.loading.common import read_basis, read_length
from pencere.services.model.casework import (
    Action,
    Appeal,
    Check,
    CheckKind,
    Effect,
    EffectKind,
    Reason,
    State,
    Timer,
)
from pencere.services.model.common import Role
from pencere.services.reading import Node


def read_state(key: str, node: Node) -> State:
    """Return the state of this id."""
    return State(
        id=key,
        name=node.words("name"),
        next=node.maybe_words("next"),
        checks=tuple(_check(check) for check in node.nodes("checks")),
        then=node.maybe_text("then"),
        queue=node.maybe_text("queue"),
        body=node.maybe_text("body"),
        actions=tuple(_action(name, action) for name, action in node.named("actions")),
        asks=node.texts("asks"),
        after=_timer(node.node("after")) if node.has("after") else None,
        effects=tuple(_effect(effect) for effect in node.nodes("effects")),
        clock_stops=node.maybe_text("clock") in {"stopped", "restarts"},
        clock_restarts=node.maybe_text("clock") == "restarts",
        final=node.flag("final"),
        outcome=node.maybe_text("outcome"),
        appeal=_appeal(node.node("appeal")) if node.has("appeal") else None,
        appointment=node.maybe_text("appointment"),
    )


def _appeal(node: Node) -> Appeal:
    return Appeal(node.text("to"), node.integer("days"), node.words("text"))


def _check(node: Node) -> Check:
    return Check(
        id=node.text("id"),
        kind=CheckKind(node.text("kind")),
        name=node.words("name"),
        that=node.maybe_expression("that"),
        failed=node.text("failed"),
        rule=node.maybe_words("rule"),
        basis=read_basis(node.node("basis")) if node.has("basis") else None,
    )


def _action(key: str, node: Node) -> Action:
    return Action(
        id=key,
        name=node.words("name"),
        by=Role(node.text("by")),
        to=node.text("to"),
        when=node.maybe_expression("when"),
        unless=node.maybe_expression("unless"),
        reasons=tuple(read_reason(reason) for reason in node.nodes("reasons")),
        needs=frozenset(node.texts("needs")),
        four_eyes=node.flag("four_eyes"),
        ask_applicant=node.texts("ask_applicant"),
        danger=node.flag("danger"),
    )


def read_reason(node: Node) -> Reason:
    """Return a ground of the law's list."""
    return Reason(node.text("id"), node.words("text"), read_basis(node))


def _effect(node: Node) -> Effect:
    kinds = {"write": "WRITE", "issue": "ISSUE", "tell": "TELL", "refund": "REFUND"}
    kind = next(name for name in kinds if node.has(name))
    return Effect(
        id=node.text("id"),
        kind=EffectKind[kinds[kind]],
        register=node.maybe_text("write"),
        purpose=node.maybe_text("purpose"),
        reason=node.maybe_text("reason"),
        annul=node.maybe_expression("annul"),
        create=node.values("create"),
        amend=node.maybe_expression("amend"),
        number=node.maybe_text("number"),
        document=node.maybe_text("issue"),
        values=node.values("values"),
        message=node.maybe_words("message"),
        waits_for=node.texts("waits_for"),
    )


def _timer(node: Node) -> Timer:
    length, unit = read_length(node)
    return Timer(length, unit, node.text("to"))
