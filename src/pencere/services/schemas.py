"""The published JSON Schemas of the files, and errors that name file, key, value, example."""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from pencere.kernel.errors import Misconfigured
from pencere.kernel.yamltext import line_of


@cache
def schema(name: str) -> Mapping[str, object]:
    """Return the schema `service`, `cases`, `catalogue` or `appointments`."""
    text = files("pencere.services").joinpath("schema", f"{name}.schema.json").read_text("utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def check(content: Mapping[str, object], name: str, file: Path) -> dict[str, object]:
    """Return the content as JSON values (dates as ISO text) when it fits the schema.

    Raises:
        Misconfigured: the first thing that does not fit, deepest in the file.
    """
    plain = {_plain_key(key): _plain(item) for key, item in content.items()}
    errors = sorted(_validator(name).iter_errors(plain), key=_order)
    if errors:
        raise _misconfigured(_deepest(errors[0]), file)
    return plain


def _order(error: ValidationError) -> tuple[list[str], bool]:
    """By place; a key that is not known first, since a typo also leaves another key missing."""
    return [str(part) for part in error.path], error.validator != "additionalProperties"


def _deepest(error: ValidationError) -> ValidationError:
    while error.context:
        candidates = [e for e in error.context if e.validator != "const"] or error.context
        deeper = max(candidates, key=lambda e: (len(e.path), relevance(e)))
        # A failed choice between required keys reads better as the choice itself.
        if error.validator == "oneOf" and not deeper.path and deeper.validator == "required":
            return error
        error = deeper
    return error


def _misconfigured(error: ValidationError, file: Path) -> Misconfigured:
    key = ".".join(str(part) for part in error.absolute_path) or "(file)"
    part: Mapping[str, object] = error.schema if isinstance(error.schema, dict) else {}
    properties = part.get("properties")
    known = properties if isinstance(properties, dict) else {}
    example: object = "see docs/reference/service-definition.md"
    value: Any = error.instance
    rule: Any = error.validator_value
    match error.validator:
        case "required":
            missing = next(k for k in rule if k not in value)
            key, value = f"{key}.{missing}" if key != "(file)" else missing, "missing"
            example = _example_of(known.get(missing, {}))
        case "additionalProperties":
            extra = sorted(set(value) - set(known))
            key, value = f"{key}.{extra[0]}" if key != "(file)" else extra[0], "unknown key"
            example = ", ".join(sorted(known))
        case "enum":
            example = ", ".join(map(str, rule))
        case "oneOf":
            keys = [c.get("required") for c in rule if isinstance(c, dict)]
            value = f"keys {sorted(value)}" if isinstance(value, dict) else value
            example = " or ".join(" + ".join(k) for k in keys if k) or _example_of(part)
        case _:
            example = _example_of(part)
    if isinstance(value, str | dict | list) and len(str(value)) > 120:
        value = str(value)[:117] + "..."
    return Misconfigured(file=file, line=line_of(file, key), key=key, value=value, example=example)


def _example_of(part: Mapping[str, object]) -> object:
    reference = part.get("$ref")
    if isinstance(reference, str):
        for name in ("service", "cases", "catalogue", "appointments"):
            definitions = schema(name).get("$defs")
            target = reference.rsplit("/", 1)[-1]
            if isinstance(definitions, dict) and target in definitions:
                return _example_of(definitions[target])
    for key in ("examples", "enum"):
        values = part.get(key)
        if isinstance(values, list) and values:
            return values[0]
    return {"type": part["type"]} if "type" in part else "see docs/reference/service-definition.md"


def _plain(value: object) -> object:
    match value:
        case date():
            return value.isoformat()
        case Mapping():
            return {_plain_key(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _plain_key(key: object) -> str:
    return key.isoformat() if isinstance(key, date) else str(key)
