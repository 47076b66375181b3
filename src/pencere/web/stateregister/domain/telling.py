"""Messages of the register to people: a person, or all who hold a role at a body."""

from collections.abc import Mapping
from datetime import date, datetime

from pencere.kernel.dates import format_date
from pencere.kernel.text import LANGUAGES, Text
from pencere.web.notifications.domain import inbox
from pencere.web.people.models.officer import OfficerRole
from pencere.web.people.models.person import Person
from pencere.web.texts import texts

KIND = "state-register"
Fact = str | int | date | Mapping[str, str]


def tell(person: Person, what: str, *, key: str, subject: str, at: datetime, **facts: Fact) -> None:
    """Tell a person `stateregister.told.<what>`; the same key twice is one message."""
    inbox.tell(
        person=person,
        key=f"register:{key}:{person.pk}"[:200],
        kind=KIND,
        title=_said(f"stateregister.told.{what}.title", facts),
        text=_said(f"stateregister.told.{what}.text", facts),
        subject=subject[:40],
        at=at,
    )


def tell_role(  # noqa: PLR0913 - a message is all of these
    role: str, body: str, what: str, *, key: str, subject: str, at: datetime, **facts: Fact
) -> int:
    """Tell everybody who holds a role at a body; return how many."""
    holders = OfficerRole.objects.filter(role=role, body=body).select_related("person")
    for holder in holders:
        tell(holder.person, what, key=key, subject=subject, at=at, **facts)
    return len(holders)


def _said(sentence: str, facts: Mapping[str, Fact]) -> Text:
    """Say a sentence in every language, with those of the facts that it names."""
    wanted = texts()[sentence].placeholders

    def said(language: str) -> str:
        named = {name: _fact(facts[name], language) for name in wanted}
        return texts().say(sentence, language, **named)

    return Text(**{language: said(language) for language in LANGUAGES})


def _fact(value: Fact, language: str) -> str | int:
    if isinstance(value, date):
        return format_date(value, language)
    if isinstance(value, Mapping):
        return value.get(language) or value["az"]
    return value
