"""The engine's own sentences, from texts.yaml beside this module."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from pencere.kernel.text import Text
from pencere.rules.yamlfile import load_yaml


@cache
def _table() -> Mapping[str, Text]:
    file = Path(str(files("pencere.services").joinpath("texts.yaml")))
    return {
        code: Text.from_mapping(words if isinstance(words, Mapping) else {})
        for code, words in load_yaml(file).items()
    }


def say(code: str, **facts: str) -> Text:
    """Return the sentence of a code with its placeholders filled; the same fact in each language.

    Raises:
        KeyError: no sentence has that code, a mistake in our own code.
    """
    words = _table()[code]
    if not facts:
        return words
    return Text(**{lang: text.format(**facts) for lang, text in words.as_mapping().items()})


def say_each(code: str, facts: Mapping[str, Text]) -> Text:
    """Return the sentence with facts that differ by language."""
    filled = {
        lang: text.format(**{name: fact.in_language(lang) for name, fact in facts.items()})
        for lang, text in _table()[code].as_mapping().items()
    }
    return Text(**filled)
