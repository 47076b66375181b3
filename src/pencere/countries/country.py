"""A country's base data: who its bodies are, where its regions lie, when it works.

`Country.load("az")` reads `countries/az/`; `Country.load_folder(path)` reads any other folder
of the same form. Both are cached and the result is never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from pencere.kernel.datafile import Node
from pencere.kernel.errors import Invalid, Misconfigured, Missing
from pencere.kernel.identifiers import parse_fin, parse_phone, parse_voen
from pencere.kernel.text import Text
from pencere.kernel.working_days import WorkingCalendar

ROLES = (
    "officer",
    "unit-head",
    "auditor",
    "accountant",
    "catalogue-editor",
    "service-author",
    "ra-officer",
    "ra-chief",
    "registrar",
    "register-proposer",
    "register-approver",
    "register-security",
    "register-privacy",
    "register-signatory",
    "register-supervisor",
)


@dataclass(frozen=True, slots=True)
class Body:
    """A state body (orqan). `id` is its name everywhere on the platform."""

    id: str
    names: Text
    short: str | None
    kind: str
    parent: str | None
    site: str | None
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A district or city by ISO 3166-2 code; `districts` are the parts of a large city."""

    code: str
    names: Text
    full_name: str
    kind: str
    parent: str | None
    economic_region: str
    postal_code: str | None
    plate_codes: tuple[str, ...]
    districts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """A legal act by the id that purposes and services name."""

    id: str
    names: Text
    number: str
    adopted: date
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why data of a person is asked for; `basis` is the id of an act."""

    code: str
    names: Text
    basis: str


@dataclass(frozen=True, slots=True)
class DayOff:
    """A day off; `provisional` until it is decided, `moved` when it stands for another day."""

    day: date
    occasions: tuple[Text, ...]
    moved: bool
    provisional: bool


@dataclass(frozen=True)
class Calendar:
    """The days off in words, and the same as the kernel counts with."""

    days_off: tuple[DayOff, ...]
    working: WorkingCalendar
    decided_until: date
    rule: Text


@dataclass(frozen=True, slots=True)
class Names:
    """Stock for invented persons. `families` are (male form, female form)."""

    male: tuple[str, ...]
    female: tuple[str, ...]
    families: tuple[tuple[str, str], ...]
    patronymic_male: str
    patronymic_female: str
    streets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What an officer may be at a body: one of ROLES."""

    role: str
    body: str
    unit: str | None


@dataclass(frozen=True)
class DemoPerson:
    """An invented person of the demonstration; `facts` are what the registers shall hold."""

    key: str
    fin: str
    family: str
    given: str
    patronymic: str
    sex: str
    born: date
    phone: str | None
    pin1: str | None
    pin2: str | None
    voen: str | None
    roles: tuple[Role, ...]
    good_for: Text
    facts: Mapping[str, object]

    @property
    def name(self) -> str:
        """Given name and family name, as people say it."""
        return f"{self.given} {self.family}"


@dataclass(frozen=True)
class Country:
    """All base data of one country. Mappings are by id, in the order of the files."""

    code: str
    folder: Path
    bodies: Mapping[str, Body]
    regions: Mapping[str, Region]
    economic_regions: Mapping[str, Text]
    plate_letters: str
    acts: Mapping[str, Act]
    purposes: Mapping[str, Purpose]
    calendar: Calendar
    names: Names
    demo_persons: tuple[DemoPerson, ...]

    @staticmethod
    def load(code: str) -> "Country":
        """Return the country that comes with the platform under `code`, such as `"az"`.

        Raises:
            Missing: `country.unknown`.
            Misconfigured: a file is wrong.
        """
        folder = Path(__file__).parent / code
        if not code.isalpha() or not folder.is_dir():
            raise Missing("country.unknown", country=code[:8])
        return load_folder(folder)

    @staticmethod
    def load_folder(folder: Path) -> "Country":
        """Return the country whose files stand in `folder`."""
        return load_folder(folder)

    def body(self, body_id: str) -> Body:
        """Return a body, or raise Missing `body.unknown`."""
        try:
            return self.bodies[body_id]
        except KeyError:
            raise Missing("body.unknown", body=body_id[:40]) from None

    def purpose(self, code: str) -> Purpose:
        """Return a purpose, or raise Missing `purpose.unknown`."""
        try:
            return self.purposes[code]
        except KeyError:
            raise Missing("purpose.unknown", purpose=code[:40]) from None


