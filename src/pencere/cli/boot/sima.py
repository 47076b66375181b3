"""The demo persons get SİMA, and certificates for the keys in it, beside those of their phones."""

from pencere.cli.progress import Progress
from pencere.countries.country import Country, DemoPerson
from pencere.ops.installation import Installation
from pencere.simulators.phones.sim import Card, Pins, provision, store_certificates
from pencere.trust.ceremony import Centre, Person


def hand_out(
    installation: Installation, centre: Centre, country: Country, progress: Progress
) -> int:
    """Give every person with a phone the application; return how many there are."""
    owners = [person for person in country.demo_persons if person.phone is not None]
    for done, person in enumerate(owners, start=1):
        _hand_out(installation, centre, person)
        progress.advance(done, len(owners))
    return len(owners)


def _hand_out(installation: Installation, centre: Centre, person: DemoPerson) -> None:
    pins = Pins(person.pin1 or "", person.pin2 or "")
    card = Card(person.key, person.family, person.given, person.phone or "", pins.puk)
    made = provision(installation.sima, card, pins, installation.secret("sima/applications"))
    certified = centre.certify_person(
        Person(person.fin, person.family, person.given, ""),
        made.authentication_request,
        made.signature_request,
        "sima",
    )
    store_certificates(
        installation.sima,
        person.key,
        device=certified.device_id,
        authentication=certified.authentication,
        signature=certified.signature,
    )
