"""Names: everything a definition names exists, and every id in it is unique."""

from collections.abc import Iterator

from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.casework import Effect, EffectKind
from pencere.services.model.definition import Definition


def _bodies(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    known = around.country.bodies
    named = [("authority", definition.authority)]
    for state in definition.states.values():
        if state.body is not None:
            named.append((f"case.states.{state.id}.body", state.body))
        if state.appeal is not None:
            named.append((f"case.states.{state.id}.appeal.to", state.appeal.to))
    for key, body in named:
        if body not in known:
            yield key, body, "no such body", next(iter(known))


def _acts(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    known = around.acts
    named = [(f"basis.{i}.act", basis.act) for i, basis in enumerate(definition.basis)]
    named += [(f"facts.{fact.id}.basis", fact.basis) for fact in definition.facts]
    for state in definition.states.values():
        named += [
            (f"case.states.{state.id}.checks.{index}.basis.act", check.basis.act)
            for index, check in enumerate(state.checks)
            if check.basis is not None
        ]
        for action in state.actions:
            named += [
                (f"case.states.{state.id}.actions.{action.id}.reasons", reason.basis.act)
                for reason in action.reasons
            ]
    if definition.term.extend is not None:
        named += [("term.extend.reasons", one.basis.act) for one in definition.term.extend.reasons]
    for key, act in named:
        if act not in known:
            yield key, act, "no such act", min(known, default="")


def _services(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    known = around.catalogue.entries
    named = [(f"offers.{i}", offer) for i, offer in enumerate(definition.offers)]
    named += [
        (f"eligible.{i}.instead", rule.instead)
        for i, rule in enumerate(definition.eligible)
        if rule.instead is not None
    ]
    for key, service in named:
        if service not in known:
            yield key, service, "no such service in the catalogue", next(iter(known), "")
        elif service == definition.service:
            yield key, service, "is this service itself", "another service"


def _life_events(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    known = [event.id for event in around.catalogue.life_events]
    for index, event in enumerate(definition.life_events):
        if event not in known:
            yield f"life_events.{index}", event, "no such life event", known[0]


def _fee(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    if definition.fee is not None and definition.fee.rule not in around.law.rules:
        known = min(around.law.rules, default="a rule function in law/")
        yield "fee.rule", definition.fee.rule, "no such rule", known


def _purposes(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    for fact in definition.facts:
        key = f"facts.{fact.id}"
        if fact.purpose not in around.country.purposes:
            example = next(iter(around.country.purposes))
            yield f"{key}.purpose", fact.purpose, "no such purpose", example
        register = around.registers.get(fact.register)
        if register is None:
            yield f"{key}.from", fact.register, "no such register", min(around.registers)
            continue
        disclosed = register.disclosure.get(fact.purpose)
        if disclosed is None:
            example = min(register.disclosure)
            yield f"{key}.purpose", fact.purpose, "the register does not know it", example
            continue
        for field in fact.show:
            if field not in disclosed:
                yield f"{key}.show", field, "is not disclosed for this purpose", disclosed[0]
        usable = {name for name, k in register.keys.items() if k.kind != "blocking"}
        for field in fact.by:
            if field not in usable:
                yield f"{key}.by", field, "the register cannot be asked by it", min(usable)


def _writes(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    for state in definition.states.values():
        for index, effect in enumerate(state.effects):
            if effect.kind is EffectKind.WRITE:
                for key, value, message, example in _write(effect, around):
                    place = f"case.states.{state.id}.effects.{index}.{key}"
                    yield place, value, message, example


def _write(effect: Effect, around: Surroundings) -> Iterator[Problem]:
    register = around.registers.get(effect.register or "")
    if register is None:
        yield "write", effect.register, "no such register", min(around.registers)
        return
    if not any(effect.purpose in writer.purposes for writer in register.writers):
        yield "purpose", effect.purpose, "nobody may write for it", "issue-licence"
    for field in effect.create:
        if field not in register.fields:
            yield "create", field, "no such field", ", ".join(register.fields)
    given = {*effect.create, *([effect.number] if effect.number else [])}
    required = register.schema.get("required")
    missing = set(required if isinstance(required, list) else ()) - given
    if missing and effect.create and effect.amend is None:
        yield "create", min(missing), "the register requires it", "field: value"
    if effect.number and register.numbering is None:
        yield "number", effect.number, "the register gives no numbers", "no number"
    if not effect.create and effect.annul is None:
        yield "write", effect.register, "writes nothing", "annul or create"


def _documents(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    if definition.result not in definition.documents:
        yield "result", definition.result, "no such document", min(definition.documents)
    issued = set()
    for state in definition.states.values():
        for index, effect in enumerate(state.effects):
            if effect.kind is EffectKind.ISSUE:
                issued.add(effect.document)
                if effect.document not in definition.documents:
                    key = f"case.states.{state.id}.effects.{index}.issue"
                    yield key, effect.document, "no such document", min(definition.documents)
    for document in definition.documents:
        if document not in issued:
            yield f"documents.{document}", document, "is never issued", "an effect that issues it"


def _appointments(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    known = around.appointments.calendars
    for state in definition.states.values():
        if state.appointment is None:
            continue
        key = f"case.states.{state.id}.appointment"
        calendar = known.get(state.appointment)
        if calendar is None:
            yield key, state.appointment, "no such calendar", min(known, default="")
        elif state.final:
            yield key, state.appointment, "nobody comes when the case is closed", "another state"
        elif calendar.body != (state.body or definition.authority):
            yield key, state.appointment, "is another body's calendar", definition.authority


NAME_RULES: tuple[Rule, ...] = (
    _bodies,
    _acts,
    _services,
    _life_events,
    _fee,
    _purposes,
    _writes,
    _documents,
    _appointments,
)