@lru_cache(maxsize=8)
def load_folder(folder: Path) -> Country:
    """Read every base file of `folder`; what one names in another must exist."""
    bodies = _bodies(folder / "bodies.yaml")
    acts = _acts(folder / "acts.yaml")
    regions_file = Node.of_file(folder / "regions.yaml")
    return Country(
        code=folder.name,
        folder=folder,
        bodies=bodies,
        regions=_regions(regions_file),
        economic_regions=MappingProxyType(
            {
                key: node.own_text()
                for key, node in regions_file.children("economic_regions").items()
            }
        ),
        plate_letters=Node.of_file(folder / "plate_regions.yaml").string("letters", "ABC"),
        acts=acts,
        purposes=_purposes(folder / "purposes.yaml", acts),
        calendar=_calendar(folder / "calendar.yaml"),
        names=_names(folder / "names.yaml"),
        demo_persons=_demo_persons(folder / "demo" / "persons.yaml", bodies),
    )


def _bodies(path: Path) -> Mapping[str, Body]:
    nodes = Node.of_file(path).children("bodies")
    for node in nodes.values():
        if node.has("parent") and node.string("parent") not in nodes:
            raise node.wrong("parent", next(iter(nodes), "none"))
    return MappingProxyType(
        {
            key: Body(
                id=key,
                names=node.text("names"),
                short=node.string("short") if node.has("short") else None,
                kind=node.string("kind", "ministry"),
                parent=node.string("parent") if node.has("parent") else None,
                site=node.string("site") if node.has("site") else None,
                source=node.string("source", "gazette number"),
                verified=node.values.get("verified") is True,
            )
            for key, node in nodes.items()
        }
    )


def _regions(top: Node) -> Mapping[str, Region]:
    economic = top.child("economic_regions").values
    found = {}
    for code, node in top.children("regions").items():
        if node.string("economic_region") not in economic:
            raise node.wrong("economic_region", next(iter(economic), "none"))
        found[code] = Region(
            code=code,
            names=node.text("names"),
            full_name=node.string("full", "Quba rayonu"),
            kind=node.string("kind", "district"),
            parent=node.string("parent") if node.has("parent") else None,
            economic_region=node.string("economic_region"),
            postal_code=node.string("postal_code") if node.has("postal_code") else None,
            plate_codes=node.strings("plate_codes", ("10", "99")),
            districts=node.strings("city_districts", ("Nizami",)),
        )
    return MappingProxyType(found)


def _acts(path: Path) -> Mapping[str, Act]:
    return MappingProxyType(
        {
            key: Act(
                id=key,
                names=node.own_text(),
                number=node.string("number", "998-IIIQ"),
                adopted=_day(node, "adopted"),
                source=node.string("source", "gazette number"),
                verified=node.values.get("verified") is True,
            )
            for key, node in Node.of_file(path).children("acts").items()
        }
    )


def _purposes(path: Path, acts: Mapping[str, Act]) -> Mapping[str, Purpose]:
    found = {}
    for code, node in Node.of_file(path).children("purposes").items():
        basis = node.string("basis", next(iter(acts), "none"))
        if basis not in acts:
            raise node.wrong("basis", next(iter(acts), "none"))
        found[code] = Purpose(code=code, names=node.own_text(), basis=basis)
    return MappingProxyType(found)


def _calendar(path: Path) -> Calendar:
    top = Node.of_file(path)
    occasions = {key: node.own_text() for key, node in top.children("occasions").items()}
    parent = top.child("days")
    days = []
    for day in parent.values:
        node = parent.child(day)
        of = node.strings("of", ("novruz",))
        if not isinstance(day, date) or not of or not set(of) <= occasions.keys():
            raise node.wrong("of", [next(iter(occasions), "none")])
        days.append(
            DayOff(
                day=day,
                occasions=tuple(occasions[key] for key in of),
                moved=node.values.get("moved") is True,
                provisional=node.values.get("provisional") is True,
            )
        )
    weekends = top.values.get("working_weekends") or []
    if not isinstance(weekends, list) or not all(isinstance(day, date) for day in weekends):
        raise top.wrong("working_weekends", ["2026-06-27"])
    try:
        working = WorkingCalendar(frozenset(off.day for off in days), frozenset(weekends))
    except Invalid as error:
        raise top.wrong("working_weekends", ["2026-06-27"]) from error
    return Calendar(tuple(days), working, _day(top, "decided_until"), top.child("rule").own_text())


