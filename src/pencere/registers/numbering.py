"""Numbers that a register gives out: letters, a separator, digits, one after the other."""

from dataclasses import dataclass

from pencere.kernel.errors import Conflict, Invalid

_SPELLING = str.maketrans("", "", " -")


@dataclass(slots=True)
class Series:
    """Where the numbers of a register stand: `next` is the index not given out yet."""

    next: int


@dataclass(frozen=True, slots=True)
class Numbering:
    """`BA 000001`, `BA 000002` ... `BA 999999`, `BB 000000`; `first` is what index 0 gives.

    Raises:
        Invalid: `numbering.first` when `first` is not such a number.
    """

    field: str
    letters: int
    digits: int
    separator: str
    alphabet: str
    first: str

    def __post_init__(self) -> None:
        self._position(self.first)

    def number(self, index: int) -> str:
        """Return the number given out as the `index`-th, counted from 0.

        Raises:
            Conflict: `numbering.exhausted`.
        """
        series, rest = divmod(self._position(self.first) + index, 10**self.digits)
        letters = ""
        for _ in range(self.letters):
            series, letter = divmod(series, len(self.alphabet))
            letters = self.alphabet[letter] + letters
        if series:
            raise Conflict("numbering.exhausted")
        return f"{letters}{self.separator}{rest:0{self.digits}}"

    def behind(self, value: object) -> int:
        """Return the index after that of a number given out elsewhere; 0 for one of no series.

        Spelling is as in keys, where `ba000001` is `BA 000001`: both may not be given.
        """
        folded = str(value).translate(_SPELLING).upper()
        if not str(value).isascii() or len(folded) != self.letters + self.digits:
            return 0
        number = f"{folded[: self.letters]}{self.separator}{folded[self.letters :]}"
        try:
            return max(0, self._position(number) - self._position(self.first) + 1)
        except Invalid:
            return 0

    def _position(self, number: str) -> int:
        letters = number[: self.letters]
        digits = number[self.letters + len(self.separator) :]
        shape = letters + self.separator + digits
        if (
            shape != number
            or len(letters) != self.letters
            or len(digits) != self.digits
            or not digits.isascii()
            or not digits.isdigit()
            or not set(letters) <= set(self.alphabet)
        ):
            raise Invalid("numbering.first", length=len(number))
        series = 0
        for letter in letters:
            series = series * len(self.alphabet) + self.alphabet.index(letter)
        return series * int(10**self.digits) + int(digits)
