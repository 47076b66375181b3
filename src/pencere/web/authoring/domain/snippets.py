"""A question written from a form: put behind the others of `service.yaml`, nothing else touched.

The file stays the author's text, with its comments and order; only lines are added.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.kernel.text import LANGUAGES

# The types one form can say in full; others have more to say and are written in the text.
KINDS = (
    "text", "number", "money", "date", "yes_no", "one_of", "phone", "email", "iban", "file",
    "photo",
)  # fmt: skip
LONGEST = 300
MOST_CHOICES = 30

_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_QUESTIONS = re.compile(r"(?m)^questions:[ \t]*(\[[ \t]*\])?[ \t]*(#.*)?$")
_TOP = re.compile(r"(?m)^[A-Za-z_][A-Za-z0-9_]*:")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a form gives it. `choices` are (value, words by language)."""

    id: str
    kind: str
    ask: Mapping[str, str]
    hint: Mapping[str, str]
    is_required: bool
    choices: Sequence[tuple[str, Mapping[str, str]]] = ()


def added(text: str, asked: Asked) -> str:
    """Return the text with the question behind the others.

    Raises:
        Invalid: `snippet.id`, `snippet.twice`, `snippet.kind`, `snippet.words`, `snippet.choices`.
    """
    _check(text, asked)
    lines = "".join(f"{line}\n" for line in _lines(asked))
    found = _QUESTIONS.search(text)
    if found is None:
        before = re.search(r"(?m)^(documents|case):", text)
        at = len(text) if before is None else before.start()
        gap = "" if text[:at].endswith("\n") or not at else "\n"
        return f"{text[:at]}{gap}questions:\n{lines}\n{text[at:]}"
    head = f"{text[: found.start()]}questions:\n" if found[1] else text[: found.end() + 1]
    rest = text[found.end() + 1 :]
    following = _TOP.search(rest)
    end = len(rest) if following is None else following.start()
    block = rest[:end]
    kept = block.rstrip()
    # Blank lines and comments in front of the next key belong to it.
    while kept.splitlines() and re.fullmatch(r"#.*", kept.splitlines()[-1]):
        kept = "\n".join(kept.splitlines()[:-1]).rstrip()
    tail = block[len(kept) :].lstrip("\n")
    gap = "\n" if kept else ""
    blank = "\n" if following is not None else ""
    return f"{head}{kept}{gap}{lines}{blank}{tail}{rest[end:]}"


def choices_of(typed: str) -> list[tuple[str, dict[str, str]]]:
    """Read choices, one a line: `value | az | en | ru`.

    Raises:
        Invalid: `snippet.choices`.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for line in filter(None, (one.strip() for one in typed.splitlines())):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 1 + len(LANGUAGES) or not all(parts) or not _ID.fullmatch(parts[0]):
            raise Invalid("snippet.choices")
        words = {str(one): said for one, said in zip(LANGUAGES, parts[1:], strict=True)}
        found.append((parts[0], words))
    return found


def _check(text: str, asked: Asked) -> None:
    if asked.kind not in KINDS:
        raise Invalid("snippet.kind")
    if not _ID.fullmatch(asked.id):
        raise Invalid("snippet.id")
    if re.search(rf"(?m)^\s*-\s*(?:\{{\s*)?id:\s*['\"]?{asked.id}['\"]?\s*(?:[,#}}].*)?$", text):
        raise Invalid("snippet.twice")
    hints = [words for words in asked.hint.values() if words]
    complete = all(asked.ask.get(one) for one in LANGUAGES) and len(hints) in {0, len(LANGUAGES)}
    if not complete or any(len(words) > LONGEST for words in [*asked.ask.values(), *hints]):
        raise Invalid("snippet.words", limit=LONGEST)
    values = [value for value, _ in asked.choices]
    needs = asked.kind == "one_of"
    if needs != bool(values) or len(set(values)) < len(values) or len(values) > MOST_CHOICES:
        raise Invalid("snippet.choices")


def _lines(asked: Asked) -> list[str]:
    lines = [f"  - id: {asked.id}"]
    if asked.kind != "one_of":
        lines.append(f"    type: {asked.kind}")
    if not asked.is_required:
        lines.append("    required: false")
    lines.append(f"    ask: {_words(asked.ask)}")
    if any(asked.hint.values()):
        lines.append(f"    hint: {_words(asked.hint)}")
    if asked.choices:
        lines.append("    one_of:")
        lines += [f"      {value}: {_words(words)}" for value, words in asked.choices]
    return lines


def _words(words: Mapping[str, str]) -> str:
    """Return texts as YAML: JSON strings are double-quoted scalars."""
    said = ", ".join(f"{one}: {json.dumps(words[one], ensure_ascii=False)}" for one in LANGUAGES)
    return f"{{{said}}}"
