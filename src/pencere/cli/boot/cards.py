"""The demo persons get cards: two PKCS#12 files each, opened by PIN1 and PIN2.

They stand for an identity card where there is no reader: `pencere token authenticate --p12` signs
in with one, and any program that knows PKCS#12 can put them on a token.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    load_pkcs12,
    serialize_key_and_certificates,
)

from pencere.cli.progress import Progress
from pencere.countries.country import Country, DemoPerson
from pencere.ops.installation import Installation
from pencere.simulators.phones.sim import write_durably
from pencere.trust.ceremony import Centre, Person

PURPOSES = ("authentication", "signature")


def hand_out(
    installation: Installation, centre: Centre, country: Country, progress: Progress
) -> int:
    """Give every person with a phone a card too; return how many there are."""
    owners = [person for person in country.demo_persons if person.phone is not None]
    for done, person in enumerate(owners, start=1):
        _hand_out(installation.cards, centre, person)
        progress.advance(done, len(owners))
    return len(owners)


def _hand_out(folder: Path, centre: Centre, person: DemoPerson) -> None:
    pins = (person.pin1 or "", person.pin2 or "")
    files = [folder / f"{person.key}-{purpose}.p12" for purpose in PURPOSES]
    keys = [_key(file, pin) for file, pin in zip(files, pins, strict=True)]
    certified = centre.certify_person(
        Person(person.fin, person.family, person.given, ""),
        _request(keys[0]),
        _request(keys[1]),
        "card",
    )
    chain = [x509.load_der_x509_certificate(one) for one in certified.chain]
    encoded = (certified.authentication, certified.signature)
    for file, pin, key, one in zip(files, pins, keys, encoded, strict=True):
        certificate = x509.load_der_x509_certificate(one)
        if not file.exists() or _certificate(file, pin) != certificate:
            name = f"{person.given} {person.family}".encode()
            protection = BestAvailableEncryption(pin.encode())
            write_durably(
                file, serialize_key_and_certificates(name, key, certificate, chain, protection)
            )


def _key(file: Path, pin: str) -> ec.EllipticCurvePrivateKey:
    """Return the key in the file, or a new one."""
    if not file.exists():
        return ec.generate_private_key(ec.SECP256R1())
    key = load_pkcs12(file.read_bytes(), pin.encode()).key
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # made here
    return key


def _certificate(file: Path, pin: str) -> x509.Certificate | None:
    found = load_pkcs12(file.read_bytes(), pin.encode()).cert
    return None if found is None else found.certificate


def _request(key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