def _names(path: Path) -> Names:
    top = Node.of_file(path)
    given, family, patronymic = (top.child(key) for key in ("given", "family", "patronymic"))
    families = [
        *((f"{stem}ov", f"{stem}ova") for stem in family.strings("ov")),
        *((f"{stem}yev", f"{stem}yeva") for stem in family.strings("yev")),
        *((whole, whole) for whole in family.strings("same")),
    ]
    return Names(
        male=given.strings("male"),
        female=given.strings("female"),
        families=tuple(families),
        patronymic_male=patronymic.string("male", "{father} oğlu"),
        patronymic_female=patronymic.string("female", "{father} qızı"),
        streets=top.strings("streets"),
    )


def _demo_persons(path: Path, bodies: Mapping[str, Body]) -> tuple[DemoPerson, ...]:
    if not path.exists():
        return ()
    people = tuple(
        _demo_person(key, node, bodies)
        for key, node in Node.of_file(path).children("persons").items()
    )
    for number in ("fin", "phone"):
        given = [value for value in (getattr(one, number) for one in people) if value]
        if len(given) != len(set(given)):
            raise Misconfigured(file=path, key=number, value="stands twice", example="5ABCD12")
    return people


def _demo_person(key: str, node: Node, bodies: Mapping[str, Body]) -> DemoPerson:
    def checked(name: str, example: str) -> str | None:
        if not node.has(name):
            return None
        parse = {"fin": parse_fin, "phone": parse_phone, "voen": parse_voen}[name]
        try:
            return str(parse(node.string(name, example)))
        except Invalid as error:
            raise node.wrong(name, example) from error

    def pin(name: str, digits: int) -> str | None:
        if not node.has(name):
            return None
        value = node.string(name)
        if len(value) != digits or not value.isdigit():
            raise node.wrong(name, "1" * digits)
        return value

    fin = checked("fin", "5ABCD12")
    if fin is None:
        raise node.wrong("fin", "5ABCD12")
    return DemoPerson(
        key=key,
        fin=fin,
        family=node.string("family", "Quliyeva"),
        given=node.string("given", "Aydan"),
        patronymic=node.string("patronymic", "Rauf qızı"),
        sex=node.string("sex", "female"),
        born=_day(node, "born"),
        phone=checked("phone", "+994501000001"),
        pin1=pin("pin1", 4),
        pin2=pin("pin2", 5),
        voen=checked("voen", "2004567112"),
        roles=_roles(node, bodies),
        good_for=node.text("good_for"),
        facts=MappingProxyType({str(name): value for name, value in node.values.items()}),
    )


def _roles(node: Node, bodies: Mapping[str, Body]) -> tuple[Role, ...]:
    example = [{"role": "officer", "body": next(iter(bodies), "none")}]
    given = node.values.get("roles") or []
    if not isinstance(given, list):
        raise node.wrong("roles", example)
    found = []
    for number, values in enumerate(given):
        entry = Node(node.file, f"{node.place}.roles[{number}]", values)
        role, body = entry.string("role"), entry.string("body")
        if role not in ROLES or body not in bodies:
            raise node.wrong("roles", example)
        unit = entry.string("unit") if entry.has("unit") else None
        found.append(Role(role, body, unit))
    # Who decides cases does not keep the book of money.
    if "accountant" in (held := {one.role for one in found}) and held & {"officer", "unit-head"}:
        raise node.wrong("roles", [{"role": "accountant", "body": found[0].body}])
    return tuple(found)


def _day(node: Node, key: str) -> date:
    value = node.values.get(key)
    if not isinstance(value, date):
        raise node.wrong(key, "2026-01-31")
    return value
