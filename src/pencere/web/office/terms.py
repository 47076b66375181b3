"""The legal term of a case in words and a colour, as the desk shows it everywhere."""

from dataclasses import dataclass
from datetime import date

from pencere.kernel.dates import format_date
from pencere.services.clock import LegalClock
from pencere.web.cases.domain import definitions
from pencere.web.texts import current_language, t


@dataclass(frozen=True, slots=True)
class TermLeft:
    """`figure` says how much is left; `kind` is the colour of the tag, `tag` its word."""

    figure: str
    tag: str
    kind: str
    due: str


def term_left(clock: LegalClock, *, on: date) -> TermLeft:
    """Say how much of the legal term is left on this day."""
    language = current_language()
    calendar = definitions.calendar()
    if clock.ended is not None:
        kept = clock.was_kept is not False
        return TermLeft(
            t("office.term.decided", day=format_date(clock.ended, language)),
            t("office.term.kept") if kept else t("office.term.missed"),
            "good" if kept else "bad",
            "",
        )
    left = clock.remaining(on, calendar)
    if left is None:
        return TermLeft(t("office.term.not_started"), "", "", "")
    if clock.is_paused:
        return TermLeft(t("office.term.left", n=left), t("office.term.paused"), "", "")
    due = "" if clock.due is None else format_date(clock.due, language)
    if clock.is_overdue(on):
        late = max(-left, 1)
        return TermLeft(t("office.term.late", n=late), t("office.term.overdue"), "bad", due)
    if left <= 1:
        tag = t("office.term.today") if left == 0 else t("office.term.tomorrow")
        return TermLeft(t("office.term.left", n=left), tag, "warn", due)
    return TermLeft(t("office.term.left", n=left), t("office.term.in_time"), "good", due)
