"""A place in a file of rules or definitions, read by type; a mistake names file, key, example."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from pencere.kernel.errors import Invalid, Misconfigured
from pencere.kernel.text import Text
from pencere.kernel.yamltext import line_of


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping in the file and where it stands."""

    content: Mapping[str, object]
    file: Path
    path: str

    def key(self, name: str) -> str:
        """Return the path of a key below this place: `questions.1.ask`."""
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, *, example: object) -> Misconfigured:
        """Return the error for a value here that is not valid."""
        key = self.key(name)
        return Misconfigured(
            file=self.file,
            line=line_of(self.file, key),
            key=key,
            value=self.content.get(name),
            example=example,
        )

    def has(self, name: str) -> bool:
        """Say whether the key is given."""
        return name in self.content

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.content.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, example="a text")
        return value

    def maybe_text(self, name: str) -> str | None:
        """Return a string, None when not given."""
        return self.text(name) if self.has(name) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, empty when not given."""
        value = self.content.get(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, example="a list")
        return tuple(str(item) for item in value)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value = self.content.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, example=1)
        return value

    def maybe_integer(self, name: str) -> int | None:
        """Return a whole number, None when not given."""
        return self.integer(name) if self.has(name) else None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false."""
        return bool(self.content.get(name, default))

    def day(self, name: str) -> date:
        """Return a date, which YAML may have read already."""
        value = self.content.get(name)
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(self.text(name))
        except ValueError as error:
            raise self.wrong(name, example="2026-01-01") from error

    def words(self, name: str) -> Text:
        """Return a text in the three languages."""
        try:
            return Text.from_mapping(self.mapping(name))
        except Invalid as error:
            example = {"az": "Bakı", "en": "Baku", "ru": "Баку"}
            raise self.wrong(name, example=example) from error

    def maybe_words(self, name: str) -> Text | None:
        """Return a text in the three languages, None when not given."""
        return self.words(name) if self.has(name) else None

    def mapping(self, name: str) -> Mapping[str, object]:
        """Return a mapping, empty when not given."""
        value = self.content.get(name, {})
        if not isinstance(value, Mapping):
            raise self.wrong(name, example="a mapping")
        return value

    def node(self, name: str) -> Self:
        """Return the place of a mapping."""
        return type(self)(self.mapping(name), self.file, self.key(name))

    def named(self, name: str) -> Iterator[tuple[str, Self]]:
        """Yield the entries of a mapping of mappings, in the order of the file."""
        place = self.node(name)
        for key in place.content:
            yield key, place.node(key)

    def nodes(self, name: str) -> Iterator[Self]:
        """Yield the entries of a list of mappings."""
        value = self.content.get(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, example="a list")
        for index, item in enumerate(value):
            if not isinstance(item, Mapping):
                raise self.wrong(name, example="a list of mappings")
            yield type(self)(item, self.file, f"{self.key(name)}.{index}")
