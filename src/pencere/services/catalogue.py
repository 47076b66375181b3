"""The catalogue: every service of the country, executable ones and information pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.errors import Misconfigured, Missing
from pencere.kernel.text import LANGUAGES, Text
from pencere.rules.yamlfile import load_yaml
from pencere.services import schemas
from pencere.services.definition import FILE, load
from pencere.services.model.common import Basis
from pencere.services.model.definition import Definition
from pencere.services.reading import Node

MAX_VERSIONS = 100


@dataclass(frozen=True, slots=True)
class FeeTier:
    """What one speed or kind of the service costs; `amount` in qəpik."""

    label: Text
    amount: int


@dataclass(frozen=True, slots=True)
class PageFee:
    """What an information page says of the fee. Nothing known: both empty."""

    amount: int | None = None
    tiers: tuple[FeeTier, ...] = ()

    @property
    def is_known(self) -> bool:
        """The page can name a sum."""
        return self.amount is not None or bool(self.tiers)


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """What happens in a life. `icon` names a drawing of the portal."""

    id: str
    name: Text
    hint: Text
    icon: str
    order: int


@dataclass(frozen=True, slots=True)
class Act:
    """A legal act named on information pages."""

    id: str
    name: Text


@dataclass(frozen=True, slots=True)
class Entry:
    """A service as the catalogue shows it. `provisional`: fee or term is not confirmed."""

    id: str
    names: Text
    summary: Text
    audience: tuple[str, ...]
    authority: str
    life_events: tuple[str, ...]
    channels: tuple[str, ...]
    keywords: Mapping[str, tuple[str, ...]]
    basis: tuple[Basis, ...]
    result: Text | None
    fee: PageFee
    term: Text | None
    provisional: bool
    source: str
    definition: Definition | None = None

    @property
    def is_executable(self) -> bool:
        """One can apply here, not only read."""
        return self.definition is not None


@dataclass(frozen=True)
class Catalogue:
    """All services of a country by id, and the life events that lead to them."""

    entries: Mapping[str, Entry]
    life_events: tuple[LifeEvent, ...]
    acts: Mapping[str, Act]
    versions: Mapping[str, Mapping[int, Definition]]
    withdrawn: frozenset[str] = frozenset()

    @staticmethod
    def load(country_folder: Path) -> "Catalogue":
        """Read `services/` of a country; the result is cached and never changed.

        Raises:
            Misconfigured: a file is wrong.
        """
        return _load(country_folder)

    @property
    def all(self) -> tuple[Entry, ...]:
        """Every service, in the order of the files."""
        return tuple(self.entries.values())

    @property
    def executable(self) -> tuple[Definition, ...]:
        """The newest definition of each service one can apply for."""
        return tuple(entry.definition for entry in self.all if entry.definition is not None)

    def get(self, service_id: str) -> Entry:
        """Return a service, or raise Missing `service.unknown`."""
        entry = self.entries.get(service_id)
        if entry is None:
            raise Missing("service.unknown", service=service_id[:64])
        return entry

    def definition(self, service_id: str, version: int | None = None) -> Definition:
        """Return a definition: the version a case is pinned to, or the newest.

        Raises:
            Missing: `service.unknown`, `service.not_executable`, `service.version_unknown`.
        """
        self.get(service_id)
        known = self.versions.get(service_id)
        if known is None:
            raise Missing("service.not_executable", service=service_id[:64])
        if version is None:
            return known[max(known)]
        found = known.get(version)
        if found is None:
            raise Missing("service.version_unknown", service=service_id[:64], version=version)
        return found

    def in_force(self, service_id: str, on: date) -> Definition:
        """Return the definition a new application falls under on a day.

        Raises:
            Missing: as `definition`, `service.withdrawn` or `service.not_in_force`.
        """
        newest = self.definition(service_id)
        if service_id in self.withdrawn:
            raise Missing("service.withdrawn", service=newest.service)
        usable = [d for d in self.versions[service_id].values() if d.in_force <= on]
        if not usable:
            raise Missing("service.not_in_force", service=newest.service, day=on.isoformat())
        return max(usable, key=lambda d: (d.in_force, d.version))

    def with_published(
        self, published: Sequence[Definition], withdrawn: frozenset[str]
    ) -> "Catalogue":
        """Return the catalogue with more versions, and without the start of what was withdrawn.

        A version that stands in the files stays as the files have it: cases are pinned to it.
        """
        versions = {service: dict(known) for service, known in self.versions.items()}
        for one in published:
            versions.setdefault(one.service, {}).setdefault(one.version, one)
        entries = dict(self.entries)
        for service in {one.service for one in published}:
            newest = versions[service][max(versions[service])]
            entries[service] = _entry(newest, entries.get(service))
        for service in withdrawn & entries.keys():
            entries[service] = replace(entries[service], definition=None)
        return replace(
            self,
            entries=MappingProxyType(entries),
            versions=MappingProxyType({k: MappingProxyType(v) for k, v in versions.items()}),
            withdrawn=withdrawn,
        )

    def of_life_event(self, event_id: str) -> tuple[Entry, ...]:
        """Return the services of a life event, those one can apply for first."""
        found = [entry for entry in self.all if event_id in entry.life_events]
        return tuple(sorted(found, key=lambda entry: not entry.is_executable))


@lru_cache(maxsize=8)
def _load(country_folder: Path) -> Catalogue:
    folder = country_folder / "services"
    versions = _definitions(folder)
    entries: dict[str, Entry] = {}
    for file in _page_files(folder):
        content = schemas.check(load_yaml(file, example="services: {...}"), "catalogue", file)
        for service_id, node in Node(content, file, "").named("services"):
            if service_id in entries:
                raise Misconfigured(
                    file=file, key=f"services.{service_id}", value="twice", example="one page"
                )
            entries[service_id] = _page(service_id, node)
    for service_id, by_version in versions.items():
        newest = by_version[max(by_version)]
        entries[service_id] = _entry(newest, entries.get(service_id))
    events = _life_events(folder / "life_events.yaml")
    _check_life_events(entries, {event.id for event in events}, folder)
    return Catalogue(
        MappingProxyType(entries), events, _acts(folder / "acts.yaml"), MappingProxyType(versions)
    )


def _page_files(folder: Path) -> list[Path]:
    single = folder / "catalogue.yaml"
    return [*([single] if single.exists() else []), *sorted((folder / "catalogue").glob("*.yaml"))]


def _definitions(folder: Path) -> dict[str, Mapping[int, Definition]]:
    """Read every service folder; earlier versions stand in `<id>/versions/<n>/<id>/`."""
    found: dict[str, Mapping[int, Definition]] = {}
    for file in sorted(folder.glob(f"*/{FILE}")):
        newest = load(file.parent)
        by_version = {newest.version: newest}
        for older_file in sorted(file.parent.glob(f"versions/*/{newest.service}/{FILE}")):
            older = load(older_file.parent)
            if older.version in by_version or older.version > newest.version:
                raise Misconfigured(file=older_file, key="version", value=older.version, example=1)
            by_version[older.version] = older
        found[newest.service] = MappingProxyType(by_version)
    return found


def _page(service_id: str, node: Node) -> Entry:
    return Entry(
        id=service_id,
        names=node.words("names"),
        summary=node.words("summary"),
        audience=node.texts("audience"),
        authority=node.text("authority"),
        life_events=node.texts("life_events"),
        channels=node.texts("channels"),
        keywords=_keywords(node),
        basis=tuple(
            Basis(b.text("act"), b.maybe_text("article") or "", b.flag("provisional"))
            for b in node.nodes("basis")
        ),
        result=node.maybe_words("result"),
        fee=_page_fee(node),
        term=node.maybe_words("term"),
        provisional=node.flag("provisional"),
        source=node.text("source"),
    )


def _page_fee(node: Node) -> PageFee:
    if node.content["fee"] == "unknown":
        return PageFee()
    fee = node.node("fee")
    tiers = tuple(FeeTier(t.words("label"), t.integer("qepik")) for t in fee.nodes("tiers"))
    return PageFee(fee.maybe_integer("qepik"), tiers)


def _keywords(node: Node) -> Mapping[str, tuple[str, ...]]:
    keywords = node.node("keywords")
    return MappingProxyType({language: keywords.texts(language) for language in LANGUAGES})


def _entry(definition: Definition, page: Entry | None) -> Entry:
    """The definition is what holds; of its page only what a definition does not say is kept."""
    return Entry(
        id=definition.service,
        names=definition.names,
        summary=definition.summary,
        audience=definition.audience,
        authority=definition.authority,
        life_events=definition.life_events,
        channels=definition.channels,
        keywords=definition.keywords,
        basis=definition.basis,
        result=definition.result_text,
        fee=page.fee if page else PageFee(),
        term=page.term if page else None,
        provisional=any(basis.provisional for basis in definition.basis),
        source=page.source if page else "the definition",
        definition=definition,
    )


def _life_events(file: Path) -> tuple[LifeEvent, ...]:
    root = Node(load_yaml(file, example="life_events: {...}"), file, "")
    return tuple(
        LifeEvent(key, node.words("name"), node.words("hint"), node.text("icon"), order)
        for order, (key, node) in enumerate(root.named("life_events"), start=1)
    )


def _acts(file: Path) -> Mapping[str, Act]:
    if not file.exists():
        return MappingProxyType({})
    root = Node(load_yaml(file, example="acts: {...}"), file, "")
    return MappingProxyType(
        {
            key: Act(key, Text(node.text("az"), node.text("en"), node.text("ru")))
            for key, node in root.named("acts")
        }
    )


def _check_life_events(entries: Mapping[str, Entry], known: set[str], folder: Path) -> None:
    for entry in entries.values():
        unknown = set(entry.life_events) - known
        if unknown:
            raise Misconfigured(
                file=folder,
                key=f"services.{entry.id}.life_events",
                value=min(unknown),
                example=", ".join(sorted(known)),
            )
