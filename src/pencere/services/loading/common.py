"""What several parts are made of."""

from pencere.services.model.common import Basis, TermUnit
from pencere.services.reading import Node


def read_basis(node: Node) -> Basis:
    """Return a legal ground."""
    return Basis(
        act=node.text("act"),
        article=node.maybe_text("article") or "",
        provisional=node.flag("provisional"),
    )


def read_length(node: Node) -> tuple[int, TermUnit]:
    """Return how long a term is; 0 when it says no unit."""
    for unit in TermUnit:
        if node.has(unit.value):
            return node.integer(unit.value), unit
    return 0, TermUnit.WORKING_DAYS
