"""What a service definition says, as frozen values.

Read from `countries/<country>/services/<id>/service.yaml` by `pencere.services.definition`;
the words of the file are in docs/reference/service-definition.md. Nothing here reads a file,
a clock or a database, and nothing here names a body, an act or a service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.text import Text


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


class QuestionType(StrEnum):
    """How a question is asked and what its answer is; the Python type of the answer in brackets."""

    ONE_OF = "one_of"  # str
    YES_NO = "yes_no"  # bool
    TEXT = "text"  # str
    DATE = "date"  # date
    NUMBER = "number"  # int
    MONEY = "money"  # int, qəpik
    PHONE = "phone"  # str, normalised
    PHOTO = "photo"  # Upload as a mapping
    FILE = "file"  # Upload as a mapping
    ADDRESS = "address"  # str


class Role(StrEnum):
    """Who may act on a case."""

    APPLICANT = "applicant"
    OFFICER = "officer"
    HEAD = "head"
    EXPERT = "expert"
    SYSTEM = "system"


class CheckKind(StrEnum):
    """What a check of a submitted application looks at."""

    SIGNATURE = "signature"
    PAYMENT = "payment"
    FILES = "files"
    CONDITION = "condition"  # a CEL expression; the engine answers it itself


class EffectKind(StrEnum):
    """What a state does when it is entered. Each effect is a job of its own, safe to run twice."""

    WRITE = "write"
    ISSUE = "issue"
    TELL = "tell"
    REFUND = "refund"


class Silence(StrEnum):
    """What the law says when the body lets the term pass."""

    NOTHING = "nothing"
    ACCEPT = "accept"
    REFUSE = "refuse"


class TermUnit(StrEnum):
    """How a term is counted."""

    WORKING_DAYS = "working_days"
    DAYS = "days"
    MONTHS = "months"


class Payment(StrEnum):
    """When the fee is paid."""

    BEFORE_SUBMIT = "before_submit"
    BEFORE_ISSUE = "before_issue"


@dataclass(frozen=True, slots=True)
class Expression:
    """A CEL expression and the place in the file it stands at, for messages."""

    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Basis:
    """A legal ground: the id of an act in `law/acts.yaml`, the article as the act writes it."""

    act: str
    article: str = ""
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """The legal term; `length` 0 is "at once"."""

    length: int
    unit: TermUnit
    starts: str  # "submitted" or "paid"
    silence: Silence = Silence.NOTHING
    silence_to: str | None = None  # the state that silence leads to


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
class Must:
    """A rule of one answer and what to say when it is broken."""

    that: Expression
    say: Text


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a `one_of` question."""

    value: str
    label: Text
    hint: Text | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One page of the form. `id` is stable between versions: answers follow it."""

    id: str
    type: QuestionType
    ask: Text
    hint: Text | None = None
    help: Text | None = None
    when: Expression | None = None
    must: tuple[Must, ...] = ()
    choices: tuple[Choice, ...] = ()
    required: bool = True
    minimum: int | None = None  # of a number, a sum in qəpik or the length of a text
    maximum: int | None = None
    accept: tuple[str, ...] = ()  # media types of a file
    max_bytes: int = 5 * 1024 * 1024
    offer: Expression | None = None  # addresses to choose from

    def fields(self) -> tuple[str, ...]:
        """Names of the HTML fields of this question, in the order they are shown."""
        if self.type is QuestionType.DATE:
            return (f"{self.id}-day", f"{self.id}-month", f"{self.id}-year")
        if self.type is QuestionType.ADDRESS:
            return (self.id, f"{self.id}-line")
        return (self.id,)


@dataclass(frozen=True, slots=True)
class Check:
    """One look at a submitted application. `failed` is the state a failure leads to."""

    id: str
    kind: CheckKind
    name: Text
    that: Expression | None
    failed: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A ground of a decision, from the law's list."""

    id: str
    text: Text
    basis: Basis


@dataclass(frozen=True, slots=True)
class Action:
    """What a role may do in a state."""

    id: str
    name: Text
    by: Role
    to: str
    when: Expression | None = None
    unless: Expression | None = None
    reasons: tuple[Reason, ...] = ()  # not empty: at least one must be chosen
    needs: frozenset[str] = frozenset()  # "comment"
    four_eyes: bool = False
    ask_applicant: tuple[str, ...] = ()  # questions the applicant answers again
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Timer:
    """After so long in a state the case goes on by itself."""

    length: int
    unit: TermUnit
    to: str


@dataclass(frozen=True, slots=True)
class Effect:
    """One consequence of entering a state.

    write   `register`, `purpose`, `annul` (an expression giving a fact), `create` and `amend`
            (field -> expression), `number` (field filled from the register's numbering), `reason`:
            one transaction of that register
    issue   `document` (a template of the service), `values` (name -> expression)
    tell    `message`: the notification
    refund  the fee

    `waits_for` names effects whose results it uses: `effects.<id>.<field>` in expressions.
    """

    id: str
    kind: EffectKind
    register: str | None = None
    purpose: str | None = None
    reason: str | None = None
    annul: Expression | None = None
    create: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))
    amend: Expression | None = None
    number: str | None = None
    document: str | None = None
    values: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))
    message: Text | None = None
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Appeal:
    """Where and until when a decision may be appealed against."""

    to: str
    days: int
    text: Text


@dataclass(frozen=True, slots=True)
class State:
    """A step of a case. `name` is what the applicant reads, `next` what happens now."""

    id: str
    name: Text
    next: Text | None = None
    checks: tuple[Check, ...] = ()
    then: str | None = None
    queue: str | None = None
    body: str | None = None  # which body works here; the service's authority when absent
    actions: tuple[Action, ...] = ()
    asks: tuple[str, ...] = ()  # questions the applicant answers again here
    after: Timer | None = None
    effects: tuple[Effect, ...] = ()
    clock_stops: bool = False
    final: bool = False
    outcome: str | None = None  # of a final state: granted, refused, lapsed, withdrawn
    appeal: Appeal | None = None

    def action(self, action_id: str) -> Action | None:
        """Return the action of this id, None when the state has none."""
        return next((a for a in self.actions if a.id == action_id), None)


@dataclass(frozen=True, slots=True)
class Document:
    """A template beside the definition."""

    id: str
    template: str  # file name, "certificate.typ"
    name: Text


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
