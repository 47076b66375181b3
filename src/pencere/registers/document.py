"""JSON that comes from outside: read strictly, or refused."""

import json
import math
from typing import NoReturn

from pencere.kernel.errors import Invalid
from pencere.registers.definition import Definition

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_PROBLEMS = 20
_LARGEST_INTEGER = 2**53 - 1


def read_json(body: bytes) -> dict[str, object]:
    """Return the object in `body`.

    Stricter than `json.loads`: no duplicate keys, NaN, infinities, whole numbers beyond 2^53,
    lone surrogates, control characters in texts, nor more than MAX_DEPTH levels; all of these
    mean different things to different readers, and what is signed must mean one.

    Raises:
        Invalid: `json.too_long`, `json.too_deep`, `json.duplicate_key`, `json.number`,
            `json.text`, `json.not_an_object`, `json.syntax`.
    """
    if len(body) > MAX_BYTES:
        raise Invalid("json.too_long", limit=MAX_BYTES)
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_fraction,
        )
    except RecursionError as error:
        raise Invalid("json.too_deep", limit=MAX_DEPTH) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Invalid("json.syntax", problem=type(error).__name__) from error
    if not isinstance(value, dict):
        raise Invalid("json.not_an_object")
    _check(value, depth=1)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("json.duplicate_key")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Invalid("json.number", problem=name.strip("-"))


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > _LARGEST_INTEGER:
        raise Invalid("json.number", problem="too large")
    return number


def _fraction(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Invalid("json.number", problem="too large")
    return number


def _check(value: object, *, depth: int) -> None:
    if isinstance(value, str):
        if not value.isprintable() and any(_is_unfit(character) for character in value):
            raise Invalid("json.text")
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise Invalid("json.too_deep", limit=MAX_DEPTH)
        if isinstance(value, dict):
            for key in value:
                _check(key, depth=depth)
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth=depth + 1)


def _is_unfit(character: str) -> bool:
    return character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff"


def validate(definition: Definition, data: object) -> dict[str, object]:
    """Return `data` when it is what the register holds.

    Raises:
        Invalid: `data.invalid`; `fields` lists place and broken rule, never the value, since
            it may be a personal one.
    """
    problems = [
        {"field": error.json_path, "rule": str(error.validator)}
        for _, error in zip(
            range(MAX_PROBLEMS), definition.validator.iter_errors(data), strict=False
        )
    ]
    if problems or not isinstance(data, dict):
        raise Invalid("data.invalid", register=definition.code, fields=problems)
    return data
