"""Parts of a value that a purpose may see: the last four digits, the year only, initials.

    masks:
      fitness: {number: last-4, born: year, family: initials}

What does not fit its mask is hidden whole: a mask fails closed.
"""

import re
from collections.abc import Mapping

from pencere.kernel.datafile import Node

HIDDEN = "•"
_PATTERN = re.compile(r"(?:(?P<end>last|first)-(?P<count>[1-9])|year|initials|hidden)\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")

Masks = Mapping[str, Mapping[str, str]]


def masked(pattern: str, value: object) -> str:
    """Return what `pattern` leaves of a value; of a list or an object nothing."""
    match = _PATTERN.match(pattern)
    if match is None or not isinstance(value, str | int) or isinstance(value, bool):
        return HIDDEN
    text = str(value)
    if match["end"]:
        count = int(match["count"])
        # A value as short as what may be seen would be seen whole.
        if len(text) <= count:
            return HIDDEN * len(text)
        hidden = HIDDEN * (len(text) - count)
        return hidden + text[-count:] if match["end"] == "last" else text[:count] + hidden
    if pattern == "year" and _DAY.match(text):
        return text[:4]
    if pattern == "initials":
        return " ".join(f"{word[0]}." for word in text.split()) or HIDDEN
    return HIDDEN


def shape(pattern: str) -> dict[str, object]:
    """Return the JSON Schema of what `masked` leaves, which says nothing of the value itself."""
    match = _PATTERN.match(pattern)
    seen = HIDDEN
    if match and match["end"]:
        some = f"[\\s\\S]{{{match['count']}}}"
        part = f"{HIDDEN}+{some}" if match["end"] == "last" else f"{some}{HIDDEN}+"
        seen = f"{HIDDEN}*|{part}"
    elif pattern == "year":
        seen = f"[0-9]{{4}}|{HIDDEN}"
    elif pattern == "initials":
        seen = rf"\S\.( \S\.)*|{HIDDEN}"
    return {"type": "string", "pattern": f"^({seen})$", "x-mask": pattern}


def read_masks(top: Node) -> Masks:
    """Read `masks` of a definition: purpose to field to pattern.

    Raises:
        Misconfigured: a pattern that is none.
    """
    if not top.has("masks"):
        return {}
    return {purpose: _patterns(node) for purpose, node in top.children("masks").items()}


def event_masks(node: Node) -> Mapping[str, str]:
    """Read `masks` of an event: field to pattern."""
    return _patterns(node.child("masks")) if node.has("masks") else {}


def _patterns(node: Node) -> Mapping[str, str]:
    for field, pattern in node.values.items():
        if not isinstance(pattern, str) or not _PATTERN.match(pattern):
            raise node.wrong(str(field), "last-4")
    return {str(field): str(pattern) for field, pattern in node.values.items()}
