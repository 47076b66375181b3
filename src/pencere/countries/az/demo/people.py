"""Invented families: who lives with whom, where, and whose child one is.

Pure and deterministic: one seed and one day give the same people on every machine.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate

from pencere.countries.country import Country, Region
from pencere.countries.stream import Stream
from pencere.kernel.datafile import Node

# Digits and Latin capitals without I and O: the letters of a FIN.
FIN_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_FINS = len(FIN_LETTERS) ** 7
# Shares no factor (2, 17) with the number of FINs, so that no two counts give the same one.
_STEP = 31_415_926_535
_YEAR = 365.25


@dataclass(frozen=True)
class Address:
    """Where a household lives."""

    region: Region
    district: str | None
    street: str
    house: str
    flat: str | None
    postal_code: str | None

    @property
    def line(self) -> str:
        """The address as one writes it on an envelope, without the index."""
        parts = [self.region.full_name]
        if self.district:
            parts.append(f"{self.district} rayonu")
        parts += [self.street, f"ev {self.house}"]
        if self.flat:
            parts.append(f"mənzil {self.flat}")
        return ", ".join(parts)


@dataclass
class Person:
    """One invented person; parents and spouse by FIN, where they are known."""

    fin: str
    sex: str
    family: str
    given: str
    patronymic: str
    born: date
    address: Address
    family_at_birth: str
    mother: str | None = None
    father: str | None = None
    spouse: str | None = None
    status: str = "single"

    def age(self, on: date) -> int:
        """Return the whole years on a day."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))


def postal_code_of(country: Country, region: Region) -> str | None:
    """Return the region's index, or its parent's."""
    if region.postal_code is None and region.parent is not None:
        return country.regions[region.parent].postal_code
    return region.postal_code


@dataclass
class Families:
    """Makes households one after the other; `taken` are the FINs of the ready persons."""

    country: Country
    stream: Stream
    on: date
    taken: frozenset[str]
    shape: Node
    _count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        parents = {region.parent for region in self.country.regions.values()}
        self._regions = [one for code, one in self.country.regions.items() if code not in parents]
        weights = self.shape.child("region_weights").values
        other = self.number("other_region_weight")
        self._weights = list(
            accumulate(int(str(weights.get(one.code, other))) for one in self._regions)
        )
        self._offset = self.stream.below(_FINS)

    def number(self, key: str) -> int:
        """Return a whole number of the file that says the population's shape."""
        value = self.shape.values.get(key)
        if not isinstance(value, int):
            raise self.shape.wrong(key, 100)
        return value

    def households(self) -> Iterator[list[Person]]:
        """Yield households without end."""
        kinds = self.shape.child("household").values
        couple, single, alone = (
            int(str(kinds[key])) for key in ("couple", "single", "mother_alone")
        )
        while True:
            address = self._address()
            drawn = self.stream.below(1000)
            if drawn < couple:
                yield self._couple(address, self._years_ago(22, 82))
            elif drawn < couple + single:
                sex = self.stream.choice(("male", "female"))
                yield [self._person(sex, self._years_ago(19, 88), address)]
            elif drawn < couple + single + alone:
                mother = self._person("female", self._years_ago(21, 60), address)
                mother.status = "divorced"
                yield [mother, *self._children(None, mother, address)]
            else:
                yield self._three_generations(address)

    def _couple(self, address: Address, born: date, family: int | None = None) -> list[Person]:
        husband = self._person("male", born, address, family)
        wife = self._person("female", self._near(born), address)
        self._marry(husband, wife)
        return [husband, wife, *self._children(husband, wife, address)]

    def _three_generations(self, address: Address) -> list[Person]:
        grandfather = self._person("male", self._years_ago(55, 88), address)
        grandmother = self._person("female", self._near(grandfather.born), address)
        self._marry(grandfather, grandmother)
        family = self._family_number(grandfather.family)
        youngest = self.on - timedelta(days=int(20 * _YEAR))
        born = min(grandmother.born + timedelta(days=self.stream.between(7300, 11_000)), youngest)
        household = self._couple(address, born, family)
        son = household[0]
        son.father, son.mother = grandfather.fin, grandmother.fin
        son.patronymic = self._patronymic("male", grandfather.given)
        return [grandfather, grandmother, *household]

    def _children(self, father: Person | None, mother: Person, address: Address) -> list[Person]:
        children = []
        first = mother.born + timedelta(days=self.stream.between(7300, 11_300))
        wanted = self.stream.below(self.number("children_at_most") + 1)
        for number in range(wanted):
            born = first + timedelta(days=number * self.stream.between(420, 1500))
            # Grown children are elsewhere.
            if born > self.on or (self.on - born).days > 24 * _YEAR:
                continue
            sex = self.stream.choice(("male", "female"))
            family = self._family_number((father or mother).family)
            child = self._person(sex, born, address, family)
            child.mother = mother.fin
            if father is not None:
                child.father = father.fin
                child.patronymic = self._patronymic(sex, father.given)
            children.append(child)
        return children

    def _person(self, sex: str, born: date, address: Address, family: int | None = None) -> Person:
        names, stream = self.country.names, self.stream
        number = stream.below(len(names.families)) if family is None else family
        surname = names.families[number][sex == "female"]
        given = stream.choice(names.male if sex == "male" else names.female)
        patronymic = self._patronymic(sex, stream.choice(names.male))
        return Person(self._fin(), sex, surname, given, patronymic, born, address, surname)

    def _marry(self, husband: Person, wife: Person) -> None:
        husband.spouse, wife.spouse = wife.fin, husband.fin
        husband.status = wife.status = "married"
        if self.stream.chance(self.number("wife_takes_name")):
            number = self._family_number(husband.family)
            wife.family = self.country.names.families[number][1]

    def _family_number(self, family: str) -> int:
        if not hasattr(self, "_numbers"):
            self._numbers = {
                form: number
                for number, forms in enumerate(self.country.names.families)
                for form in forms
            }
        return self._numbers[family]

    def _patronymic(self, sex: str, father: str) -> str:
        names = self.country.names
        form = names.patronymic_male if sex == "male" else names.patronymic_female
        return form.replace("{father}", father)

    def _near(self, born: date) -> date:
        shifted = born + timedelta(days=self.stream.between(-400, 2600))
        return min(shifted, self.on - timedelta(days=int(18.2 * _YEAR)))

    def _years_ago(self, youngest: int, oldest: int) -> date:
        # The smaller of two draws: an age pyramid, wide at the bottom.
        days = (oldest - youngest) * 365
        drawn = min(self.stream.below(days), self.stream.below(days))
        return self.on - timedelta(days=int(youngest * _YEAR) + drawn)

    def _address(self) -> Address:
        drawn = self.stream.below(self._weights[-1])
        region = self._regions[bisect_right(self._weights, drawn)]
        stream = self.stream
        flats = region.kind == "city" and stream.chance(800)
        return Address(
            region=region,
            district=stream.choice(region.districts) if region.districts else None,
            street=stream.choice(self.country.names.streets),
            house=str(stream.between(1, 190)),
            flat=str(stream.between(1, 120)) if flats else None,
            postal_code=postal_code_of(self.country, region),
        )

    def _fin(self) -> str:
        while True:
            value = (self._offset + self._count * _STEP) % _FINS
            self._count += 1
            letters = []
            for _ in range(7):
                value, letter = divmod(value, len(FIN_LETTERS))
                letters.append(FIN_LETTERS[letter])
            fin = "".join(letters)
            if fin not in self.taken:
                return fin
