"""What one version of a service changes against another, and what that does to drafts and cases.

Compared is what the files say. Lists of things with an id are compared by it, so that an order that
changed is not taken for a change of what is in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from pencere.kernel.text import Text
from pencere.rules.yamlfile import load_yaml
from pencere.services.definition import FILE
from pencere.services.model.casework import State
from pencere.services.model.common import Expression
from pencere.services.model.definition import Definition
from pencere.services.model.question import Question

# What every version says anew.
_OF_EACH = frozenset({"version", "in_force"})
# Of a question: words, or what is looked at by itself.
_WORDS = frozenset({"ask", "hint", "help", "when", "must", "choices", "required"})


class Kind(StrEnum):
    """What happened to a part."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the order of things that have ids


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `place` as errors write it, with ids instead of numbers: `questions.photo.ask`.

    `title` names the thing that the place is in, when it has a name: a question, a state.
    """

    place: str
    kind: Kind
    before: object
    after: object
    title: Text | None


class Fate(StrEnum):
    """What becomes of a draft's answer, or of a running case, under the newer version."""

    ASKED = "asked"  # a new question that must be answered
    ASIDE = "aside"  # the question is gone: the answer is kept and not submitted
    CHECK_AGAIN = "check_again"  # the answer may no longer fit
    NO_STATE = "no_state"  # cases in this state cannot be moved without saying where to
    OTHER_CHECKS = "other_checks"  # cases whose checks still run here cannot be moved
    OTHER_CLOCK = "other_clock"  # where the term stood it would now run, or the other way
    FINAL_NOW = "final_now"  # where cases went on they would now be closed


@dataclass(frozen=True, slots=True)
class Consequence:
    """What the change does to what is under way; `about` is the id of a question or a state."""

    about: str
    title: Text
    fate: Fate


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that a newer version changes."""

    changes: tuple[Change, ...]
    drafts: tuple[Consequence, ...]
    cases: tuple[Consequence, ...]


def compare(older: Definition, newer: Definition) -> Comparison:
    """Return what `newer` changes.

    Raises:
        Misconfigured: a file cannot be read any more.
    """
    titles = {**_titles(older), **_titles(newer)}
    before, after = (dict(load_yaml(one.folder / FILE)) for one in (older, newer))
    for key in _OF_EACH:
        before.pop(key, None)
        after.pop(key, None)
    changes = [*_mappings("", before, after), *_templates(older, newer)]
    return Comparison(
        tuple(
            Change(place, kind, was, now, _title_of(place, titles))
            for place, kind, was, now in changes
        ),
        tuple(_of_drafts(older, newer)),
        tuple(_of_cases(older, newer)),
    )


_Found = tuple[str, Kind, object, object]


def _mappings(
    place: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[_Found]:
    for key in [*before, *(key for key in after if key not in before)]:
        below = f"{place}.{key}" if place else str(key)
        if key not in after:
            yield below, Kind.REMOVED, before[key], None
        elif key not in before:
            yield below, Kind.ADDED, None, after[key]
        else:
            yield from _values(below, before[key], after[key])


def _values(place: str, before: object, after: object) -> Iterator[_Found]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mappings(place, before, after)
        return
    olds, news = _by_id(before), _by_id(after)
    if olds is not None and news is not None and (olds or news):
        yield from _mappings(place, olds, news)
        if [key for key in olds if key in news] != [key for key in news if key in olds]:
            yield place, Kind.MOVED, list(olds), list(news)
        return
    yield place, Kind.CHANGED, before, after


def _by_id(value: object) -> dict[str, object] | None:
    """Return a list of things with ids as a mapping; None: it is no such list."""
    if not isinstance(value, list):
        return None
    found: dict[str, object] = {
        str(one["id"]): one for one in value if isinstance(one, Mapping) and "id" in one
    }
    return found if len(found) == len(value) else None


def _templates(older: Definition, newer: Definition) -> Iterator[_Found]:
    for key, document in newer.documents.items():
        known = older.documents.get(key)
        if known is None:
            continue
        was, now = (
            (folder / name).read_text("utf-8")
            for folder, name in (
                (older.folder, known.template),
                (newer.folder, document.template),
            )
        )
        if was != now:
            yield f"documents.{key}.{document.template}", Kind.CHANGED, was, now


def _titles(definition: Definition) -> dict[str, Text]:
    found = {f"questions.{one.id}": one.ask for one in definition.questions}
    found |= {f"facts.{one.id}": one.title for one in definition.facts}
    found |= {f"documents.{key}": one.name for key, one in definition.documents.items()}
    for key, state in definition.states.items():
        place = f"case.states.{key}"
        found[place] = state.name
        found |= {f"{place}.actions.{one.id}": one.name for one in state.actions}
        found |= {f"{place}.checks.{one.id}": one.name for one in state.checks}
    return found


def _title_of(place: str, titles: Mapping[str, Text]) -> Text | None:
    parts = place.split(".")
    for length in range(len(parts), 0, -1):
        if found := titles.get(".".join(parts[:length])):
            return found
    return None


def _of_drafts(older: Definition, newer: Definition) -> Iterator[Consequence]:
    for question in older.questions:
        now = newer.question(question.id)
        if now is None:
            yield Consequence(question.id, question.ask, Fate.ASIDE)
        elif _is_other(question, now):
            yield Consequence(question.id, now.ask, Fate.CHECK_AGAIN)
    known = {question.id for question in older.questions}
    for question in newer.questions:
        if question.id not in known and question.required:
            yield Consequence(question.id, question.ask, Fate.ASKED)


def _is_other(was: Question, now: Question) -> bool:
    """Say whether an answer given before may not fit any more."""
    if _rules(was) != _rules(now):
        return True
    if now.required and not was.required:
        return True
    return not {one.value for one in was.choices} <= {one.value for one in now.choices}


def _rules(question: Question) -> dict[str, object]:
    """Return what decides whether an answer fits; words for people do not."""
    rules: dict[str, object] = {
        one.name: getattr(question, one.name)
        for one in fields(question)
        if one.name not in _WORDS and not isinstance(getattr(question, one.name), Text | Expression)
    }
    return rules | {"must": [one.that.source for one in question.must]}


def _of_cases(older: Definition, newer: Definition) -> Iterator[Consequence]:
    for key, state in older.states.items():
        if state.final:
            continue
        fate = fate_of(state, newer.states.get(key))
        if fate is not None:
            yield Consequence(key, state.name, fate)


def fate_of(was: State, now: State | None) -> Fate | None:
    """Return why a case in the state `was` could not simply go on in `now`; None: it can."""
    if now is None:
        return Fate.NO_STATE
    if now.final:
        return Fate.FINAL_NOW
    if {(one.id, one.kind) for one in was.checks} != {(one.id, one.kind) for one in now.checks}:
        return Fate.OTHER_CHECKS
    same = (now.clock_stops, now.clock_restarts) == (was.clock_stops, was.clock_restarts)
    return None if same else Fate.OTHER_CLOCK
