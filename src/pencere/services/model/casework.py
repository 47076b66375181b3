"""The steps of a case, as a definition says them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from pencere.kernel.text import Text
from pencere.services.model.common import Basis, Expression, Role, TermUnit


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


@dataclass(frozen=True, slots=True)
class Check:
    """One look at a submitted application. `failed` is the state a failure leads to.

    Where a condition decides without a person, `rule` says it in words and `basis` is its law.
    """

    id: str
    kind: CheckKind
    name: Text
    that: Expression | None
    failed: str
    rule: Text | None = None
    basis: Basis | None = None


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
    clock_restarts: bool = False  # the applicant's answer here begins the whole term anew
    final: bool = False
    outcome: str | None = None  # of a final state: granted, refused, lapsed, withdrawn
    appeal: Appeal | None = None
    appointment: str | None = None  # the applicant chooses a time of this calendar here

    @property
    def is_for_experts(self) -> bool:
        """Say whether an expert is asked here, and nobody decides."""
        roles = {action.by for action in self.actions}
        return Role.EXPERT in roles and not roles & {Role.OFFICER, Role.HEAD}

    def action(self, action_id: str) -> Action | None:
        """Return the action of this id, None when the state has none."""
        return next((a for a in self.actions if a.id == action_id), None)
