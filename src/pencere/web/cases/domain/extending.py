"""Lengthening the legal term of a case: stored, and told to the applicant in one transaction."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from pencere.kernel.dates import format_date
from pencere.kernel.text import LANGUAGES, Text
from pencere.services import extending
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.reading import open_case
from pencere.web.cases.domain.transitions import By, store
from pencere.web.cases.models import Case
from pencere.web.notifications.domain import inbox
from pencere.web.people.models.person import Person
from pencere.web.texts import texts


def may_extend(*, case: Case, by: Actor, at: datetime) -> bool:
    """Say whether this person could lengthen the term of a case now."""
    opened = open_case(case, at=at)
    return extending.may_extend(opened.definition, opened.machine, by=by, at=at)


@transaction.atomic
def extend(  # noqa: PLR0913, it is all of these
    *,
    case: Case,
    by: Actor,
    officer: Person,
    reasons: Iterable[str],
    comment: str,
    version: int,
    at: datetime,
) -> Case:
    """Lengthen the term once and tell the applicant the new last day and why.

    Raises:
        Conflict, Invalid, Refused: as `pencere.services.extending.extend`.
    """
    opened = open_case(case, at=at)
    step = extending.extend(
        opened.definition, opened.machine, by=by, reasons=tuple(reasons), comment=comment,
        at=at, calendar=definitions.calendar(), expected_version=version,
    )  # fmt: skip
    role = Role.HEAD if Role.HEAD in by.roles else Role.OFFICER
    words = {"comment": comment} if comment else None
    store(case=case, definition=opened.definition, transition=step, by=By(role, officer),
          at=at, words=words)  # fmt: skip
    clock = step.case.clock
    inbox.tell(
        person=case.person,
        key=f"{case.number}:extended:{len(clock.lengthened)}",
        kind="case",
        title=_title(opened.definition, case.number),
        text=_text(opened.definition, step.case.clock.lengthened[-1].reasons, clock.due),
        subject=case.number,
        at=at,
    )
    return case


def grounds(definition: Definition, reasons: Iterable[str], language: str) -> str:
    """Return the grounds in words, as the law's list has them."""
    extension = definition.term.extend
    known = {} if extension is None else {one.id: one.text for one in extension.reasons}
    return " ".join(known[one].in_language(language) for one in reasons if one in known)


def _title(definition: Definition, number: str) -> Text:
    return Text(**{one: f"{definition.names.in_language(one)} · {number}" for one in LANGUAGES})


def _text(definition: Definition, reasons: tuple[str, ...], due: object) -> Text:
    said = {}
    for language in LANGUAGES:
        why = grounds(definition, reasons, language)
        if due is None:
            said[language] = texts().say("case.extended_paused_text", language, why=why)
        else:
            day = format_date(due, language)  # type: ignore[arg-type]
            said[language] = texts().say("case.extended_text", language, date=day, why=why)
    return Text(**said)
