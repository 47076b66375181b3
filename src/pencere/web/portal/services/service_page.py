"""What the page of a service says, from its definition or its entry in the catalogue."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pencere.kernel.money import format_amount
from pencere.services.catalogue import Entry, LifeEvent, PageFee
from pencere.services.model import Term, TermUnit
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.country import country
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
    fee: str
    fee_lines: tuple[FeeLine, ...]
    term: str
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


def page_of(entry: Entry, language: str) -> ServicePage:
    """Put the page of a service together."""
    body = country().body(entry.authority)
    definition = entry.definition
    is_provisional = entry.provisional or any(basis.provisional for basis in entry.basis)
    return ServicePage(
        entry=entry,
        name=entry.names.in_language(language),
        summary=entry.summary.in_language(language),
        body=body.names.in_language(language),
        body_site=body.site,
        fee=_fee(entry),
        fee_lines=tuple(
            FeeLine(tier.label.in_language(language), format_amount(tier.amount, language))
            for tier in entry.fee.tiers
        ),
        term=_term(entry, language),
        audience=tuple(_named("service.audience", name) for name in entry.audience),
        events=tuple(e for e in catalogue().life_events if e.id in entry.life_events),
        needs=()
        if definition is None
        else tuple(Need(n.text.in_language(language), n.from_state) for n in definition.needs),
        result=entry.result.in_language(language) if entry.result else None,
        grounds=tuple(
            Ground(_act(basis.act, language), basis.article, basis.provisional)
            for basis in entry.basis
        ),
        channels=tuple(_named("service.channel", name) for name in entry.channels),
        is_provisional=is_provisional,
    )


def _fee(entry: Entry) -> str:
    fee: PageFee = entry.fee
    if entry.definition is not None and entry.definition.fee is None:
        return t("service.free")
    if fee.tiers:
        cheapest = min(tier.amount for tier in fee.tiers)
        return t("service.fee_from", amount=_money(cheapest))
    if fee.amount is not None:
        return t("service.free") if fee.amount == 0 else _money(fee.amount)
    if entry.is_executable:
        return t("service.fee_counted")
    return t("service.unknown")


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
