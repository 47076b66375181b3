"""How alike two records are, as the definition weighs it. docs/specs/registers.md, section 13.

    likeness:
      keys: [same-sound, same-birthday]
      compare:
        family: {how: name, weight: 3}
        born: {how: day, weight: 3}
      same: 950
      look: 800

Only records that share a blocking key are compared. Measures are thousandths.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from rapidfuzz.distance import Indel

from pencere.kernel.alphabet import fold
from pencere.kernel.datafile import Node

WHOLE = 1000
# Day and month exchanged: a slip of the pen between countries that write them otherwise.
EXCHANGED = 900
# One of year, month and day is another.
ONE_PART = 500
_KEYS = ("keys", "compare", "same", "look")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field, how it is compared, and how much it says."""

    field: str
    how: str
    weight: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes a pair worth a clerk's look: from `look` on; from `same` on it is urgent."""

    keys: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    same: int
    look: int

    def of(self, one: Mapping[str, object], other: Mapping[str, object]) -> int:
        """Return how alike the data of two records is, 0 to 1000, whichever comes first.

        Fields that one of them does not have say nothing.
        """
        points = weights = 0
        for each in self.comparisons:
            here, there = one.get(each.field), other.get(each.field)
            if here is not None and there is not None:
                weights += each.weight
                points += each.weight * COMPARE[each.how](str(here), str(there))
        return points // weights if weights else 0

    def grade(self, measure: int) -> str | None:
        """Return `same`, `look`, or None: not worth a look."""
        if measure >= self.same:
            return "same"
        return "look" if measure >= self.look else None


def read_likeness(top: Node) -> Likeness | None:
    """Read `likeness` of a definition.

    Raises:
        Misconfigured: a measure, weight or way of comparing that is none.
    """
    if not top.has("likeness"):
        return None
    node = top.child("likeness")
    for key in node.values:
        if key not in _KEYS:
            raise node.wrong(str(key), f"one of {', '.join(_KEYS)}")
    found = []
    for field, each in node.children("compare").items():
        how = each.string("how", "name")
        if how not in COMPARE:
            raise each.wrong("how", " or ".join(COMPARE))
        found.append(Comparison(field, how, _within(each, "weight", 100, 3)))
    if not found:
        raise node.wrong("compare", {"family": {"how": "name", "weight": 3}})
    keys = node.strings("keys", ("same-sound",))
    same, look = _within(node, "same", WHOLE, 950), _within(node, "look", WHOLE, 800)
    if look > same:
        raise node.wrong("look", same)
    return Likeness(keys, tuple(found), same, look)


def _within(node: Node, key: str, most: int, example: int) -> int:
    value = node.values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise node.wrong(key, example)
    return value


def _exact(one: str, other: str) -> int:
    return WHOLE if one == other else 0


def _name(one: str, other: str) -> int:
    """Names as a hurried person types them, whatever the script and the order of the words."""
    here, there = _words(one), _words(other)
    # A name in a script without Latin letters folds to nothing; two of them are not alike by that.
    if not here or not there:
        return _exact(one, other)
    return int(WHOLE * Indel.normalized_similarity(here, there))


@lru_cache(maxsize=65_536)
def _words(name: str) -> str:
    return " ".join(sorted(fold(name).replace("-", " ").split()))


def _day(one: str, other: str) -> int:
    if one == other:
        return WHOLE
    try:
        here, there = date.fromisoformat(one), date.fromisoformat(other)
    except ValueError:
        return 0
    if (here.year, here.month, here.day) == (there.year, there.day, there.month):
        return EXCHANGED
    same = (here.year == there.year) + (here.month == there.month) + (here.day == there.day)
    return ONE_PART if same == 2 else 0


COMPARE: Mapping[str, Callable[[str, str], int]] = {"name": _name, "day": _day, "exact": _exact}
