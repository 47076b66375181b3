"""`exchange.yaml` of a country, read: systems, services, agreements, checked by each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from pencere.countries.country import Country
from pencere.kernel.datafile import Node
from pencere.kernel.text import Text

# Answered by the node of the provider itself, and what an agreement about each opens.
BUILT_IN = {
    "findUsage": (("POST", "**"), ("GET", "/v2/*"), ("GET", "/v3/*")),
    "getSuppressions": (("POST", "**"),),
}
# Subscriptions: which types of events, says the agreement.
SUBSCRIPTION = "deliverEvent"
# The service of what a system publishes; each endpoint is `EVENT /<type>`.
EVENTS, EVENT = "events", "EVENT"
DEMANDS = ("purpose", "legal-basis", "case", "person", "user")
Endpoints = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SystemEntry:
    """A system; `id` is `body/subsystem`."""

    id: str
    body: str
    code: str
    names: Text
    legal_basis: str


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A service; `system` is a system's id."""

    id: str
    system: str
    code: str
    names: Text
    endpoints: Endpoints
    demands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgreementEntry:
    """An agreement between two systems."""

    id: str
    consumer: str
    provider: str
    service_code: str
    endpoints: Endpoints
    purposes: tuple[str, ...]
    legal_bases: tuple[str, ...]
    demands: tuple[str, ...]
    first_day: date
    last_day: date
    fields: tuple[str, ...] = ()
    represents: tuple[str, ...] = ()
    rate: Mapping[str, object] | None = None
    quota: Mapping[str, object] | None = None
    consent: bool = False
    suppress: Mapping[str, object] | None = None


@dataclass(frozen=True)
class ExchangeData:
    """The whole file."""

    instance: str
    member_class: str
    systems: Mapping[str, SystemEntry]
    services: Mapping[str, ServiceEntry]
    agreements: tuple[AgreementEntry, ...]
    consent_register: str | None = None


_KEYS_OF_AGREEMENT = frozenset(
    {
        "consumer", "service", "access", "purposes", "bases", "demands", "from", "until",
        "fields", "represents", "rate", "quota", "consent", "suppress", "events",
    }
)  # fmt: skip
_TOP_KEYS = frozenset(
    {"instance", "class", "systems", "accesses", "services", "agreements", "consent_register"}
)
_LANGUAGES = frozenset({"az", "en", "ru"})


def read_exchange(country: Country) -> ExchangeData:
    """Read the file; what one entry names in another must exist.

    Raises:
        Misconfigured: file, key, value and a valid example.
    """
    top = Node.of_file(country.folder / "exchange.yaml")
    _known(top, _TOP_KEYS)
    systems = {key: _system(key, node, country) for key, node in top.children("systems").items()}
    given = top.child("accesses")
    accesses = {str(key): _endpoints(given, key) for key in given.values}
    every = tuple(pair for pairs in accesses.values() for pair in pairs)
    services = {}
    for key, node in top.children("services").items():
        system, _, code = key.rpartition("/")
        if system not in systems:
            raise top.child("services").wrong(key, f"{next(iter(systems))}/service")
        _known(node, _LANGUAGES | {"demands", "types"})
        opened = every
        if node.has("types"):
            opened = tuple((EVENT, f"/{one}") for one in node.strings("types", ("moved",)))
        services[key] = ServiceEntry(key, system, code, node.own_text(), opened, _demands(node))
    agreements = tuple(
        _agreement(key, node, country, systems, services, accesses)
        for key, node in top.children("agreements").items()
    )
    return ExchangeData(
        instance=top.string("instance", "AZ"),
        member_class=top.string("class", "GOV"),
        systems=MappingProxyType(systems),
        services=MappingProxyType(services),
        agreements=agreements,
        consent_register=_consent_register(top, services),
    )


def _known(node: Node, keys: frozenset[str]) -> None:
    """Refuse a key that nobody reads: a misspelt restriction would restrict nothing."""
    for key in node.values:
        if key not in keys:
            raise node.wrong(key, f"one of {', '.join(sorted(keys))}")


def _consent_register(top: Node, services: Mapping[str, ServiceEntry]) -> str | None:
    """Return the service's whole identifier, as nodes ask for it."""
    if not top.has("consent_register"):
        return None
    service = top.string("consent_register", next(iter(services)))
    if service not in services:
        raise top.wrong("consent_register", next(iter(services)))
    return f"{top.string('instance', 'AZ')}/{top.string('class', 'GOV')}/{service}"


