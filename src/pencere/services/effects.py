"""An effect with every expression worked out: what a job carries to a register or a template.

Working an effect out twice gives the same; its key makes it happen once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.errors import Invalid
from pencere.kernel.text import Text
from pencere.services.expressions import evaluate
from pencere.services.model.casework import Effect, EffectKind
from pencere.services.model.common import Expression
from pencere.services.model.definition import Definition


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A record of a register at the version the application saw."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Write:
    """One transaction of one register: all of it happens, or nothing."""

    register: str
    purpose: str
    reason: str
    annul: RecordRef | None
    amend: RecordRef | None
    # Of the record to create, or the changed fields of `amend`; a value null is left out.
    data: Mapping[str, object]
    number: str | None  # the field that the register's numbering fills


@dataclass(frozen=True, slots=True)
class Issue:
    """A document to make, seal and put into the applicant's cabinet."""

    document: str
    name: Text
    template: Path
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tell:
    """A notification to the applicant."""

    message: Text


@dataclass(frozen=True, slots=True)
class Refund:
    """The fee goes back."""


def prepare(
    definition: Definition, effect: Effect, context: Mapping[str, object]
) -> Write | Issue | Tell | Refund:
    """Return what to do.

    `context` also holds `case` (`{"number", "state", "decided_on", "reasons"}`) and `effects`:
    what earlier effects gave, `{<effect id>: {field: value}}`. Dates in the result are ISO text.

    Raises:
        Absent, Invalid: an expression has no value: the effect is not done half.
    """
    match effect.kind:
        case EffectKind.WRITE:
            return _write(effect, context)
        case EffectKind.ISSUE:
            document = definition.documents[effect.document or ""]
            return Issue(
                document=document.id,
                name=document.name,
                template=definition.folder / document.template,
                values=_values(effect.values, context),
            )
        case EffectKind.TELL:
            if effect.message is None:
                raise Invalid("effect.no_message", effect=effect.id)
            return Tell(effect.message)
        case EffectKind.REFUND:
            return Refund()


def _write(effect: Effect, context: Mapping[str, object]) -> Write:
    if not (effect.register and effect.purpose and effect.reason):
        raise Invalid("effect.incomplete", effect=effect.id)
    return Write(
        register=effect.register,
        purpose=effect.purpose,
        reason=effect.reason,
        annul=_record(effect.annul, context) if effect.annul else None,
        amend=_record(effect.amend, context) if effect.amend else None,
        data={
            name: value
            for name, value in _values(effect.create, context).items()
            if value is not None
        },
        number=effect.number,
    )


def _values(
    expressions: Mapping[str, Expression], context: Mapping[str, object]
) -> Mapping[str, object]:
    return MappingProxyType(
        {name: _plain(evaluate(value, context)) for name, value in expressions.items()}
    )


def _record(expression: Expression, context: Mapping[str, object]) -> RecordRef:
    value = evaluate(expression, context)
    if not isinstance(value, Mapping) or not value.get("_id"):
        raise Invalid("effect.not_a_record", key=expression.key)
    return RecordRef(str(value["_id"]), int(str(value["_version"])))


def _plain(value: object) -> object:
    match value:
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
