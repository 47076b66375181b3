"""Fees of the island."""

from pencere.rules.law import Reading, rule
from pencere.rules.trace import Line


@rule("net.fee")
def net_fee(law: Reading) -> list[Line]:
    """A net of more than ten metres costs more."""
    length = law.fact("answers.length")
    return [law.charge("net.fee", "large" if isinstance(length, int) and length > 10 else "small")]
