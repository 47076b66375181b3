"""A question of a form, as a definition says it."""

from dataclasses import dataclass
from enum import StrEnum

from pencere.kernel.text import Text
from pencere.services.model.common import Expression

MOST_ROWS = 200
MOST_FILES = 10


class QuestionType(StrEnum):
    """How a question is asked and what its answer is; the Python type of the answer in brackets."""

    ONE_OF = "one_of"  # str
    MANY_OF = "many_of"  # list of str, in the order of the definition
    YES_NO = "yes_no"  # bool
    DECLARATION = "declaration"  # True
    TEXT = "text"  # str
    EMAIL = "email"  # str
    DATE = "date"  # date
    NUMBER = "number"  # int
    DECIMAL = "decimal"  # int, in units of the last place that `decimals` allows
    MONEY = "money"  # int, qəpik
    PHONE = "phone"  # str, normalised
    IBAN = "iban"  # str, normalised
    COMPANY = "company"  # str, the VÖEN; with `look_up` a mapping `number`, `found`
    PERSON = "person"  # str, the FİN; with `look_up` as above
    PLATE = "plate"  # str, `10-AA-123`
    VEHICLE = "vehicle"  # as a plate; with `look_up` as above
    PHOTO = "photo"  # Upload as a mapping
    FILE = "file"  # Upload as a mapping
    FILES = "files"  # list of Uploads as mappings
    ADDRESS = "address"  # str; with `regions` a mapping `region`, `line`
    POINT = "point"  # mapping `latitude`, `longitude`, in millionths of a degree
    TABLE = "table"  # list of mappings, by the ids of the columns
    COMPUTED = "computed"  # what `value` gives; never typed


UPLOADS = frozenset({QuestionType.PHOTO, QuestionType.FILE, QuestionType.FILES})
LOOKED_UP = frozenset({QuestionType.COMPANY, QuestionType.PERSON, QuestionType.VEHICLE})


@dataclass(frozen=True, slots=True)
class Must:
    """A rule of one answer and what to say when it is broken."""

    that: Expression
    say: Text


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a `one_of` or `many_of` question."""

    value: str
    label: Text
    hint: Text | None = None


@dataclass(frozen=True, slots=True)
class LookUp:
    """The register a typed number is looked up in, by which of its keys, and what is shown."""

    register: str
    by: str
    purpose: str
    basis: str
    show: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Questions under one title; none of them is asked when `when` does not hold."""

    id: str
    title: Text
    when: Expression | None = None


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
    # Of a number or a sum in qəpik, the length of a text, the count of choices, files or rows.
    minimum: int | None = None
    maximum: int | None = None
    accept: tuple[str, ...] = ()  # media types of a file
    max_bytes: int = 5 * 1024 * 1024
    offer: Expression | None = None  # addresses to choose from
    regions: bool = False  # an address begins with a region of the country
    decimals: int = 2  # places of a decimal
    unit: Text | None = None  # of a number or a decimal
    columns: tuple["Question", ...] = ()  # of a table
    value: Expression | None = None  # of a computed question
    shown_as: QuestionType = QuestionType.TEXT  # what a computed value is
    prefill: Expression | None = None  # what the state has already
    locked: bool = False  # the state's word counts, not the applicant's
    look_up: LookUp | None = None
    section: str | None = None
    concept: str | None = None  # what the answer is about, in the words of concepts.yaml
    although: Text | None = None  # why it is asked although the state has it

    def fields(self) -> tuple[str, ...]:
        """Names of the HTML fields of this question, in the order they are shown."""
        parts: dict[QuestionType, tuple[str, ...]] = {
            QuestionType.DATE: ("-day", "-month", "-year"),
            QuestionType.POINT: ("-latitude", "-longitude"),
            QuestionType.ADDRESS: ("", "-region", "-line") if self.regions else ("", "-line"),
            QuestionType.COMPUTED: (),
        }
        return tuple(self.id + part for part in parts.get(self.type, ("",)))
