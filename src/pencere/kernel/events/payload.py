"""What an event says, as its publisher gives it: a JSON object that every reader can take.

It goes through many hands, each of which reads and writes it again, so what one of them could
choke on is refused at the door: numbers that are none, halves of characters, endless nesting.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

# What a subscriber has to walk; nobody tells of a change so deep.
_DEEPEST = 32


def read_payload(body: bytes) -> dict[str, Any]:
    """Return the object.

    Raises:
        ValueError: says what is wrong with it, without a word of what it says.
    """
    try:
        found = json.loads(body, parse_constant=_no_number, parse_float=_number)
    except RecursionError as problem:
        raise ValueError(_TOO_DEEP) from problem
    except ValueError as problem:
        raise ValueError(f"the body is no JSON{_hint(problem)}") from problem
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004  # of the caller's
    check_payload(found)
    return found


def check_payload(data: Mapping[str, Any]) -> None:
    """Refuse what is JSON and cannot be handed on.

    Raises:
        ValueError: says what is wrong with it.
    """
    left: list[tuple[Any, int]] = [(data, 1)]
    while left:
        value, depth = left.pop()
        if depth > _DEEPEST:
            raise ValueError(_TOO_DEEP)
        match value:
            case dict():
                left += [(one, depth + 1) for one in (*value, *value.values())]
            case list():
                left += [(one, depth + 1) for one in value]
            case str() if not value.isascii():
                _refuse_halves(value)
            case float() if not math.isfinite(value):
                raise ValueError("a number is none that JSON has")


def size_of(value: Any) -> int:
    """Return how many values there are, objects and arrays counted too."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        count += 1
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return count


_TOO_DEEP = f"it is nested deeper than {_DEEPEST} levels"


class _NumberError(ValueError):
    pass


def _no_number(text: str) -> float:
    raise _NumberError(text)


def _number(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise _NumberError(text)
    return found


def _hint(problem: ValueError) -> str:
    return ": a number is none that JSON has" if isinstance(problem, _NumberError) else ""


def _refuse_halves(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        raise ValueError("a text holds half a character (a lone surrogate)") from problem
