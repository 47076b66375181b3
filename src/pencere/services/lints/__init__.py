"""May a definition be published? Everything that can be known before the first case is checked."""

from pencere.kernel.yamltext import line_of
from pencere.services.definition import FILE
from pencere.services.lints.case import CASE_RULES
from pencere.services.lints.expressions import EXPRESSION_RULES
from pencere.services.lints.names import NAME_RULES
from pencere.services.lints.once import ONCE_RULES
from pencere.services.lints.questions import QUESTION_RULES
from pencere.services.lints.surroundings import Finding, Surroundings
from pencere.services.lints.templates import TEMPLATE_RULES
from pencere.services.lints.texts import TEXT_RULES
from pencere.services.model.definition import Definition

__all__ = ["Finding", "Surroundings", "lint"]

_RULES = (
    *TEXT_RULES,
    *NAME_RULES,
    *QUESTION_RULES,
    *ONCE_RULES,
    *EXPRESSION_RULES,
    *CASE_RULES,
    *TEMPLATE_RULES,
)


def lint(definition: Definition, around: Surroundings) -> list[Finding]:
    """Return what is wrong; empty: the definition may be published."""
    file = definition.folder / FILE
    return [
        Finding(file, key, value, message, example, line_of(file, key))
        for rule in _RULES
        for key, value, message, example in rule(definition, around)
    ]