def _system(key: str, node: Node, country: Country) -> SystemEntry:
    _known(node, _LANGUAGES | {"basis"})
    body, _, code = key.partition("/")
    basis = node.string("basis", next(iter(country.acts)))
    if body not in country.bodies or not code:
        raise node.wrong("(name)", f"{next(iter(country.bodies))}/portal")
    if basis not in country.acts:
        raise node.wrong("basis", next(iter(country.acts)))
    return SystemEntry(key, body, code, node.own_text(), basis)


def _agreement(  # noqa: PLR0913, PLR0917 - an agreement names all of these
    key: str,
    node: Node,
    country: Country,
    systems: Mapping[str, SystemEntry],
    services: Mapping[str, ServiceEntry],
    accesses: Mapping[str, Endpoints],
) -> AgreementEntry:
    _known(node, _KEYS_OF_AGREEMENT)
    consumer, service = node.string("consumer"), node.string("service")
    provider, _, code = service.rpartition("/")
    if consumer not in systems:
        raise node.wrong("consumer", next(iter(systems)))
    is_built_in = (code in BUILT_IN or code == SUBSCRIPTION) and provider in systems
    if not is_built_in and service not in services:
        raise node.wrong("service", next(iter(services)))
    access = "" if is_built_in else node.string("access", next(iter(accesses)))
    if not is_built_in and access not in accesses:
        raise node.wrong("access", next(iter(accesses)))
    purposes = node.strings("purposes", ("identify",))
    unknown = [code for code in purposes if code not in country.purposes]
    if unknown or not purposes:
        raise node.wrong("purposes", [next(iter(country.purposes))])
    bases = node.strings("bases", (next(iter(country.acts)),))
    if any(act not in country.acts for act in bases):
        raise node.wrong("bases", [next(iter(country.acts))])
    first, last = node.values.get("from"), node.values.get("until")
    if not isinstance(first, date) or not isinstance(last, date) or last < first:
        raise node.wrong("until", "2028-12-31, not before `from`")
    return AgreementEntry(
        id=key,
        consumer=consumer,
        provider=provider,
        service_code=code,
        endpoints=_opened(node, code) if is_built_in else accesses[access],
        purposes=purposes,
        legal_bases=tuple(sorted({*bases, *(country.purposes[one].basis for one in purposes)})),
        demands=_demands(node),
        first_day=first,
        last_day=last,
        fields=node.strings("fields", ("number", "issued")),
        represents=node.strings("represents", ("GOV/dyp",)),
        rate=_mapping(node, "rate", {"per_second": 20, "burst": 40}),
        quota=_mapping(node, "quota", {"per": "day", "count": 1000}),
        consent=_flag(node, "consent"),
        suppress=_mapping(node, "suppress", {"bases": ["an act"], "days": 30}),
    )


def _opened(node: Node, code: str) -> Endpoints:
    """Return what an agreement about a service of the node itself opens."""
    if code != SUBSCRIPTION:
        return BUILT_IN[code]
    types = node.strings("events", ("moved",))
    if not types:
        raise node.wrong("events", ["moved"])
    return tuple(("POST", f"/{one}") for one in types)


def _mapping(node: Node, key: str, example: dict[str, object]) -> Mapping[str, object] | None:
    """Return a mapping with exactly the keys of the example."""
    if not node.has(key):
        return None
    value = node.values[key]
    if not isinstance(value, Mapping) or value.keys() != example.keys():
        raise node.wrong(key, example)
    return MappingProxyType({str(name): part for name, part in value.items()})


def _flag(node: Node, key: str) -> bool:
    value = node.values.get(key, False)
    if not isinstance(value, bool):
        raise node.wrong(key, "true")
    return value


def _demands(node: Node) -> tuple[str, ...]:
    demands = node.strings("demands", DEMANDS)
    if any(one not in DEMANDS for one in demands):
        raise node.wrong("demands", list(DEMANDS))
    return demands


def _endpoints(node: Node, key: object) -> Endpoints:
    value = node.values.get(key)
    if not isinstance(value, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)
        for pair in value
    ):
        raise node.wrong(key, [["POST", "/query"]])
    return tuple((method, path) for method, path in value)
