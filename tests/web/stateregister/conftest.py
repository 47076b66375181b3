"""A founded register with officers of every role, and pens that sign as telephones do."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID
from django.conf import settings

from pencere.countries.country import Country
from pencere.kernel.clock import FixedClock
from pencere.kernel.identifiers import Fin
from pencere.trust import advanced
from pencere.trust.profile import load_profile
from pencere.web.people.domain import accounts
from pencere.web.people.domain.visit import Office
from pencere.web.people.models import OfficerRole, Person
from pencere.web.people.vault import Identity
from pencere.web.stateregister.domain import (
    accords,
    applications,
    founding,
    loading,
    reading,
    signing,
)
from pencere.web.stateregister.domain.accord_document import keep
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.domain.signing import Verifier
from pencere.web.stateregister.models import Accord, Application

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

OFFICES = {
    "proposer": ("register-proposer", "dma"),
    "signatory": ("register-signatory", "dma"),
    "holder": ("register-proposer", "bpqmi"),
    "holder_signatory": ("register-signatory", "bpqmi"),
    "approver": ("register-approver", "mdd"),
    "security": ("register-security", "scis"),
    "privacy": ("register-privacy", "justice"),
    "supervisor": ("register-supervisor", "mdd"),
    "stranger": ("register-proposer", "dyp"),
}

DESCRIPTION = {
    "names": {"az": "Peşə hazırlığı sistemi", "en": "Vocational training", "ru": "Профобучение"},
    "purpose": {"az": "Peşə kurslarına yazılma", "en": "Enrolling in courses", "ru": "Запись"},
    "operator": "dma",
    "legal_bases": [{"act": "mesgulluq-haqqinda", "article": "5"}],
    "objects": [
        {
            "code": "course",
            "names": {"az": "Kurs", "en": "Course", "ru": "Обучение"},
            "fields": [
                {
                    "code": "title",
                    "names": {"az": "Kursun başlığı", "en": "Title", "ru": "Название"},
                    "concept": "",
                }
            ],
        }
    ],
    "security_class": "2",
    "location": {"data_centre": "gov-cloud-main", "address": ""},
    "contacts": [{"unit": "İT şöbəsi", "phone": "+994125550000", "email": "it@dma.example"}],
}
FAMILY_NAME = {
    "code": "surname",
    "names": {"az": "Soyadı", "en": "Family name", "ru": "Фамилия"},
    "concept": "family-name",
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    fixed = FixedClock(MONDAY)
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


_fins = itertools.count()


@pytest.fixture
def people(db: None, clock: FixedClock) -> dict[str, Person]:
    """A person for each office, by the names of OFFICES."""
    found = {}
    for name, (role, body) in OFFICES.items():
        identity = Identity(Fin(f"5R{next(_fins):05d}"), name.title(), "Tester")
        found[name] = accounts.open_account(identity, at=clock.now(), phone="+994501112233")
        OfficerRole.objects.create(person=found[name], body=body, role=role)
    return found


@pytest.fixture
def officers(people: dict[str, Person]) -> dict[str, Actor]:
    return {
        name: Actor(person, (Office(OFFICES[name][1], OFFICES[name][0]),))
        for name, person in people.items()
    }


@pytest.fixture
def founded(db: None, clock: FixedClock) -> None:
    """The register as `pencere up` founds it."""
    country = Country.load("az")
    loading.load_country(country)
    founding.found(country, at=clock.now())


@dataclass
class Pens:
    """An authority of persons that lives as long as a test; it signs for whoever is asked."""

    now: datetime
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Persons of a test")])
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        self.root = (
            self._certificate(name, name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(key_cert_sign=True, **usage), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.verifier = Verifier((self.root,), None)

    def _certificate(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=365))
        )

    def sign(self, person: Person, content: bytes) -> bytes:
        """Return the CAdES-B-B signature of a person over content."""
        profile = load_profile("person-signature")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.SERIAL_NUMBER, f"PNOAZ-{person.fin}"),
                x509.NameAttribute(NameOID.SURNAME, "Tester"),
                x509.NameAttribute(NameOID.GIVEN_NAME, "Tester"),
                x509.NameAttribute(NameOID.COMMON_NAME, "Tester"),
            ]
        )
        usage = {
            name: name in profile.key_usage
            for name in ("digital_signature", "content_commitment", "key_encipherment",
                         "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
                         "encipher_only", "decipher_only")
        }  # fmt: skip
        builder = self._certificate(subject, self.root.subject, key.public_key()).add_extension(
            x509.KeyUsage(**usage), critical=True
        )
        policies = [
            x509.PolicyInformation(x509.ObjectIdentifier(one), None) for one in profile.policies
        ]
        builder = builder.add_extension(x509.CertificatePolicies(policies), critical=False)
        if profile.extended_key_usage:
            wanted = [x509.ObjectIdentifier(one) for one in profile.extended_key_usage.purposes]
            builder = builder.add_extension(x509.ExtendedKeyUsage(wanted), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        prepared = advanced.prepare(content, certificate, self.now)
        signature = key.sign(prepared.digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return advanced.assemble(prepared, signature, (certificate,))


@pytest.fixture
def pens(clock: FixedClock) -> Pens:
    return Pens(clock.now())


@pytest.fixture
def propose(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> Callable[..., Application]:
    """Write and send an application of dma."""

    def make(
        kind: str = "establish",
        *,
        code: str = "training",
        persons: int = 0,
        fields: list[dict[str, Any]] | None = None,
        answers: list[dict[str, Any]] | None = None,
        change: dict[str, Any] | None = None,
        send: bool = True,
    ) -> Application:
        actor, at = officers["proposer"], clock.now()
        row = applications.begin(kind=kind, owner="dma", code=code, actor=actor, at=at)
        content = copy.deepcopy(DESCRIPTION) if kind == "establish" else {}
        if fields:
            content["objects"][0]["fields"] += fields  # type: ignore[index]
            content["personal_classes"] = ["ordinary"]
        if persons or fields:
            content["persons"] = {"who": ["citizens"], "count": persons}
            digest = keep(b"%PDF-1.7 assessment", "application/pdf", by=None, at=at)
            content["personal_classes"] = ["ordinary"]
            content["documents"] = [
                {"kind": "impact-assessment", "name": "təsir.pdf", "sha256": digest.hex(),
                 "size": 19, "media_type": "application/pdf"}
            ]  # fmt: skip
        if answers:
            content["ask_once"] = answers
        row = applications.save(
            row.number, version=row.version, change=content | (change or {}), actor=actor,
            why="Yeni sistem kurslar üçün lazımdır",
        )  # fmt: skip
        if send:
            row = applications.submit(row.number, version=row.version, actor=actor, at=at)
        return row

    return make


@pytest.fixture
def approve_all(officers: dict[str, Actor], clock: FixedClock) -> Callable[..., Application]:
    def decide(row: Application, *names: str) -> Application:
        for name in names or ("approver", "security"):
            row = applications.approve(
                row.number, version=row.version, role=OFFICES[name][0], actor=officers[name],
                reason="", at=clock.now(),
            )  # fmt: skip
        return row

    return decide


@pytest.fixture
def to_sign(founded: None, officers: dict[str, Actor], clock: FixedClock) -> Callable[..., Accord]:
    """Bring an accord of dma/employment about bpqmi/population to its signing."""

    def make(**terms: Any) -> Accord:
        at = clock.now()
        row = accords.begin(
            wants=reading.system("dma", "employment"),
            holder=reading.system("bpqmi", "population"),
            service="person", actor=officers["proposer"], at=at,
        )  # fmt: skip
        said = {
            "purposes": ["job-matching"], "legal_bases": ["mesgulluq-haqqinda"],
            "fields": ["family", "given"], "persons": 1200, **terms,
        }  # fmt: skip
        row = accords.save(row.number, version=row.version, terms=said,
                           actor=officers["proposer"], at=at)  # fmt: skip
        row = accords.offer(row.number, version=row.version, actor=officers["proposer"], at=at)
        row = accords.accept(row.number, version=row.version, actor=officers["holder"], at=at)
        return accords.clear(row.number, version=row.version, actor=officers["approver"], at=at)

    return make


@pytest.fixture
def sign(officers: dict[str, Actor], pens: Pens, clock: FixedClock) -> Callable[..., Accord]:
    """Sign as a side of an accord between dma and bpqmi."""

    def by(row: Accord, side: str, **changes: Any) -> Accord:
        system = row.consumer if side == "consumer" else row.provider
        name = "signatory" if system.owner_id == "dma" else "holder_signatory"
        actor = changes.get("actor", officers[name])
        content = changes.get("content", signing.bytes_to_sign(row))
        cades = pens.sign(changes.get("pen", actor.person), content)
        return signing.sign(row.number, side=side, actor=actor, cades=cades,
                            verifier=pens.verifier, at=clock.now())  # fmt: skip

    return by


@pytest.fixture
def in_force(to_sign: Callable[..., Accord], sign: Callable[..., Accord]) -> Accord:
    """The accord of an agreement that both have signed."""
    row = to_sign()
    sign(row, "consumer")
    return sign(row, "provider")
