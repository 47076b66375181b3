"""Everything the chrome of the pages says, in Azerbaijani, English and Russian.

The sentences live in `locale/<area>.yaml`: nested mappings whose leaves are `{az, en, ru}`; the
key of a sentence is its path (`nav.sign_in`). A language's value is a sentence with named
placeholders (`{name}`), or a mapping of CLDR plural categories that is chosen by the fact `n`.
A missing language, plural form or placeholder, and a key said twice, are refused at load.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from babel import Locale
from django.utils.translation import get_language

from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import LANGUAGES, Text

LOCALE_FOLDER = Path(__file__).parent / "locale"

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One key: `forms[language][category]`; a sentence without plurals has only `other`."""

    key: str
    forms: Mapping[str, Mapping[str, str]]
    placeholders: frozenset[str]

    @property
    def has_plurals(self) -> bool:
        """Say whether the sentence changes with a count."""
        return any(len(forms) > 1 for forms in self.forms.values())

    def form(self, language: str, count: int | None = None) -> str:
        """Return the pattern of this language, for this count when it has plurals."""
        forms = self.forms[language]
        if len(forms) == 1 or count is None:
            return forms["other"]
        return forms[Locale.parse(language).plural_form(count)]


class Texts:
    """All sentences of a folder."""

    def __init__(self, sentences: Mapping[str, Sentence]) -> None:
        self._sentences = sentences

    @classmethod
    def load(cls, folder: Path) -> "Texts":
        """Read every `*.yaml` of the folder.

        Raises:
            Misconfigured: naming the file, the key and what is missing.
        """
        sentences: dict[str, Sentence] = {}
        for file in sorted(folder.glob("*.yaml")):
            tree = _tree(file)
            for key, leaf in _leaves(tree, (), file):
                if key in sentences:
                    raise _refusal(file, key, leaf, "a key that no other file has")
                sentences[key] = _sentence(file, key, leaf)
        return cls(sentences)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self._sentences.values())

    def __getitem__(self, key: str) -> Sentence:
        """Return the sentence.

        Raises:
            Misconfigured: no such key.
        """
        try:
            return self._sentences[key]
        except KeyError:
            raise Misconfigured(
                file=str(LOCALE_FOLDER), key=key, value=None, example="{az: ..., en: ..., ru: ...}"
            ) from None

    def say(self, key: str, language: str, **facts: object) -> str:
        """Return the sentence with its facts filled in; the fact `n` chooses the plural."""
        sentence = self[key]
        if facts.keys() != sentence.placeholders:
            raise Misconfigured(
                file=str(LOCALE_FOLDER),
                key=key,
                value=", ".join(sorted(facts)),
                example=", ".join(sorted(sentence.placeholders)) or "no placeholder",
            )
        count = facts.get("n")
        pattern = sentence.form(language, count if isinstance(count, int) else None)
        return pattern.format(**facts) if facts else pattern

    def text(self, key: str, **facts: object) -> Text:
        """Return the sentence in all languages at once."""
        return Text(**{language: self.say(key, language, **facts) for language in LANGUAGES})


@cache
def texts() -> Texts:
    """Return the sentences of the product, read once a process."""
    return Texts.load(LOCALE_FOLDER)


def t(key: str, **facts: object) -> str:
    """Say `key` in the language of the request that is being answered."""
    return texts().say(key, current_language(), **facts)


def current_language() -> str:
    """Return the language of this thread's request: az, en or ru."""
    language = (get_language() or LANGUAGES[0])[:2]
    return language if language in LANGUAGES else LANGUAGES[0]


def _tree(file: Path) -> object:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as fault:
        where = str(getattr(fault, "problem_mark", "")).strip()
        raise _refusal(
            file, where, str(fault).splitlines()[0], 'key: {az: "…", en: "…", ru: "…"}'
        ) from None


def _leaves(
    tree: object, path: tuple[str, ...], file: Path
) -> Iterator[tuple[str, Mapping[str, object]]]:
    if not isinstance(tree, Mapping) or not tree:
        raise _refusal(file, ".".join(path), tree, "{az: ..., en: ..., ru: ...}")
    if set(tree) & set(LANGUAGES):
        yield ".".join(path), tree
        return
    for name, below in tree.items():
        yield from _leaves(below, (*path, str(name)), file)


def _sentence(file: Path, key: str, leaf: Mapping[str, object]) -> Sentence:
    if set(leaf) != set(LANGUAGES):
        raise _refusal(file, key, sorted(leaf), "az, en and ru")
    forms: dict[str, Mapping[str, str]] = {
        language: _forms(file, key, language, leaf[language]) for language in LANGUAGES
    }
    names = {
        language: frozenset(
            name for pattern in of.values() for name in _PLACEHOLDER.findall(pattern)
        )
        for language, of in forms.items()
    }
    if len(set(names.values())) > 1:
        raise _refusal(file, key, {k: sorted(v) for k, v in names.items()}, "the same placeholders")
    placeholders = names[LANGUAGES[0]]
    if any(len(of) > 1 for of in forms.values()) and "n" not in placeholders:
        raise _refusal(file, key, sorted(placeholders), "a placeholder {n} for the plural")
    return Sentence(key=key, forms=forms, placeholders=placeholders)


def _forms(file: Path, key: str, language: str, value: object) -> Mapping[str, str]:
    forms: dict[str, object] = dict(value) if isinstance(value, Mapping) else {"other": value}
    said: dict[str, str] = {}
    if isinstance(value, Mapping):
        needed = {*Locale.parse(language).plural_form.tags, "other"}
        if set(forms) != needed:
            raise _refusal(file, f"{key}.{language}", sorted(forms), ", ".join(sorted(needed)))
    for category, pattern in forms.items():
        if not isinstance(pattern, str) or not pattern.strip():
            raise _refusal(file, f"{key}.{language}", pattern, "a sentence")
        if _PLACEHOLDER.sub("", pattern).count("{") or _PLACEHOLDER.sub("", pattern).count("}"):
            raise _refusal(file, f"{key}.{language}", pattern, "placeholders like {name}")
        said[category] = pattern
    return said


def _refusal(file: Path, key: str, value: object, example: str) -> Misconfigured:
    return Misconfigured(file=str(file), key=key, value=value, example=example)
