"""What waits for the person on the first page: read from our own tables, no register is asked."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from pencere.kernel.dates import format_instant
from pencere.web.cases.domain import definitions, drafts, reading
from pencere.web.issued.domain import finding
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Visit
from pencere.web.texts import current_language, t

# More than these are looked at in the window.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Errand:
    """A thing to go on with: its name, what is to be done, the label of the link."""

    name: str
    note: str
    href: str
    action: str


def begun(visit: Visit, *, at: datetime) -> list[Errand]:
    """Return the applications that were begun and not sent."""
    language = current_language()
    return [
        Errand(
            name=definitions.newest(draft.service, at=at).names.in_language(language),
            note=t("start.saved", time=format_instant(draft.saved_at, language)),
            href=reverse("application", args=[draft.id]),
            action=t("start.go_on"),
        )
        for draft in drafts.drafts_of(visit.party, visit.agent)[:SHOWN]
    ]


def waiting(visit: Visit) -> list[Errand]:
    """Return the cases whose next step is the applicant's, and documents ready since last time."""
    return [*_cases(visit), *_documents(visit)]


def _cases(visit: Visit) -> list[Errand]:
    language = current_language()
    errands = []
    for case in reading.cases_of(visit.party, visit.acting).filter(waits_for_applicant=True)[
        :SHOWN
    ]:
        definition = definitions.pinned(case)
        state = definition.states[case.state]
        words = state.next if state.next is not None else state.name
        errands.append(
            Errand(
                name=definition.names.in_language(language),
                note=words.in_language(language),
                href=reverse("case", args=[case.number]),
                action=t("start.answer"),
            )
        )
    return errands


def _documents(visit: Visit) -> list[Errand]:
    since = sessions.last_before(visit) or visit.begun_at
    return [
        Errand(
            name=document.name[current_language()],
            note=t("start.ready", time=format_instant(document.issued_at, current_language())),
            href=reverse("document", args=[document.code]),
            action=t("start.open"),
        )
        for document in finding.documents_of(visit.party, visit.acting).filter(issued_at__gt=since)[
            :SHOWN
        ]
    ]
