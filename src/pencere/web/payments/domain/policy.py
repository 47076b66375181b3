"""What the country decides about money: `payments.yaml` of its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pencere.kernel.datafile import Node
from pencere.web.country import country

FILE = "payments.yaml"

# What may be done with more than was asked; payments.yaml says what each means.
TOO_MUCH = ("return-excess", "return-all")


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits are in qəpik; `codes` gives a body's treasury code; `keeper` keeps the book.

    A refund above `four_eyes_above`, a difference above `explain_alone`, is of two people.
    """

    four_eyes_above: int
    explain_alone: int
    keeper: str
    too_much: str
    default_code: str
    codes: Mapping[str, str]

    def treasury_code(self, body: str) -> str:
        """Return the budget code under which a body's money is booked."""
        return self.codes.get(body, self.default_code)


@cache
def policy() -> Policy:
    """Return the policy of the country this installation serves, read once a process."""
    return load_policy(country().folder / FILE)


def load_policy(path: Path) -> Policy:
    """Read a file. Raises Misconfigured with file, line and key."""
    file = Node.of_file(path)
    treasury, wrong = file.child("treasury"), file.child("wrong_amount")
    codes = treasury.child("codes")
    return Policy(
        four_eyes_above=_sum(file.child("refunds"), "four_eyes_above", 5000),
        explain_alone=_sum(file.child("differences"), "four_eyes_above", 1000),
        keeper=file.child("book").string("keeper", "idda"),
        too_much=_one_of(wrong, "too_much", TOO_MUCH),
        default_code=treasury.string("default", "unassigned"),
        codes={str(body): codes.string(str(body), "111001") for body in codes.values},
    )


def _sum(node: Node, key: str, example: int) -> int:
    value = node.values.get(key)
    if type(value) is not int or value < 0:
        raise node.wrong(key, example)
    return value


def _one_of(node: Node, key: str, known: tuple[str, ...]) -> str:
    value = node.string(key, known[0])
    if value not in known:
        raise node.wrong(key, known[0])
    return value
