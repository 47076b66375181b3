"""A place in a service definition that has passed its schema, read by type."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pencere.rules.place import Place
from pencere.services.expressions import VARIABLES
from pencere.services.model.common import Expression


@dataclass(frozen=True, slots=True)
class Node(Place):
    """A mapping in the file and where it stands."""

    def expression(self, name: str) -> Expression:
        """Return an expression."""
        return Expression(self.text(name), self.key(name))

    def maybe_expression(self, name: str) -> Expression | None:
        """Return an expression, None when not given."""
        return self.expression(name) if self.has(name) else None

    def values(self, name: str) -> Mapping[str, Expression]:
        """Return a mapping of names to expressions; a value that reads no variable is itself."""
        place = self.node(name)
        return MappingProxyType(
            {
                key: Expression(_as_expression(value), place.key(key))
                for key, value in place.content.items()
            }
        )


def _as_expression(value: object) -> str:
    """`applicant.fin` and `'valid'` are expressions; `valid`, `12` and `true` are what they are."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str() if _reads_something(value):
            return value
        case _:
            escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
            return f"'{escaped}'"


def _reads_something(source: str) -> bool:
    if source.startswith(("'", '"', "[", "{")) or "(" in source or "." in source:
        return True
    head = source.split(" ", 1)[0]
    return head in VARIABLES
