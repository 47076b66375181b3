"""One answer: from what a person typed to a value, and back."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from pencere.kernel.dates import format_date
from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.identifiers import parse_phone
from pencere.kernel.money import format_amount, parse_amount
from pencere.kernel.text import LANGUAGES, Text
from pencere.services.expressions import evaluate, holds
from pencere.services.model import Question, QuestionType
from pencere.services.words import say, say_each

MAX_TEXT = 2000
_MAX_NUMBER = 10**12


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that the portal has stored and scanned. `width`, `height` are of a picture, else 0."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    width: int = 0
    height: int = 0


Raw = Mapping[str, "str | Sequence[str] | Upload | None"]


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


def clean(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    """Return the answer, None when an optional question was left empty.

    `raw` holds the fields of `question.fields()` as the browser sent them; others are ignored.
    `context` holds the answers given before: rules of the question may compare with them.

    Raises:
        FieldErrors: what is wrong and where.
    """
    value = _CLEANERS[question.type](question, raw, context)
    if value is None:
        if question.required:
            file = question.type in {QuestionType.PHOTO, QuestionType.FILE}
            raise _wrong(question, "file.required" if file else "answer.required")
        return None
    answers = context.get("answers")
    with_answer = {**(answers if isinstance(answers, Mapping) else {}), question.id: value}
    broken = [
        FieldError(question.fields()[0], f"{question.id}.must.{index}", must.say)
        for index, must in enumerate(question.must)
        if not holds(must.that, {**context, "answers": with_answer})
    ]
    if broken:
        raise FieldErrors(broken)
    return value


def offered(question: Question, context: Mapping[str, object]) -> tuple[str, ...]:
    """Return the addresses to choose from; the HTML value of each is its index."""
    if question.offer is None:
        return ()
    try:
        value = evaluate(question.offer, context)
    except PencereError:
        return ()
    options = value if isinstance(value, list) else [value]
    return tuple(str(option) for option in options if option)


def raw_of(question: Question, value: object) -> dict[str, str]:
    """Return what the fields held when this answer was given, to fill the form again."""
    first, *rest = question.fields()
    match value:
        case None:
            return {}
        case date():
            parts = (value.day, value.month, value.year)
            return dict(zip(question.fields(), map(str, parts), strict=True))
        case bool():
            typed = "yes" if value else "no"
        case int() if question.type is QuestionType.MONEY:
            typed = f"{value // 100}.{value % 100:02d}"
        case Mapping():
            typed = str(value.get("id", ""))
        case _ if rest:
            return {first: "other", rest[0]: str(value)}
        case _:
            typed = str(value)
    return {first: typed}


def shown(question: Question, value: object, language: str) -> str:
    """Return the answer as the person reads it."""
    match value:
        case None:
            words = ""
        case bool():
            words = say("yes" if value else "no").in_language(language)
        case date():
            words = format_date(value, language)
        case int() if question.type is QuestionType.MONEY:
            words = format_amount(value, language)
        case Mapping():
            words = str(value.get("name", ""))
        case _:
            labels = {
                choice.value: choice.label.in_language(language) for choice in question.choices
            }
            words = labels.get(str(value), str(value))
    return words


def to_stored(value: object) -> object:
    """Return the answer as JSON."""
    return value.isoformat() if isinstance(value, date) else value


def from_stored(question: Question, stored: object) -> object:
    """Return the answer of a stored one.

    Raises:
        Invalid: `answer.changed`: it no longer fits the question, as when a version changed it.
    """
    kinds = {
        QuestionType.YES_NO: bool,
        QuestionType.NUMBER: int,
        QuestionType.MONEY: int,
        QuestionType.PHOTO: Mapping,
        QuestionType.FILE: Mapping,
    }
    kind = kinds.get(question.type, str)
    fits = isinstance(stored, kind) and (kind is bool or not isinstance(stored, bool))
    if fits and question.type is QuestionType.ONE_OF:
        fits = any(choice.value == stored for choice in question.choices)
    if stored is not None and not fits:
        raise Invalid("answer.changed", question=question.id)
    if question.type is QuestionType.DATE and isinstance(stored, str):
        try:
            return date.fromisoformat(stored)
        except ValueError as error:
            raise Invalid("answer.changed", question=question.id) from error
    return stored


def _wrong(question: Question, code: str, field: str | None = None, **facts: str) -> FieldErrors:
    return FieldErrors([FieldError(field or question.fields()[0], code, say(code, **facts))])


def _typed(raw: Raw, name: str) -> str:
    value = raw.get(name)
    if isinstance(value, Upload) or value is None:
        return ""
    if not isinstance(value, str):
        value = value[-1] if value else ""
    return unicodedata.normalize("NFC", value).strip()


def _one_of(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    typed = _typed(raw, question.id)
    if not typed:
        return None
    if all(choice.value != typed for choice in question.choices):
        raise _wrong(question, "answer.choose_one")
    return typed


def _yes_no(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    typed = _typed(raw, question.id)
    if typed not in {"", "yes", "no"}:
        raise _wrong(question, "answer.choose_one")
    return typed == "yes" if typed else None


def _text_in(question: Question, raw: Raw, field: str) -> str | None:
    typed = _typed(raw, field).replace("\r\n", "\n")
    if not typed:
        return None
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} and c != "\n" for c in typed):
        raise _wrong(question, "answer.control_characters", field)
    longest = min(question.maximum or MAX_TEXT, MAX_TEXT)
    if len(typed) > longest:
        raise _wrong(question, "answer.too_long", field, limit=str(longest))
    if len(typed) < (question.minimum or 0):
        raise _wrong(question, "answer.too_short", field, limit=str(question.minimum))
    return typed


def _text(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    return _text_in(question, raw, question.id)


def _date(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    fields = question.fields()
    parts = [_typed(raw, name) for name in fields]
    if not any(parts):
        return None
    missing = [name for name, part in zip(fields, parts, strict=True) if not part]
    if missing:
        raise _wrong(question, "date.incomplete", missing[0])
    if not all(re.fullmatch(r"[0-9]{1,4}", part) for part in parts) or len(parts[2]) != 4:
        raise _wrong(question, "date.invalid")
    day, month, year = map(int, parts)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise _wrong(question, "date.invalid") from error


def _number(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    typed = re.sub(r"[\s\u00a0]", "", _typed(raw, question.id))
    if not typed:
        return None
    if not re.fullmatch(r"-?[0-9]{1,13}", typed) or abs(int(typed)) > _MAX_NUMBER:
        raise _wrong(question, "number.invalid")
    number = int(typed)
    if question.minimum is not None and number < question.minimum:
        raise _wrong(question, "number.too_small", limit=str(question.minimum))
    if question.maximum is not None and number > question.maximum:
        raise _wrong(question, "number.too_large", limit=str(question.maximum))
    return number


def _money(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    typed = _typed(raw, question.id)
    if not typed:
        return None
    try:
        amount = parse_amount(typed)
    except Invalid as error:
        raise _wrong(question, "amount.invalid") from error
    for limit, broken, code in (
        (question.minimum, amount < (question.minimum or 0), "amount.too_small"),
        (question.maximum, amount > (question.maximum or amount), "amount.too_large"),
    ):
        if limit is not None and broken:
            words = Text(**{lang: format_amount(limit, lang) for lang in LANGUAGES})
            raise FieldErrors([FieldError(question.id, code, say_each(code, {"limit": words}))])
    return int(amount)


def _phone(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    typed = _typed(raw, question.id)
    if not typed:
        return None
    try:
        return str(parse_phone(typed))
    except Invalid as error:
        raise _wrong(question, "phone.invalid") from error


def _file(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
    upload = raw.get(question.id)
    if not isinstance(upload, Upload):
        return None
    if upload.size_bytes <= 0:
        raise _wrong(question, "file.empty")
    if upload.media_type not in question.accept:
        kinds = ", ".join(sorted({kind.split("/")[1].upper() for kind in question.accept}))
        raise _wrong(question, "file.wrong_type", example=kinds)
    if upload.size_bytes > question.max_bytes:
        raise _wrong(question, "file.too_large", limit=f"{question.max_bytes // (1024 * 1024)}")
    return asdict(upload)


def _address(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    options = offered(question, context)
    chosen = _typed(raw, question.id)
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 4:
        if int(chosen) < len(options):
            return options[int(chosen)]
        raise _wrong(question, "answer.choose_one")
    if options and chosen not in {"", "other"}:
        raise _wrong(question, "answer.choose_one")
    if options and not chosen:
        return None
    line = question.fields()[1]
    address = _text_in(question, raw, line)
    if address is None and question.required and chosen:
        raise _wrong(question, "answer.required", line)
    return address


_CLEANERS = {
    QuestionType.ONE_OF: _one_of,
    QuestionType.YES_NO: _yes_no,
    QuestionType.TEXT: _text,
    QuestionType.DATE: _date,
    QuestionType.NUMBER: _number,
    QuestionType.MONEY: _money,
    QuestionType.PHONE: _phone,
    QuestionType.PHOTO: _file,
    QuestionType.FILE: _file,
    QuestionType.ADDRESS: _address,
}
