"""What questions, steps and facts of a definition are made of."""

from dataclasses import dataclass
from enum import StrEnum


class TermUnit(StrEnum):
    """How a term is counted."""

    WORKING_DAYS = "working_days"
    DAYS = "days"
    MONTHS = "months"


class Role(StrEnum):
    """Who may act on a case."""

    APPLICANT = "applicant"
    OFFICER = "officer"
    HEAD = "head"
    EXPERT = "expert"
    SYSTEM = "system"


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
