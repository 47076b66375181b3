"""What the page of a service says, from its definition or its entry in the catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from babel.numbers import format_decimal

from pencere.kernel.clock import local_date
from pencere.kernel.money import format_amount
from pencere.services.catalogue import Entry, LifeEvent, PageFee
from pencere.services.model.common import Basis, TermUnit
from pencere.services.model.definition import Term
from pencere.web.cases.domain.applicant import in_context
from pencere.web.catalogue.domain.practice import practice_of
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.country import country
from pencere.web.people.domain.visit import Visit
from pencere.web.portal.services.fee_now import FeeNow, fee_now
from pencere.web.satisfaction.domain.figures import figure_of
from pencere.web.texts import current_language, t, texts


@dataclass(frozen=True, slots=True)
class Ground:
    """A legal ground in words."""

    act: str
    article: str
    is_provisional: bool


@dataclass(frozen=True, slots=True)
class Need:
    """A thing that is needed."""

    label: str
    state_has: bool


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One kind or speed and what it costs."""

    label: str
    amount: str


@dataclass(frozen=True, slots=True)
class ServicePage:
    """Everything in the reader's language."""

    entry: Entry
    name: str
    summary: str
    body: str
    body_site: str | None
    facts: tuple[dict[str, str], ...]
    fee_lines: tuple[FeeLine, ...]
    audience: tuple[str, ...]
    events: tuple[LifeEvent, ...]
    needs: tuple[Need, ...]
    result: str | None
    grounds: tuple[Ground, ...]
    channels: tuple[str, ...]
    is_provisional: bool

    @property
    def is_executable(self) -> bool:
        """One can apply here."""
        return self.entry.is_executable

    @property
    def fee_table(self) -> list[list[str]]:
        """The kinds and their sums as rows."""
        return [[line.label, line.amount] for line in self.fee_lines]

    @property
    def body_host(self) -> str:
        """The body's site as people write it."""
        return urlsplit(self.body_site or "").hostname or self.body_site or ""


def page_of(entry: Entry, language: str, *, at: datetime, visit: Visit | None) -> ServicePage:
    """Put the page of a service together, as it is today for who is here."""
    definition = entry.definition
    now = None
    if definition is not None:
        now = fee_now(definition, on=local_date(at), applicant=_known_of(visit))
    body = country().body(entry.authority)
    bases = tuple(dict.fromkeys([*entry.basis, *(now.grounds if now is not None else ())]))
    return ServicePage(
        entry=entry,
        name=entry.names.in_language(language),
        summary=entry.summary.in_language(language),
        body=body.names.in_language(language),
        body_site=body.site,
        facts=(
            {"label": t("service.fee"), **_fee(entry, now, is_here=visit is not None)},
            {"label": t("service.term"), "value": _term(entry, language)},
            *_in_practice(entry, at),
            *_satisfaction(entry, language, at),
        ),
        fee_lines=tuple(
            FeeLine(tier.label.in_language(language), format_amount(tier.amount, language))
            for tier in entry.fee.tiers
        ),
        audience=tuple(_named("service.audience", name) for name in entry.audience),
        events=tuple(e for e in catalogue().life_events if e.id in entry.life_events),
        needs=()
        if definition is None
        else tuple(Need(n.text.in_language(language), n.from_state) for n in definition.needs),
        result=entry.result.in_language(language) if entry.result else None,
        grounds=tuple(_grounds(bases, language)),
        channels=tuple(
            _named("service.channel", name)
            for name in entry.channels
            # A page that only informs may not send people to where they are.
            if entry.is_executable or name != "portal"
        ),
        is_provisional=entry.provisional or any(basis.provisional for basis in bases),
    )


def _known_of(visit: Visit | None) -> dict[str, object] | None:
    if visit is None:
        return None
    return in_context(visit.party, visit.agent)


def _fee(entry: Entry, now: FeeNow | None, *, is_here: bool) -> dict[str, str]:
    if now is not None:
        words = t("service.free") if now.amount == 0 else _money(now.amount)
        note = t("service.fee_for_you") if is_here else t("service.fee_today")
        return {"value": words, "note": note}
    if entry.is_executable:
        return {"value": t("service.fee_counted")}
    return {"value": _fee_of_page(entry.fee)}


def _fee_of_page(fee: PageFee) -> str:
    if fee.tiers:
        cheapest = min(tier.amount for tier in fee.tiers)
        return t("service.fee_from", amount=_money(cheapest))
    if fee.amount is None:
        return t("service.unknown")
    return t("service.free") if fee.amount == 0 else _money(fee.amount)


def _satisfaction(entry: Entry, language: str, at: datetime) -> tuple[dict[str, str], ...]:
    found = figure_of(entry.id, today=local_date(at)) if entry.is_executable else None
    if found is None:
        return ()
    figure = format_decimal(found.average, format="0.0", locale=language)
    return (
        {
            "label": t("satisfaction.figure"),
            "value": t("satisfaction.of_five", figure=figure),
            "note": t("satisfaction.answers", n=found.answers),
        },
    )


def _in_practice(entry: Entry, at: datetime) -> tuple[dict[str, str], ...]:
    practice = practice_of(entry.id, at=at) if entry.is_executable else None
    if practice is None:
        return ()
    return (
        {
            "label": t("service.in_practice"),
            "value": _lasted(practice.median),
            "note": t("service.practice_note"),
        },
        {"label": t("service.used"), "value": t("service.people", n=practice.people)},
    )


def _lasted(time: timedelta) -> str:
    """Say how long in the largest unit of which there are two, or one of the smallest."""
    minutes = int(time.total_seconds()) // 60
    if minutes < 1:
        return t("service.under_a_minute")
    if minutes < 120:
        return t("service.minutes", n=minutes)
    if minutes < 48 * 60:
        return t("service.hours", n=minutes // 60)
    return t("service.days", n=minutes // (24 * 60))


def _grounds(bases: Iterable[Basis], language: str) -> Iterable[Ground]:
    """Give each act once, with its articles; one without an article says nothing beside one."""
    bases = list(bases)
    for basis in bases:
        if basis.article or not any(b.act == basis.act and b.article for b in bases):
            yield Ground(_act(basis.act, language), basis.article, basis.provisional)


def _money(qepik: int) -> str:
    return format_amount(qepik, current_language())


def _term(entry: Entry, language: str) -> str:
    if entry.definition is not None:
        return _counted(entry.definition.term)
    return entry.term.in_language(language) if entry.term else t("service.unknown")


def _counted(term: Term) -> str:
    if term.length == 0:
        return t("service.at_once")
    keys = {
        TermUnit.WORKING_DAYS: "service.working_days",
        TermUnit.DAYS: "service.days",
        TermUnit.MONTHS: "service.months",
    }
    return t(keys[term.unit], n=term.length)


def _named(area: str, name: str) -> str:
    """Say a word of a code list; a word the locale does not have stays as the catalogue has it."""
    key = f"{area}.{name.replace('-', '_')}"
    return t(key) if key in texts() else name


def _act(act_id: str, language: str) -> str:
    known = catalogue().acts.get(act_id)
    if known is not None:
        return known.name.in_language(language)
    act = country().acts.get(act_id)
    return act_id if act is None else act.names.in_language(language)
