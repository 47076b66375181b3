"""What the registers hold about an invented person: documents, licence, car, fitness."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from pencere.countries.az.demo.people import Person
from pencere.countries.country import Country
from pencere.countries.stream import Stream
from pencere.kernel.datafile import Node

# A record to be: register, day from which it holds, data.
Entry = tuple[str, date, dict[str, object]]

_COLOURS = ("white", "black", "grey", "silver", "blue", "red", "green", "beige")
_VIN_LETTERS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
# Runs through all 999 x 22 x 22 plates of a region before one comes again.
_PLATE_STEP = 7919
_LICENCE_YEARS = 10
_CARD_YEARS = 10


def years_later(day: date, years: int) -> date:
    """Return the same day of a later year; 29 February becomes 28."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def present(**data: object) -> dict[str, object]:
    """Return what is not None."""
    return {name: value for name, value in data.items() if value is not None}


@dataclass
class Papers:
    """Writes a person's papers; counts numbers so that none comes twice."""

    country: Country
    stream: Stream
    on: date
    shape: Node
    _count: int = field(default=0, init=False)
    _plates: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        models = self.shape.values.get("vehicles")
        if not isinstance(models, list):
            raise self.shape.wrong("vehicles", [["Lada", ["Niva"]]])
        self._models = [(str(make), str(model)) for make, names in models for model in names]
        self._facilities = self.shape.strings("facilities")

    def of(self, person: Person) -> Iterator[Entry]:
        """Yield everything about one person."""
        self._count += 1
        yield self._civil(person)
        yield from self._residences(person)
        yield from self._documents(person)
        if self._drives(person):
            yield from self._driver(person)

    def _share(self, key: str) -> bool:
        value = self.shape.values.get(key)
        if not isinstance(value, int):
            raise self.shape.wrong(key, 100)
        return self.stream.chance(value)

    def _civil(self, person: Person) -> Entry:
        data = present(
            fin=person.fin,
            family=person.family,
            given=person.given,
            patronymic=person.patronymic,
            sex=person.sex,
            born=person.born.isoformat(),
            birth_region=person.address.region.code,
            citizenship="AZ",
            marital_status=person.status,
            spouse=person.spouse,
            mother=person.mother,
            father=person.father,
        )
        return "population/person", person.born, data

    def _residences(self, person: Person) -> Iterator[Entry]:
        since = self.stream.day(max(person.born, self._ago(25)), self.on)
        yield residence(person, "permanent", since)
        if self._share("temporary_residence"):
            begins = self.stream.day(self._ago(1), self.on)
            register, valid_from, data = residence(person, "temporary", begins)
            yield register, valid_from, {**data, "until": years_later(begins, 2).isoformat()}

    def _documents(self, person: Person) -> Iterator[Entry]:
        grown = person.age(self.on) >= 15
        first = max(person.born, self._ago(_CARD_YEARS))
        issued = self.stream.day(first, self.on)
        number = f"AA{self._count:07}"
        kind = "identity-card" if grown else "child-card"
        yield document(person, (kind, number), issued, _CARD_YEARS)
        if grown and self._share("passport"):
            issued = self.stream.day(first, self.on)
            yield document(person, ("passport", f"C{self._count:08}"), issued, _CARD_YEARS)

    def _drives(self, person: Person) -> bool:
        shares = self.shape.child("licence").values
        grown = 18 <= person.age(self.on) <= 78
        return grown and self.stream.chance(int(str(shares[person.sex])))

    def _driver(self, person: Person) -> Iterator[Entry]:
        stream = self.stream
        issued = stream.day(max(years_later(person.born, 18), self._ago(_LICENCE_YEARS)), self.on)
        trucks = person.sex == "male" and stream.chance(180)
        categories = ["B", "C"] if trucks else ["B"]
        old_name = self._share("old_name_on_licence")
        family = person.family_at_birth if old_name else person.family
        data: dict[str, object] = {
            "fin": person.fin,
            "family": family,
            "given": person.given,
            "categories": categories,
            "issued": issued.isoformat(),
            "expires": years_later(issued, _LICENCE_YEARS).isoformat(),
        }
        yield "dyp/driving-licence", issued, data
        if self._share("vehicle_of_drivers"):
            yield self._vehicle(person)
        if self._share("medical_of_drivers"):
            examined = stream.day(self.on - timedelta(days=500), self.on)
            until = years_later(examined, 1)
            facility = stream.choice(self._facilities)
            yield medical(person, self._number(), (examined, until), (categories, facility))
        if self._share("disqualified_drivers"):
            begins = stream.day(self._ago(2), self.on)
            yield disqualification(person, self._number(), (begins, years_later(begins, 1)))

    def _vehicle(self, person: Person) -> Entry:
        make, model = self.stream.choice(self._models)
        registered = self.stream.day(self._ago(12), self.on)
        data = {
            "fin": person.fin,
            "plate": self.plate(person),
            "vin": self.vin(),
            "make": make,
            "model": model,
            "year": registered.year - self.stream.below(9),
            "colour": self.stream.choice(_COLOURS),
            "registered": registered.isoformat(),
        }
        return "dyp/vehicle", registered, data

    def plate(self, person: Person) -> str:
        """Return a plate of the person's region that nobody has yet."""
        letters = self.country.plate_letters
        region = person.address.region
        codes = region.plate_codes or ("90",)
        code = self.stream.choice(codes)
        index = self._plates.get(code, 0)
        self._plates[code] = index + 1
        drawn = (index * _PLATE_STEP + 1234) % (999 * len(letters) ** 2)
        pair, digits = divmod(drawn, 999)
        first, second = divmod(pair, len(letters))
        return f"{code}-{letters[first]}{letters[second]}-{digits + 1:03}"

    def vin(self) -> str:
        """Return a vehicle number that no car has: XDEMO and a count."""
        value, letters = self._count, ""
        for _ in range(12):
            value, letter = divmod(value, len(_VIN_LETTERS))
            letters = _VIN_LETTERS[letter] + letters
        return f"XDEM0{letters}"

    def _number(self) -> str:
        return f"{self._count:08}"

    def _ago(self, years: int) -> date:
        return years_later(self.on, -years)


