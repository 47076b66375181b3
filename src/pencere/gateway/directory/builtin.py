"""What the provider's node answers itself, as the rights see it.

One entry a service code: which endpoint an agreement about it is matched with, and what it
demands. Who answers stands beside it in `exchange.builtin`. A registered service cannot take
one of these names.
"""

from dataclasses import dataclass

FIND_USAGE = "findUsage"


@dataclass(frozen=True, slots=True)
class BuiltInRule:
    """`needs_agreement` is False for metadata, which every client of the directory may read."""

    endpoints: tuple[tuple[str, str], ...] = ()
    demands: tuple[str, ...] = ()
    needs_agreement: bool = True


RULES = {
    "listMethods": BuiltInRule(needs_agreement=False),
    "allowedMethods": BuiltInRule(needs_agreement=False),
    FIND_USAGE: BuiltInRule(
        endpoints=(("POST", "**"),), demands=("purpose", "legal-basis", "person", "user")
    ),
}
