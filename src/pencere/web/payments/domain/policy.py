"""What the country decides about money: `payments.yaml` of its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pencere.kernel.datafile import Node
from pencere.web.country import country

FILE = "payments.yaml"


@dataclass(frozen=True, slots=True)
class Policy:
    """`four_eyes_above` is in qəpik; `codes` gives a body's treasury code."""

    four_eyes_above: int
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
    refunds, treasury = file.child("refunds"), file.child("treasury")
    limit = refunds.values.get("four_eyes_above")
    if type(limit) is not int or limit < 0:
        raise refunds.wrong("four_eyes_above", 5000)
    codes = treasury.child("codes")
    return Policy(
        four_eyes_above=limit,
        default_code=treasury.string("default", "unassigned"),
        codes={str(body): codes.string(str(body), "111001") for body in codes.values},
    )
