"""The whole invented population as records: bodies, the ready persons, then families."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from pencere.countries.az.demo.papers import (
    Entry,
    Papers,
    disqualification,
    document,
    medical,
    present,
    represented,
    residence,
    years_later,
)
from pencere.countries.az.demo.people import Address, Families, Person, postal_code_of
from pencere.countries.country import Country, DemoPerson
from pencere.countries.stream import Stream
from pencere.kernel.datafile import Node

# Numbers of the ready persons' papers stand above all counted ones.
_READY_FROM = 9_000_001
_LICENCE_YEARS = 10


def population(country: Country, people: int, seed: str, on: date) -> Iterator[Entry]:
    """Yield (register, day from which it holds, data) for `people` persons on the day `on`.

    The ready persons are among them, and are there even when `people` is smaller. The last
    household is cut where the number is reached. A driving licence of a family has no number:
    the register gives it.
    """
    yield from _bodies(country, on)
    yield from ReadyPersons(country, on).entries()
    shape = Node.of_file(country.folder / "demo" / "population.yaml")
    stream = Stream(f"pencere population {seed}")
    taken = frozenset(person.fin for person in country.demo_persons)
    papers = Papers(country, stream, on, shape)
    missing = people - len(taken)
    for household in Families(country, stream, on, taken, shape).households():
        if missing <= 0:
            return
        for person in household[:missing]:
            yield from papers.of(person)
        missing -= len(household)


def _bodies(country: Country, on: date) -> Iterator[Entry]:
    for body in country.bodies.values():
        data = present(
            id=body.id,
            names=body.names.as_mapping(),
            short=body.short,
            kind=body.kind,
            parent=body.parent,
            site=body.site,
        )
        yield "stateregister/body", on, data


@dataclass(frozen=True)
class ReadyPersons:
    """The persons of demo/persons.yaml as the registers hold them on the day `on`."""

    country: Country
    on: date

    def entries(self) -> Iterator[Entry]:
        """Yield the records of all of them."""
        fins = {person.key: person.fin for person in self.country.demo_persons}
        for number, ready in enumerate(self.country.demo_persons, start=_READY_FROM):
            person = self._person(ready)
            yield self._civil(ready, person, fins)
            yield residence(person, "permanent", max(person.born, years_later(self.on, -6)))
            issued = max(person.born, years_later(self.on, -3))
            kind = "identity-card" if person.age(self.on) >= 15 else "child-card"
            yield document(person, (kind, f"AA{number}"), issued, 10)
            yield from self._driver(ready, person, number)
            heads = ready.facts.get("heads")
            if isinstance(heads, dict):
                yield represented(person, heads)

    def _person(self, ready: DemoPerson) -> Person:
        place = ready.facts["address"]
        assert isinstance(place, dict)  # noqa: S101  # the file comes with us and is tested
        region = self.country.regions[place["region"]]
        address = Address(
            region=region,
            district=place.get("district"),
            street=place["street"],
            house=place["house"],
            flat=place.get("flat"),
            postal_code=postal_code_of(self.country, region),
        )
        return Person(
            fin=ready.fin,
            sex=ready.sex,
            family=ready.family,
            given=ready.given,
            patronymic=ready.patronymic,
            born=ready.born,
            address=address,
            family_at_birth=ready.family,
        )

    def _civil(self, ready: DemoPerson, person: Person, fins: dict[str, str]) -> Entry:
        relatives = {
            name: fins[str(ready.facts[name])]
            for name in ("spouse", "mother", "father")
            if name in ready.facts
        }
        data: dict[str, object] = {
            "fin": person.fin,
            "family": person.family,
            "given": person.given,
            "patronymic": person.patronymic,
            "sex": person.sex,
            "born": person.born.isoformat(),
            "birth_region": person.address.region.code,
            "citizenship": "AZ",
            "marital_status": "married" if "spouse" in relatives else "single",
            **relatives,
        }
        return "population/person", person.born, data

    def _driver(self, ready: DemoPerson, person: Person, number: int) -> Iterator[Entry]:
        licence = ready.facts.get("licence")
        categories = ["B"]
        if isinstance(licence, dict):
            categories = licence["categories"]
            expires = self._day(licence["expires_in_days"])
            issued = years_later(expires, -_LICENCE_YEARS)
            data = {
                "fin": person.fin,
                "number": licence["number"],
                "family": person.family,
                "given": person.given,
                "categories": categories,
                "issued": issued.isoformat(),
                "expires": expires.isoformat(),
            }
            yield "dyp/driving-licence", issued, data
        health = ready.facts.get("medical")
        if isinstance(health, dict):
            until = self._day(health["expires_in_days"])
            examined = min(years_later(until, -1), self.on)
            found = (categories, "Sürücülərin tibbi müayinə mərkəzi")
            yield medical(person, f"0{number}", (examined, until), found)
        ban = ready.facts.get("disqualification")
        if isinstance(ban, dict):
            holds = (self._day(ban["from_days"]), self._day(ban["until_days"]))
            yield disqualification(person, f"0{number}", holds)
        car = ready.facts.get("vehicle")
        if isinstance(car, dict):
            registered = years_later(self.on, -2)
            named = {name: car[name] for name in ("plate", "make", "model", "year", "colour")}
            data = {
                "fin": person.fin,
                "vin": f"XDEM1{number:012}",
                "registered": registered.isoformat(),
                **named,
            }
            yield "dyp/vehicle", registered, data

    def _day(self, days: int) -> date:
        return self.on + timedelta(days=days)
