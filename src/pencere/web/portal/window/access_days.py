"""Accesses as a person reads them: by day and application, the same look counted once.

Pure: usages of registers in, words in the reader's language out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from pencere.kernel.clock import BAKU, as_utc, local_date
from pencere.kernel.dates import format_date, format_instant
from pencere.kernel.errors import PencereError
from pencere.web.country import country
from pencere.web.exchange import Usage
from pencere.web.exchange.registers import registers
from pencere.web.openregister.domain.words import event_names
from pencere.web.stateregister.domain.exchange_data import SUBSCRIPTION
from pencere.web.texts import t

PORTAL = ("idda", "portal")


@dataclass(frozen=True, slots=True)
class Access:
    """One access: who, what, why, in words.

    `note` says when nothing was given, `consent` that the person allowed it, `hidden` that it was
    kept from them for a time and by which order.
    """

    at: datetime
    who: str
    what: str
    why: str
    basis: str
    note: str
    case: str
    subsystem: str
    exchange: str
    consent: str = ""
    hidden: str = ""

    @property
    def day(self) -> date:
        """The day in Baku."""
        return local_date(self.at)

    @property
    def time(self) -> str:
        """The time in Baku."""
        return f"{as_utc(self.at).astimezone(BAKU):%H:%M}"

    @property
    def sameness(self) -> tuple[str, ...]:
        """What two accesses of one day and case share when they are told as one."""
        return (
            self.who, self.what, self.why, self.basis, self.note, self.consent, self.hidden,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """Accesses told in one line, newest first; every one of them is listed under it."""

    accesses: tuple[Access, ...]

    @property
    def first(self) -> Access:
        """The newest, whose words stand for all."""
        return self.accesses[0]

    @property
    def span(self) -> str:
        """From the oldest to the newest, `14:05-15:20`, or one time."""
        oldest, newest = self.accesses[-1].time, self.first.time
        return newest if oldest == newest else f"{oldest}–{newest}"


@dataclass(frozen=True, slots=True)
class CaseOfDay:
    """What was looked at for one application on one day; `number` is empty outside of any."""

    number: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A day and its applications, newest first."""

    heading: str
    cases: tuple[CaseOfDay, ...]


def access_of(usage: Usage, subsystem: str, language: str) -> Access:
    """Say an access in words.

    Raises:
        ValueError: its time is none.
    """
    act = country().acts.get(usage.legal_basis)
    return Access(
        at=as_utc(datetime.fromisoformat(usage.at)),
        who=_who(usage, language),
        what=_what(usage, subsystem, language),
        why=_purpose(usage.purpose, language),
        basis=act.names.in_language(language) if act is not None else usage.legal_basis,
        note=_note(usage),
        case=usage.case,
        subsystem=subsystem,
        exchange=usage.exchange,
        consent=t("access.by_consent") if usage.consent else "",
        hidden=_hidden(usage, language),
    )


def by_day(accesses: Iterable[Access], language: str) -> tuple[Day, ...]:
    """Group by day and application, and fold what is the same; everything newest first."""
    ordered = sorted(accesses, key=lambda one: one.at, reverse=True)
    return tuple(
        Day(format_date(day, language), _cases(list(found)))
        for day, found in groupby(ordered, key=lambda one: one.day)
    )


def _cases(accesses: list[Access]) -> tuple[CaseOfDay, ...]:
    cases: dict[str, dict[tuple[str, ...], list[Access]]] = {}
    for one in accesses:
        cases.setdefault(one.case, {}).setdefault(one.sameness, []).append(one)
    return tuple(CaseOfDay(number, _entries(found)) for number, found in cases.items())


def _entries(folded: Mapping[tuple[str, ...], list[Access]]) -> tuple[Entry, ...]:
    return tuple(Entry(tuple(accesses)) for accesses in folded.values())


def _who(usage: Usage, language: str) -> str:
    """Say who acted: the person, a body, or the system; never which officer."""
    represented = _body(usage.represented, language) if usage.represented else ""
    if (usage.receiver, usage.system) != PORTAL:
        receiver = _body(usage.receiver, language)
        if usage.is_self:
            return t("access.by_you_elsewhere", body=receiver)
        if represented:
            return t("access.by_body_elsewhere", body=represented, receiver=receiver)
        return receiver
    if represented:
        key = "access.by_body_automatic" if usage.is_automatic else "access.by_body"
        return t(key, body=represented)
    if usage.is_self:
        return t("access.by_you")
    # Before bodies were named in exchanges, an officer's look said no more than this.
    return t("access.by_system") if usage.is_automatic else t("access.by_officer")


def _what(usage: Usage, subsystem: str, language: str) -> str:
    service = usage.service.rpartition("/")[2]
    if service == SUBSCRIPTION:
        event = event_names(usage.action.rpartition("/")[2])
        return t("access.told", event=event.in_language(language))
    found = registers().get(f"{subsystem}/{service}")
    what = found.names.in_language(language) if found is not None else usage.service
    return t("access.written", register=what) if _wrote(usage) else what


def _wrote(usage: Usage) -> bool:
    method, _, path = usage.action.partition(" ")
    return method in {"POST", "PUT"} and path != "/query"


def _note(usage: Usage) -> str:
    if usage.outcome == "interrupted":
        return t("access.unknown_outcome")
    return t("access.not_given") if usage.outcome == "fault" or usage.status >= 400 else ""


def _hidden(usage: Usage, language: str) -> str:
    if not usage.hidden_until:
        return ""
    until = as_utc(datetime.fromisoformat(usage.hidden_until))
    return t("access.was_hidden", until=format_instant(until, language), order=usage.hidden_reason)


def _body(body: str, language: str) -> str:
    try:
        return country().body(body).names.in_language(language)
    except PencereError:
        return body


def _purpose(code: str, language: str) -> str:
    try:
        return country().purpose(code).names.in_language(language)
    except PencereError:
        return code
