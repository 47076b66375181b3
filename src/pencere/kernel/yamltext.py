"""YAML as a text: what is too deep to be read, and on which line a key stands."""

from pathlib import Path

import yaml

# libyaml composes by recursion: a hundred thousand hyphens end the process.
MOST_DEPTH = 100


def check_depth(content: bytes) -> None:
    """Refuse what is nested deeper than people write.

    Raises:
        ValueError: deeper than MOST_DEPTH.
        yaml.YAMLError: it is no YAML.
    """
    depth = 0
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                raise ValueError(f"nested deeper than {MOST_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def line_of(file: Path, key: str) -> int | None:
    """Return the line of a key, `questions.1.ask`; of one that is missing, where it would be.

    None when the file cannot be read: why is said elsewhere.
    """
    try:
        content = file.read_bytes()
        check_depth(content)
        node = yaml.compose(content, Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError, ValueError):
        return None
    if node is None:
        return None
    line: int = node.start_mark.line
    steps = key.split(".")
    while steps:
        found = _below(node, steps)
        if found is None:
            break
        line, node, taken = found
        steps = steps[taken:]
    return line + 1


def _below(node: yaml.Node, steps: list[str]) -> tuple[int, yaml.Node, int] | None:
    """Return line, node and how many steps it took: a key may hold a full stop itself."""
    if isinstance(node, yaml.SequenceNode):
        if steps[0].isdecimal() and int(steps[0]) < len(node.value):
            item = node.value[int(steps[0])]
            return item.start_mark.line, item, 1
        return None
    if isinstance(node, yaml.MappingNode):
        for taken in range(len(steps), 0, -1):
            name = ".".join(steps[:taken])
            for key, value in node.value:
                if key.value == name:
                    return key.start_mark.line, value, taken
    return None
