"""The graph as a drawing: who asks on the left, who answers on the right, lines between.

Made on the server, so that no script is needed; the colours are the page's own, so that it is
readable in the dark too. A line's pattern says the same as its colour.
"""

from collections.abc import Callable
from html import escape

from markupsafe import Markup

from pencere.kernel.text import Text
from pencere.web.openregister.domain.graph import VERDICTS, Edge, Graph
from pencere.web.openregister.domain.records import body_names
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.texts import texts

# More lines than this are drawn between bodies; more bodies are not drawn whole.
MOST_LINES = 40
WIDTH, ROW, TOP = 760, 44, 20
LEFT_TEXT, RIGHT_TEXT = 300, 460
LONGEST = 34
LINES = {
    "unagreed": ("var(--danger)", 4, "", True),
    "refused": ("var(--ink-2)", 2, "2 6", False),
    "never": ("var(--warn)", 2, "8 5", False),
    "quiet": ("var(--warn)", 2, "8 5", False),
    "used": ("var(--act)", 2.5, "", False),
    "new": ("var(--act)", 1.5, "3 4", False),
    "ended": ("var(--line)", 1.5, "3 4", False),
}


def draw(of: Graph, now: Snapshot, language: str) -> Markup | None:
    """Return the drawing, or None where there is nothing to draw."""
    if not of.edges:
        return None
    if len(of.edges) > MOST_LINES:
        lines = _lines(of.edges, lambda key: key.partition("/")[0])
        named: Callable[[str], Text] = body_names
    else:
        lines = _lines(of.edges, lambda key: key)
        named = lambda key: _system_names(key, now)  # noqa: E731 - a name for one of two ways
    lines = lines[:MOST_LINES]
    left = list(dict.fromkeys(one[0] for one in lines))
    right = list(dict.fromkeys(one[1] for one in lines))
    height = TOP * 2 + ROW * max(len(left), len(right))
    parts = [_line(left, right, one, language) for one in reversed(lines)]
    parts += [_label(LEFT_TEXT, "end", n, named(key), language) for n, key in enumerate(left)]
    parts += [_label(RIGHT_TEXT, "start", n, named(key), language) for n, key in enumerate(right)]
    title = escape(texts().say("registry.graph.title", language))
    about = escape(texts().say("registry.graph.drawing_about", language))
    return Markup(  # noqa: S704 - every text in it is escaped above and below
        f'<svg role="img" aria-labelledby="graph-title graph-about" width="{WIDTH}"'
        f' height="{height}" viewBox="0 0 {WIDTH} {height}" fill="currentColor" font-size="14">'
        f'<title id="graph-title">{title}</title><desc id="graph-about">{about}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _lines(edges: tuple[Edge, ...], end_of: Callable[[str], str]) -> list[tuple[str, str, str]]:
    """Return (who, whom, worst verdict), once each pair, in the order worth looking at."""
    found: dict[tuple[str, str], str] = {}
    for edge in edges:
        pair = (end_of(edge.consumer), end_of(edge.provider))
        found[pair] = min(found.get(pair, edge.verdict), edge.verdict, key=VERDICTS.index)
    return [(*pair, verdict) for pair, verdict in found.items()]


def _line(left: list[str], right: list[str], line: tuple[str, str, str], language: str) -> str:
    who, whom, verdict = line
    colour, width, dashes, _is_alarm = LINES[verdict]
    x1, x2 = LEFT_TEXT + 8, RIGHT_TEXT - 8
    y1, y2 = _y(left.index(who)), _y(right.index(whom))
    middle = (x1 + x2) // 2
    said = escape(texts().say(f"registry.graph.is.{verdict}", language))
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}" fill="none"'
        f' stroke="{colour}" stroke-width="{width}"{pattern}><title>{said}</title></path>'
    )


def _label(x: int, anchor: str, place: int, names: Text, language: str) -> str:
    text = names.in_language(language)
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"
    return (
        f'<text x="{x}" y="{_y(place) + 5}" text-anchor="{anchor}">'
        f"<title>{escape(text)}</title>{escape(shown)}</text>"
    )


def _y(place: int) -> int:
    return TOP + ROW * place + ROW // 2


def _system_names(key: str, now: Snapshot) -> Text:
    found = now.systems.get(key)
    return Text(key, key, key) if found is None else found.names
