"""A service definition as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.text import Text
from pencere.services.model.casework import Reason, State
from pencere.services.model.common import Basis, Expression, Role, TermUnit
from pencere.services.model.question import Question, Section


class Assurance(StrEnum):
    """How sure the portal must be of who applies (eIDAS levels)."""

    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"


class SignatureLevel(StrEnum):
    """What signature an application carries."""

    NONE = "none"
    ADVANCED = "advanced"
    QUALIFIED = "qualified"


class Silence(StrEnum):
    """What the law says when the body lets the term pass."""

    NOTHING = "nothing"
    ACCEPT = "accept"
    REFUSE = "refuse"


class Payment(StrEnum):
    """When the fee is paid."""

    BEFORE_SUBMIT = "before_submit"
    BEFORE_ISSUE = "before_issue"


@dataclass(frozen=True, slots=True)
class Extension:
    """By how much the body may lengthen the term, how often, who decides it and on what grounds."""

    length: int
    unit: TermUnit
    times: int
    by: Role
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """The legal term; `length` 0 is "at once"."""

    length: int
    unit: TermUnit
    starts: str  # "submitted" or "paid"
    silence: Silence = Silence.NOTHING
    silence_to: str | None = None  # the state that silence leads to
    extend: Extension | None = None
    warn: int = 0  # working days before the last one on which who decides is reminded; 0: never


@dataclass(frozen=True, slots=True)
class FeeRule:
    """The name of a rule function in `law/` and when it is paid."""

    rule: str
    pay: Payment


@dataclass(frozen=True, slots=True)
class Fact:
    """What the state already has, asked of a register through the gateway.

    `by` maps one key of the register to an expression. `only` keeps records (variable `record`).
    `show` are the fields the person sees, `to` who sees them. Without a record the fact is absent:
    `has(facts.<id>)` is false. A fact with `many` is a list, empty when there is none.
    """

    id: str
    register: str  # "population/person"
    by: Mapping[str, Expression]
    purpose: str
    basis: str  # id of the act
    title: Text
    show: tuple[str, ...]
    to: frozenset[Role]
    only: Expression | None = None
    many: bool = False
    labels: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Condition:
    """An eligibility rule. Not met: `say` is told, `instead` (a service id) offered."""

    holds: Expression
    negated: bool  # the file says `when:` (stop when true) rather than `unless:`
    say: Text
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A template beside the definition. A new one replaces earlier ones, unless `side_by_side`."""

    id: str
    template: str  # file name, "certificate.typ"
    name: Text
    side_by_side: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What the service page says the applicant needs."""

    text: Text
    from_state: bool  # True: the state already has it


@dataclass(frozen=True, slots=True)
class Definition:
    """One published version of a service. Equal content has an equal `sha256`."""

    service: str
    version: int
    in_force: date
    authority: str
    names: Text
    summary: Text
    audience: tuple[str, ...]
    life_events: tuple[str, ...]
    assurance: Assurance
    signature: SignatureLevel
    declaration: Text
    result: str
    result_text: Text
    basis: tuple[Basis, ...]
    term: Term
    fee: FeeRule | None
    needs: tuple[Need, ...]
    facts: tuple[Fact, ...]
    eligible: tuple[Condition, ...]
    questions: tuple[Question, ...]
    documents: Mapping[str, Document]
    states: Mapping[str, State]
    initial: str
    offers: tuple[str, ...]
    retention: Mapping[str, str]  # outcome -> ISO 8601 duration, "P10Y"
    keywords: Mapping[str, tuple[str, ...]]
    channels: tuple[str, ...]
    folder: Path
    sha256: str  # hex, of the definition and its templates
    sections: Mapping[str, Section] = field(default_factory=lambda: MappingProxyType({}))

    def question(self, question_id: str) -> Question | None:
        """Return the question of this id, None when there is none."""
        return next((q for q in self.questions if q.id == question_id), None)

    def fact(self, fact_id: str) -> Fact | None:
        """Return the fact of this id, None when there is none."""
        return next((f for f in self.facts if f.id == fact_id), None)

    @property
    def is_instant(self) -> bool:
        """No person of a body acts in any state."""
        officers = {Role.OFFICER, Role.HEAD, Role.EXPERT}
        return not any(a.by in officers for s in self.states.values() for a in s.actions)
