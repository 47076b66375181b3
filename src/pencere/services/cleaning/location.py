"""Where something is: an address, a point on the map."""

import re
from collections.abc import Mapping

from pencere.kernel.errors import PencereError
from pencere.services.cleaning.common import Raw, text_in, typed, wrong
from pencere.services.expressions import evaluate
from pencere.services.model.question import Question
from pencere.services.places import MILLION, places_in

_DEGREES = re.compile(r"(-?)([0-9]{1,3})(?:[.,]([0-9]{1,12}))?°?")


def offered(question: Question, context: Mapping[str, object]) -> tuple[str, ...]:
    """Return the addresses to choose from; the HTML value of each is its index."""
    if question.offer is None:
        return ()
    try:
        value = evaluate(question.offer, context)
    except PencereError:
        return ()
    options = value if isinstance(value, list) else [value]
    return tuple(str(option) for option in options if option)


def address(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    """Return an address: an offered one, or one that was typed."""
    options = offered(question, context)
    chosen = typed(raw, question.id)
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 4:
        if int(chosen) < len(options):
            line = options[int(chosen)]
            return {"line": line} if question.regions else line
        raise wrong(question, "answer.choose_one")
    if options and chosen not in {"", "other"}:
        raise wrong(question, "answer.choose_one")
    if options and not chosen:
        return None
    return _typed(question, raw, context, is_chosen=bool(chosen))


def _typed(
    question: Question, raw: Raw, context: Mapping[str, object], *, is_chosen: bool
) -> object:
    field = f"{question.id}-line"
    line = text_in(question, raw, field)
    if not question.regions:
        if line is None and question.required and is_chosen:
            raise wrong(question, "answer.required", field)
        return line
    region = typed(raw, f"{question.id}-region")
    if not region and line is None:
        if question.required:
            raise wrong(question, "address.region", f"{question.id}-region")
        return None
    regions = places_in(context).regions
    if region not in regions:
        raise wrong(question, "address.region", f"{question.id}-region")
    if line is None:
        raise wrong(question, "address.line", field)
    # The name is kept as it was chosen: a region may be called otherwise later.
    return {"region": region, "region_name": regions[region].az, "line": line}


def point(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    """Return a point inside the country, in millionths of a degree."""
    fields = question.fields()
    written = [typed(raw, name) for name in fields]
    if not any(written):
        return None
    bounds = places_in(context).bounds
    found = []
    for field, degrees, (least, most) in zip(fields, written, bounds, strict=True):
        match = _DEGREES.fullmatch(degrees)
        if match is None:
            raise wrong(question, "point.invalid", field)
        value = int(match[2] + (match[3] or "").ljust(6, "0")[:6]) * (-1 if match[1] else 1)
        if not least <= value <= most:
            limits = {"least": degrees_written(least), "most": degrees_written(most)}
            raise wrong(question, "point.outside", field, **limits)
        found.append(value)
    return {"latitude": found[0], "longitude": found[1]}


def degrees_written(value: int) -> str:
    """Return millionths of a degree as degrees: 40.409264."""
    sign, size = "-" if value < 0 else "", abs(value)
    return f"{sign}{size // MILLION}.{size % MILLION:06d}"
