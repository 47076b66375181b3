"""Telling the applicant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pencere.kernel.text import LANGUAGES, Text
from pencere.services.effects import Tell
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Effect
from pencere.web.notifications.domain import inbox


def do(effect: Effect, prepared: Tell, opened: Opened, *, at: datetime) -> Mapping[str, Any]:
    """Put the message of the definition into the applicant's inbox."""
    names = opened.definition.names
    title = Text(
        **{
            language: f"{names.in_language(language)} · {effect.case.number}"
            for language in LANGUAGES
        }
    )
    case = effect.case
    message = inbox.tell(
        person=case.person,
        key=effect.key,
        kind="case",
        title=title,
        text=prepared.message,
        subject=case.number,
        at=at,
    )
    if case.agent is not None:
        inbox.tell(
            person=case.agent,
            key=f"{effect.key}:agent",
            kind="case",
            title=title,
            text=prepared.message,
            at=at,
        )
    return {"message": str(message.id)}
