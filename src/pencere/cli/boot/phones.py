"""The demo persons get their phones, and certificates for the keys in them."""

from pencere.cli.progress import Progress
from pencere.countries.country import Country, DemoPerson
from pencere.ops.installation import Installation
from pencere.simulators.phones.sim import Card, Pins, store_certificates
from pencere.simulators.phones.split import forget_halves, provision
from pencere.trust.ceremony import Centre, Enrolment, Person
from pencere.trust.pins import PURPOSES, Half


def hand_out(
    installation: Installation, centre: Centre, country: Country, progress: Progress
) -> int:
    """Give every ready person with a number a phone; return how many there are."""
    owners = [person for person in country.demo_persons if person.phone is not None]
    for done, person in enumerate(owners, start=1):
        _hand_out(installation, centre, person)
        progress.advance(done, len(owners))
    return len(owners)


def _hand_out(installation: Installation, centre: Centre, person: DemoPerson) -> None:
    assert person.phone is not None  # noqa: S101  # those alone are asked for
    pins = Pins(person.pin1 or "", person.pin2 or "")
    card = Card(person.key, person.family, person.given, person.phone, pins.puk)
    made = provision(installation.phones, card, pins, installation.secret("phones"))
    sent, halves = made.requests, made.halves
    enrolled = centre.issue_person(
        Person(person.fin, person.family, person.given, person.phone),
        Enrolment(
            sent.authentication_request,
            sent.signature_request,
            sent.device_key,
            None
            if halves is None
            else {one: Half(halves[one].verifier, halves[one].share) for one in PURPOSES},
        ),
    )
    store_certificates(
        installation.phones,
        person.key,
        device=enrolled.device_id,
        authentication=enrolled.authentication,
        signature=enrolled.signature,
    )
    forget_halves(installation.phones, person.key)
