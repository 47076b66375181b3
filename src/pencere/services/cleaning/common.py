"""What every type of answer is cleaned with: fields as sent, and what is wrong with one."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.kernel.text import Text
from pencere.services.model.question import Question
from pencere.services.words import say

MAX_TEXT = 2000
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
# Emoji are joined by U+200D, which draws nothing by itself and turns nothing around.
_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that the portal has stored and scanned. `width`, `height` are of a picture, else 0."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    width: int = 0
    height: int = 0


Raw = Mapping[str, "str | Sequence[str] | Upload | Sequence[Upload] | None"]
Cleaner = Callable[[Question, Raw, Mapping[str, object]], object]


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one HTML field; `field` is the one to put the focus on."""

    field: str
    code: str
    say: Text


class FieldErrors(Invalid):
    """The answer cannot be taken; `errors` say why, field by field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("answer.invalid", fields=",".join(e.field for e in errors))
        self.errors = tuple(errors)


def wrong(question: Question, code: str, field: str | None = None, **facts: str) -> FieldErrors:
    """Return the refusal of one field, by default the question's first."""
    return FieldErrors([FieldError(field or question.fields()[0], code, say(code, **facts))])


def typed(raw: Raw, name: str) -> str:
    """Return what stands in a field, in NFC and without spaces around; the last of several."""
    value = raw.get(name)
    if value is not None and not isinstance(value, str | Upload):
        value = value[-1] if value else ""
    if isinstance(value, Upload) or value is None:
        return ""
    return unicodedata.normalize("NFC", value).strip()


def several(raw: Raw, name: str) -> list[str]:
    """Return every value a field was sent with."""
    value = raw.get(name)
    given = [value] if isinstance(value, str | Upload) else list(value or ())
    return [one.strip() for one in given if isinstance(one, str) and one.strip()]


def text_in(question: Question, raw: Raw, field: str) -> str | None:
    """Return free text of a field within the limits of the question, None when it is empty."""
    words = typed(raw, field).replace("\r\n", "\n")
    if not words:
        return None
    longest = min(question.maximum or MAX_TEXT, MAX_TEXT)
    if len(words) > longest:
        raise wrong(question, "answer.too_long", field, limit=str(longest))
    if any(unicodedata.category(c) in _UNSEEN and c not in {"\n", _JOINER} for c in words):
        raise wrong(question, "answer.control_characters", field)
    if len(words) < (question.minimum or 0):
        raise wrong(question, "answer.too_short", field, limit=str(question.minimum))
    return words
