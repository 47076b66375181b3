"""YAML as definitions are written: YAML 1.2 booleans, no duplicate keys, no tags."""

import re
from collections.abc import Hashable, Mapping
from pathlib import Path

import yaml

from pencere.kernel.errors import Misconfigured
from pencere.kernel.yamltext import check_depth

MAX_BYTES = 1024 * 1024


class _Loader(yaml.CSafeLoader):
    """The safe loader (in C) in which `on`, `yes` and `no` are words, and dates are text.

    Only true and false are booleans. A date that does not exist can so be named by its key.
    """


_NOT_RESOLVED = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_RESOLVED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, object]:
    loader.flatten_mapping(node)
    seen: dict[Hashable, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable) or key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_yaml(path: Path, *, example: object = "a mapping") -> Mapping[str, object]:
    """Return the mapping that the file holds.

    Raises:
        Misconfigured: no such file, too long, not YAML, or not a mapping.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            file=path, key="(file)", value=error.strerror or "unreadable", example=example
        ) from error
    if len(content) > MAX_BYTES:
        raise Misconfigured(
            file=path, key="(file)", value=f"{len(content)} bytes", example="1 MiB or less"
        )
    try:
        check_depth(content)
        value = yaml.load(content, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        problem = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise Misconfigured(
            file=path, line=line, key="(file)", value=problem, example=example
        ) from error
    if not isinstance(value, dict):
        raise Misconfigured(file=path, key="(file)", value=type(value).__name__, example=example)
    return value
