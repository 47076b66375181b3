"""The legal term of a case in words and a colour, as the desk shows it everywhere."""

from dataclasses import dataclass
from datetime import date

from pencere.kernel.dates import format_date
from pencere.services.clock import LegalClock
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.extending import grounds
from pencere.web.texts import current_language, t


@dataclass(frozen=True, slots=True)
class TermLeft:
    """`figure` says how much is left; `kind` is the colour of the tag, `tag` its word.

    `due` is the last lawful day, or, while the clock stands, what it waits for.
    """

    figure: str
    tag: str
    kind: str
    due: str


def term_left(clock: LegalClock, definition: Definition, *, on: date) -> TermLeft:
    """Say how much of the legal term is left on this day."""
    language = current_language()
    if clock.ended is not None:
        return _decided(clock, language)
    left = clock.remaining(on, definitions.calendar())
    if left is None:
        return TermLeft(t("office.term.not_started"), "", "", "")
    if clock.is_paused:
        why = waits_for(definition, clock.pauses[-1].reason)
        return TermLeft(t("office.term.left", n=left), t("office.term.paused"), "", why)
    due = "" if clock.due is None else t("office.term.due", day=format_date(clock.due, language))
    if clock.is_overdue(on):
        late = max(-left, 1)
        return TermLeft(t("office.term.late", n=late), t("office.term.overdue"), "bad", due)
    figure = t("office.term.left", n=left) if left else t("office.term.last_day")
    if left > 1:
        return TermLeft(figure, t("office.term.in_time"), "good", due)
    tag = t("office.term.soon") if left else t("office.term.today")
    return TermLeft(figure, tag, "warn", due)


def term_story(clock: LegalClock, definition: Definition) -> list[str]:
    """Say when the clock started, and when and why it stood."""
    language = current_language()
    if clock.started is None:
        return []
    story = [t("office.term.started", day=format_date(clock.started, language))]
    for pause in clock.pauses:
        since = format_date(pause.since, language)
        why = waits_for(definition, pause.reason)
        if pause.until is None:
            story.append(t("office.term.stands_since", since=since, why=why))
        else:
            until = format_date(pause.until, language)
            story.append(t("office.term.stood", since=since, until=until, why=why))
    story += [
        t("office.extend.was", day=format_date(one.on, language),
          why=grounds(definition, one.reasons, language))
        for one in clock.lengthened
    ]  # fmt: skip
    if not clock.pauses:
        story.append(t("office.term.never_paused"))
    return story


def waits_for(definition: Definition, state_id: str) -> str:
    """Say what is waited for in a state. Its own name speaks to the applicant, not to officers."""
    state = definition.states.get(state_id)
    if state is None or state.asks or state.clock_stops:
        return t("office.term.waits_for_applicant")
    return state.name.in_language(current_language())


def state_name(definition: Definition, state_id: str) -> str:
    """Return the name of a state as an officer reads it."""
    state = definition.states.get(state_id)
    if state is None:
        return state_id
    if state.asks or (state.clock_stops and not state.queue):
        return t("office.term.waits_for_applicant")
    return state.name.in_language(current_language())


def _decided(clock: LegalClock, language: str) -> TermLeft:
    kept = clock.was_kept is not False
    day = format_date(clock.ended, language) if clock.ended is not None else ""
    return TermLeft(
        day,
        t("office.term.kept") if kept else t("office.term.missed"),
        "good" if kept else "bad",
        t("office.term.closed"),
    )
