"""YAML files of definitions; a mistake names its file, key, value and a valid example."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import yaml

from pencere.kernel.errors import Invalid, Misconfigured
from pencere.kernel.text import LANGUAGES, Text
from pencere.kernel.yamltext import line_of

TEXT_EXAMPLE = {"az": "Bakı", "en": "Baku", "ru": "Баку"}


class _UniqueKeys(yaml.CSafeLoader):
    """The safe loader, refusing a key that stands twice: the second would silently win."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[object, object]:
    loader.flatten_mapping(node)
    pairs: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in pairs:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} stands twice", key_node.start_mark
            )
        pairs[key] = loader.construct_object(value_node, deep=True)
    return pairs


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> object:
    """Return what `path` holds, of plain Python values.

    Raises:
        Misconfigured: the file is missing, is no YAML, or has a key twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError) as error:
        raise Misconfigured(
            file=path, key="(file)", value=str(error), example="a YAML file in UTF-8"
        ) from error


class Node:
    """A mapping in a file, with its place, for reading its keys one by one."""

    def __init__(self, file: Path, place: str, values: object) -> None:
        if not isinstance(values, Mapping):
            raise Misconfigured(file=file, key=place, value=values, example={"key": "value"})
        self.file = file
        self.place = place
        self.values: Mapping[object, object] = values

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Open `path`, whose top is a mapping."""
        return cls(path, "(file)", read_yaml(path))

    def at(self, key: object) -> str:
        """Return the full name of `key`, as messages give it."""
        return str(key) if self.place == "(file)" else f"{self.place}.{key}"

    def wrong(self, key: object, example: object) -> Misconfigured:
        """Return the error that says the value of `key` cannot be used."""
        place = self.at(key)
        return Misconfigured(
            file=self.file,
            line=line_of(self.file, place),
            key=place,
            value=self.values.get(key),
            example=example,
        )

    def has(self, key: str) -> bool:
        """Say whether `key` is there with a value."""
        return self.values.get(key) is not None

    def child(self, key: object) -> "Node":
        """Return the mapping under `key`; an absent one is an error."""
        return Node(self.file, self.at(key), self.values.get(key))

    def children(self, key: str) -> dict[str, "Node"]:
        """Return the mappings under the mapping `key`, by their names, in the file's order."""
        parent = self.child(key)
        return {str(name): parent.child(name) for name in parent.values}

    def string(self, key: str, example: str = "a text") -> str:
        """Return the non-empty string of `key`."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, example)
        return value

    def string_or(self, key: str, default: str) -> str:
        """Return the string of `key`, or `default` when it is absent."""
        return self.string(key) if self.has(key) else default

    def strings(self, key: str, example: tuple[str, ...] = ("a", "b")) -> tuple[str, ...]:
        """Return the list of strings of `key`; an absent list is empty."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, list(example))
        return tuple(value)

    def text(self, key: str) -> Text:
        """Return the three-language text of `key`."""
        value = self.values.get(key)
        if not isinstance(value, Mapping):
            raise self.wrong(key, TEXT_EXAMPLE)
        try:
            return Text.from_mapping(value)
        except Invalid as error:
            raise self.wrong(key, TEXT_EXAMPLE) from error

    def own_text(self) -> Text:
        """Return the text whose languages stand beside other keys of this mapping."""
        picked: dict[str, object] = {name: self.values.get(name) for name in LANGUAGES}
        try:
            return Text.from_mapping(picked)
        except Invalid as error:
            raise Misconfigured(
                file=self.file, key=self.place, value=picked, example=TEXT_EXAMPLE
            ) from error
