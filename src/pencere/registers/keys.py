"""The values under which a record is found, folded so that spelling does not hide it."""

import re
from collections.abc import Mapping
from functools import lru_cache

from pencere.kernel.alphabet import fold
from pencere.kernel.errors import Invalid
from pencere.registers.definition import Definition, Key, Part

_VOWELS = re.compile(r"[aeiou]")
_TO_DROP = str.maketrans("", "", " -")

# The longest value that enters the index; the fields themselves are bounded by their schemas.
MAX_LENGTH = 200


def key_value(key: Key, data: Mapping[str, object]) -> str | None:
    """Return the folded value of `key` in `data`, or None when a field of it is absent.

    Numbers keep their letters: capitals, without blanks and hyphens (`10-AR-417` is `10AR417`).
    Blocking keys are names as a hurried person types them.
    """
    folded = []
    for part in key.parts:
        value = data.get(part.field)
        if value is None:
            return None
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise Invalid("key.not_a_text", key=key.name)
        folded.append(_blocking(part, str(value)) if key.kind == "blocking" else _plain(str(value)))
    joined = "|".join(folded)
    if not joined.replace("|", "") or len(joined) > MAX_LENGTH:
        raise Invalid("key.length", key=key.name)
    return joined


def key_values(definition: Definition, data: Mapping[str, object]) -> dict[int, str]:
    """Return every key of a record by the number of the key."""
    found = {}
    for key in definition.keys.values():
        value = key_value(key, data)
        if value is not None:
            found[key.number] = value
    return found


def asked_value(key: Key, asked: object) -> str:
    """Return the folded value somebody asks by: a text, or an object for a key of many fields.

    Raises:
        Invalid: `key.incomplete`, `key.not_a_text`, `key.length`.
    """
    if not isinstance(asked, Mapping):
        if len(key.parts) != 1:
            raise Invalid("key.incomplete", key=key.name)
        asked = {key.parts[0].field: asked}
    if set(asked) - set(key.fields):
        raise Invalid("key.incomplete", key=key.name)
    value = key_value(key, asked)
    if value is None:
        raise Invalid("key.incomplete", key=key.name)
    return value


def _plain(value: str) -> str:
    text = value.translate(_TO_DROP)
    # str.upper would make other letters of ı and ß; numbers are ASCII.
    return text.upper() if text.isascii() else text


# Names repeat, and a bulk load folds every one three times.
@lru_cache(maxsize=65_536)
def _blocking(part: Part, value: str) -> str:
    text = fold(value).replace(" ", "").replace("-", "")
    if part.consonants:
        text = _VOWELS.sub("", text)
    return text[: part.take]
