"""The case: every state can be reached and left, nothing waits for ever or goes in circles."""

from collections.abc import Iterator, Mapping

from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.casework import CheckKind, State
from pencere.services.model.common import Role, TermUnit
from pencere.services.model.definition import (
    Definition,
    Payment,
    SignatureLevel,
    Silence,
    Term,
)

_EXAMPLE = "a state of this service"


def ways_on(state: State) -> dict[str, str]:
    """Return where a state leads: place in the file -> state."""
    ways = {f"actions.{action.id}.to": action.to for action in state.actions}
    ways |= {f"checks.{index}.failed": check.failed for index, check in enumerate(state.checks)}
    if state.then is not None:
        ways["then"] = state.then
    if state.after is not None:
        ways["after.to"] = state.after.to
    return ways


def _targets(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    states = definition.states
    known = ", ".join(states)
    if definition.initial not in states:
        yield "case.initial", definition.initial, "no such state", known
    if definition.term.silence_to is not None and definition.term.silence_to not in states:
        yield "term.silence_to", definition.term.silence_to, "no such state", known
    for state in states.values():
        for place, target in ways_on(state).items():
            if target not in states:
                yield f"case.states.{state.id}.{place}", target, "no such state", known


def _reachable(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    graph = _graph(definition)
    seen = _closure({definition.initial}, graph)
    for state_id in definition.states:
        if state_id not in seen:
            yield (
                f"case.states.{state_id}",
                state_id,
                "cannot be reached",
                "an action that leads here",
            )


def _ends(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    graph = _graph(definition)
    backwards: dict[str, set[str]] = {name: set() for name in graph}
    for name, targets in graph.items():
        for target in targets & graph.keys():
            backwards[target].add(name)
    finals = {name for name, state in definition.states.items() if state.final}
    if not finals:
        yield "case.states", "no final state", "a case never ends", "final: true"
    ending = _closure(finals, backwards)
    for name, state in definition.states.items():
        key = f"case.states.{name}"
        if not state.final and not graph[name]:
            yield key, name, "is not final and leads nowhere", "actions, then, or final: true"
        elif name not in ending:
            yield key, name, "no way from here to a final state", "an action to a final state"
        if state.final and (graph[name] or state.checks or state.actions):
            yield key, name, "is final and yet goes on", "final: true without actions"


def _checks(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for state in definition.states.values():
        key = f"case.states.{state.id}"
        if bool(state.checks) != (state.then is not None):
            yield f"{key}.then", state.then, "checks and then belong together", _EXAMPLE
        ids = [check.id for check in state.checks]
        if len(set(ids)) < len(ids):
            yield f"{key}.checks", ids, "an id stands twice", "an id of its own"
        if (
            state.checks
            and state.actions
            and all(check.kind is CheckKind.CONDITION for check in state.checks)
        ):
            yield f"{key}.actions", state.id, "nobody can act: it goes on at once", "no actions"


def _circles(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    """States that go on by themselves must not lead round to themselves."""
    alone = {
        state.id: set(ways_on(state).values())
        for state in definition.states.values()
        if state.checks and all(c.kind is CheckKind.CONDITION for c in state.checks)
    }
    for name, targets in alone.items():
        if name in _closure(
            targets & alone.keys(), {k: v & alone.keys() for k, v in alone.items()}
        ):
            yield f"case.states.{name}", name, "goes round by itself for ever", "a person's action"


def _clock(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    term = definition.term
    if (term.silence is not Silence.NOTHING) != (term.silence_to is not None):
        yield "term.silence_to", term.silence_to, "silence and silence_to belong together", _EXAMPLE
    yield from _extension(term)
    is_short = term.unit is TermUnit.WORKING_DAYS and term.warn >= term.length
    if term.warn and (is_short or not term.length):
        yield "term.warn", term.warn, "a reminder comes before the term's last day", "warn: 1"
    kinds = {c.kind for state in definition.states.values() for c in state.checks}
    if term.starts == "paid" and CheckKind.PAYMENT not in kinds:
        yield "term.from", "paid", "no state checks the payment", "submitted"
    first = definition.states.get(definition.initial)
    at_first = {check.kind for check in first.checks} if first else set()
    paid_first = definition.fee is not None and definition.fee.pay is Payment.BEFORE_SUBMIT
    if paid_first and CheckKind.PAYMENT not in at_first:
        key = f"case.states.{definition.initial}.checks"
        yield key, sorted(at_first), "the fee is not checked", "kind: payment"
    if definition.signature is not SignatureLevel.NONE and CheckKind.SIGNATURE not in at_first:
        key = f"case.states.{definition.initial}.checks"
        yield key, sorted(at_first), "the signature is not checked", "kind: signature"
    for state in definition.states.values():
        if state.clock_restarts and all(a.by is not Role.APPLICANT for a in state.actions):
            key = f"case.states.{state.id}.clock"
            yield key, "restarts", "nobody completes anything here", "stopped"
        if state.clock_stops and not (
            state.after or any(a.by is Role.EXPERT for a in state.actions)
        ):
            key = f"case.states.{state.id}.after"
            yield key, None, "the clock could stand for ever", "{working_days: 10, to: lapsed}"


def _extension(term: Term) -> Iterator[Problem]:
    extend = term.extend
    if extend is None:
        return
    if not term.length:
        yield "term.extend", extend.length, "there is no term to lengthen", "no extend"
    elif extend.unit is not term.unit:
        yield "term.extend", extend.unit.value, "counts otherwise than the term", term.unit.value


def _decisions(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    states = definition.states
    for state in states.values():
        key = f"case.states.{state.id}"
        if state.final and state.outcome is None:
            yield f"{key}.outcome", None, "a final state has an outcome", "granted"
        if state.outcome == "refused" and state.appeal is None:
            yield (
                f"{key}.appeal",
                None,
                "a refusal says how to appeal",
                "{to: mia, days: 30, text: ...}",
            )
        if state.final and state.outcome not in definition.retention:
            yield "retention", state.outcome, "how long are such cases kept", "5 years"
        for action in state.actions:
            target = states.get(action.to)
            refuses = target is not None and target.outcome == "refused"
            if refuses and action.by is not Role.APPLICANT and not action.reasons:
                yield (
                    f"{key}.actions.{action.id}.reasons",
                    None,
                    "a refusal gives reasons",
                    "[{id, text, act}]",
                )


def _alone(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    """Where a condition ends the case, no person decides: it says its rule and its law."""
    states = definition.states
    for state in states.values():
        for index, check in enumerate(state.checks):
            ends = (states.get(target or "") for target in (check.failed, state.then))
            if check.kind is not CheckKind.CONDITION or not any(end and end.final for end in ends):
                continue
            key = f"case.states.{state.id}.checks.{index}"
            if check.rule is None:
                yield f"{key}.rule", None, "decides alone: say by which rule", "{az, en, ru}"
            if check.basis is None:
                yield f"{key}.basis", None, "decides alone: say by which law", "{act, article}"


def _effects(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for state in definition.states.values():
        earlier: list[str] = []
        for index, effect in enumerate(state.effects):
            key = f"case.states.{state.id}.effects.{index}"
            if effect.id in earlier:
                yield f"{key}.id", effect.id, "stands twice: it could not happen once", "another id"
            for name in effect.waits_for:
                if name not in earlier:
                    yield f"{key}.waits_for", name, "is no effect before this one", str(earlier)
            earlier.append(effect.id)


def _graph(definition: Definition) -> dict[str, set[str]]:
    graph = {name: set(ways_on(state).values()) for name, state in definition.states.items()}
    if definition.term.silence_to is not None:
        for name, state in definition.states.items():
            if not state.final:
                graph[name].add(definition.term.silence_to)
    return graph


def _closure(start: set[str], graph: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(graph.get(name, ()))
    return seen


CASE_RULES: tuple[Rule, ...] = (
    _targets,
    _reachable,
    _ends,
    _checks,
    _circles,
    _clock,
    _decisions,
    _alone,
    _effects,
)
