"""`t("key", fact=...)` in a template becomes the sentence itself while the template compiles.

Looking sentences up while a page renders was the largest cost of a page when it was measured,
so a call with a constant key is replaced in the syntax tree by the text of the environment's
language. A call that names an unknown key or other facts than the sentence has does not compile.
"""

import re

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from pencere.kernel.errors import Misconfigured
from pencere.web.texts import Texts

JOIN = "join_sentence"

_PARTS = re.compile(r"\{([a-z_]+)\}")


def join_sentence(*parts: object) -> str:
    """Put the pieces together; when a fact is markup the others are escaped beside it."""
    if any(hasattr(part, "__html__") for part in parts):
        return Markup("").join(parts)  # type: ignore[arg-type] # it escapes what is no markup
    return "".join(map(str, parts))


class SentenceResolver(NodeTransformer):
    """Replaces calls of `t` in one template's tree."""

    def __init__(self, texts: Texts, language: str, name: str | None, filename: str | None) -> None:
        self._texts = texts
        self._language = language
        self._name = name
        self._filename = filename

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - named by jinja2's visitor
        """Resolve `t` with a constant key; leave every other call as it is."""
        self.generic_visit(node)
        if not (isinstance(node.node, nodes.Name) and node.node.name == "t"):
            return node
        if not node.args or not isinstance(node.args[0], nodes.Const) or node.dyn_kwargs:
            return node
        key = str(node.args[0].value)
        facts = {pair.key: pair.value for pair in node.kwargs}
        try:
            sentence = self._texts[key]
        except Misconfigured:
            raise self._fault(node, f"no sentence {key!r} in web/locale") from None
        if facts.keys() != sentence.placeholders:
            wanted = ", ".join(sorted(sentence.placeholders)) or "none"
            given = ", ".join(sorted(facts)) or "none"
            raise self._fault(node, f"sentence {key!r} has the facts: {wanted}; given: {given}")
        if sentence.has_plurals:
            return node
        return _pattern(sentence.form(self._language), facts, node.lineno)

    def _fault(self, node: nodes.Node, message: str) -> TemplateSyntaxError:
        return TemplateSyntaxError(message, node.lineno, self._name, self._filename)


def _pattern(pattern: str, facts: dict[str, nodes.Expr], line: int) -> nodes.Expr:
    """Constant pieces and facts side by side; markup among the facts stays markup."""
    pieces = _PARTS.split(pattern)
    if len(pieces) == 1:
        return nodes.Const(pattern, lineno=line)
    parts: list[nodes.Expr] = []
    for position, piece in enumerate(pieces):
        if position % 2:
            parts.append(facts[piece])
        elif piece:
            parts.append(nodes.Const(piece, lineno=line))
    # Not nodes.Concat: the compiler folds constants in it and forgets that one was markup.
    return nodes.Call(nodes.Name(JOIN, "load"), parts, [], None, None, lineno=line)
