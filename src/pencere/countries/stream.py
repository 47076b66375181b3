"""A stream of numbers that look random and are always the same for a seed.

For invented data only: who knows the seed knows every number.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypeVar

_T = TypeVar("_T")
_BLOCK = 8192


class Stream:
    """SHAKE-128 of the seed and a counter, eight bytes a number."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._counter = 0
        self._words: memoryview = memoryview(b"").cast("Q")
        self._at = 0

    def _word(self) -> int:
        if self._at == len(self._words):
            block = hashlib.shake_128(self._seed + self._counter.to_bytes(8, "little"))
            self._words = memoryview(block.digest(_BLOCK)).cast("Q")
            self._counter += 1
            self._at = 0
        word = self._words[self._at]
        self._at += 1
        return int(word)

    def below(self, bound: int) -> int:
        """Return a number from 0 up to and without `bound`."""
        return self._word() % bound

    def between(self, low: int, high: int) -> int:
        """Return a number from `low` to `high`, both possible."""
        return low + self._word() % (high - low + 1)

    def chance(self, per_mille: int) -> bool:
        """Return True `per_mille` times of a thousand."""
        return self._word() % 1000 < per_mille

    def choice(self, values: Sequence[_T]) -> _T:
        """Return one of `values`."""
        return values[self._word() % len(values)]

    def day(self, first: date, last: date) -> date:
        """Return a day from `first` to `last`; `first` when the two are in the wrong order."""
        days = (last - first).days
        return first + timedelta(days=self._word() % (days + 1)) if days > 0 else first
