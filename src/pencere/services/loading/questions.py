"""Questions of a form and the sections they stand in."""

from collections.abc import Mapping
from types import MappingProxyType

from pencere.kernel.text import Text
from pencere.services.model.question import (
    MOST_FILES,
    MOST_ROWS,
    UPLOADS,
    Choice,
    LookUp,
    Must,
    Question,
    QuestionType,
    Section,
)
from pencere.services.reading import Node

_IMAGES = ("image/jpeg", "image/png")
_MOST = {QuestionType.TABLE: MOST_ROWS, QuestionType.FILES: MOST_FILES}


def read_question(node: Node) -> Question:
    """Return a question; the columns of a table are questions too."""
    kind = _kind(node)
    default_accept = _IMAGES if kind is QuestionType.PHOTO else ("application/pdf", *_IMAGES)
    return Question(
        id=node.text("id"),
        type=kind,
        ask=node.words("ask"),
        hint=node.maybe_words("hint"),
        help=node.maybe_words("help"),
        when=node.maybe_expression("when"),
        must=tuple(Must(m.expression("that"), m.words("say")) for m in node.nodes("must")),
        choices=_choices(node, kind.value),
        required=node.flag("required", default=True),
        minimum=node.maybe_integer("minimum"),
        maximum=node.maybe_integer("maximum") or _MOST.get(kind),
        accept=node.texts("accept") or (default_accept if kind in UPLOADS else ()),
        max_bytes=node.maybe_integer("max_bytes") or 5 * 1024 * 1024,
        offer=node.maybe_expression("offer"),
        regions=node.flag("regions"),
        decimals=node.integer("decimals") if node.has("decimals") else 2,
        unit=node.maybe_words("unit"),
        columns=tuple(read_question(column) for column in node.nodes("columns")),
        value=node.maybe_expression("value"),
        shown_as=QuestionType(node.maybe_text("as") or "text"),
        prefill=node.maybe_expression("from"),
        locked=node.flag("locked"),
        look_up=_look_up(node.node("look_up")) if node.has("look_up") else None,
        section=node.maybe_text("section"),
        concept=node.maybe_text("concept"),
        although=node.maybe_words("although"),
    )


def read_sections(node: Node) -> Mapping[str, Section]:
    """Return the sections of a definition by id, in the order of the file."""
    return MappingProxyType(
        {
            key: Section(key, section.words("title"), section.maybe_expression("when"))
            for key, section in node.named("sections")
        }
    )


def _kind(node: Node) -> QuestionType:
    if node.has("type"):
        return QuestionType(node.text("type"))
    return QuestionType.MANY_OF if node.has("many_of") else QuestionType.ONE_OF


def _choices(node: Node, name: str) -> tuple[Choice, ...]:
    if name not in {"one_of", "many_of"}:
        return ()
    return tuple(
        Choice(
            value,
            Text(choice.text("az"), choice.text("en"), choice.text("ru")),
            choice.maybe_words("hint"),
        )
        for value, choice in node.named(name)
    )


def _look_up(node: Node) -> LookUp:
    return LookUp(
        register=node.text("in"),
        by=node.text("by"),
        purpose=node.text("purpose"),
        basis=node.text("basis"),
        show=node.texts("show"),
    )