def residence(person: Person, kind: str, since: date) -> Entry:
    """Return a registration at the person's address."""
    address = person.address
    data = present(
        fin=person.fin,
        kind=kind,
        region=address.region.code,
        district=address.district,
        street=address.street,
        house=address.house,
        flat=address.flat,
        postal_code=address.postal_code,
        address_line=address.line,
        since=since.isoformat(),
    )
    return "population/residence", since, data


def represented(person: Person, heads: dict[str, object]) -> Entry:
    """Return the entry by which a person speaks for a company as its director."""
    since = heads["since"]
    assert isinstance(since, date)  # noqa: S101  # the file comes with us and is tested
    data: dict[str, object] = {
        "fin": person.fin,
        "voen": heads["voen"],
        "company": heads["company"],
        "position": "director",
        "since": since.isoformat(),
    }
    return "taxpayers/representative", since, data


def document(person: Person, named: tuple[str, str], issued: date, years: int) -> Entry:
    """Return an identity document of (kind, number)."""
    data: dict[str, object] = {
        "fin": person.fin,
        "kind": named[0],
        "number": named[1],
        "issued": issued.isoformat(),
        "expires": years_later(issued, years).isoformat(),
        "issuer": "bpqmi",
    }
    return "population/identity-document", issued, data


def medical(
    person: Person, number: str, holds: tuple[date, date], found: tuple[list[str], str]
) -> Entry:
    """Return a medical certificate: days from and until, categories and facility."""
    data: dict[str, object] = {
        "fin": person.fin,
        "number": f"TA-{number}",
        "kind": "driver",
        "categories": found[0],
        "issued": holds[0].isoformat(),
        "valid_until": holds[1].isoformat(),
        "facility": found[1],
    }
    return "health/medical-certificate", holds[0], data


def disqualification(person: Person, number: str, holds: tuple[date, date]) -> Entry:
    """Return a decision that takes away the right to drive for a time."""
    data: dict[str, object] = {
        "fin": person.fin,
        "decision": f"IX-{number}",
        "from": holds[0].isoformat(),
        "until": holds[1].isoformat(),
    }
    return "dyp/disqualification", holds[0], data
