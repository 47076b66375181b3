"""YAML from strangers: texts, lists and mappings only; no alias, no tag, no type guessed."""

from typing import Any

import yaml

from pencere.kernel.errors import Invalid

# Measured: libyaml needs minutes for 2 MiB of open brackets, and ten seconds for as much of
# nearly empty documents. It gives events one by one, so reading can stop in time.
MOST_DEPTH = 100
MOST_EVENTS = 300_000


def read_plain(text: str) -> object:
    """Return the one document of a text; every scalar is a text: `3.10` stays `3.10`.

    An alias is refused: with it a page of text can stand for a library.

    Raises:
        Invalid: `stateregister.openapi_yaml`: an alias, a tag, too deep, too much.
        yaml.YAMLError, ValueError: it is no YAML of one document with each key once.
    """
    built = _Built()
    for number, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if number > MOST_EVENTS or len(built.open) > MOST_DEPTH:
            raise Invalid("stateregister.openapi_yaml")
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise Invalid("stateregister.openapi_yaml")
        built.take(event)
    if len(built.top) != 1:
        raise ValueError("one document is needed")
    return built.top[0]


class _Built:
    """What was read so far; `open` are collections not closed yet, each with the key it waits for.

    A list waits for no key; a mapping has None until its next key was read.
    """

    def __init__(self) -> None:
        self.top: list[Any] = []
        self.open: list[list[Any]] = []

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._put(event.value)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin({})
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin([])
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()

    def _begin(self, made: object) -> None:
        self._put(made)
        self.open.append([made, None])

    def _put(self, value: object) -> None:
        if not self.open:
            self.top.append(value)
            return
        holder, key = self.open[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif key is not None:
            holder[key] = value
            self.open[-1][1] = None
        elif isinstance(value, str) and value not in holder:
            self.open[-1][1] = value
        else:
            raise ValueError("a key is no text, or stands twice")
