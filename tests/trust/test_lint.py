"""Each rule of our own sees what it is for: certificates that differ in one thing."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from tests.trust.conftest import BASE_URL, Enrolee, Founded, csr

from pencere.kernel.errors import Refused
from pencere.trust import lint
from pencere.trust.contents import KEY_USAGES
from pencere.trust.own_lint import own_findings
from pencere.trust.profile import load_authority, load_profile
from pencere.trust.surroundings import Surroundings

QC_STATEMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
THROW_AWAY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Parts:
    """A certificate taken apart."""

    subject: list[x509.NameAttribute]
    issuer: x509.Name
    key: object
    serial: int
    not_before: object
    not_after: object
    extensions: list[tuple[x509.ExtensionType, bool]]
    hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA384)

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "Parts":
        return cls(
            list(certificate.subject),
            certificate.issuer,
            certificate.public_key(),
            certificate.serial_number,
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            [(one.value, one.critical) for one in certificate.extensions],
        )

    def build(self) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(self.subject))
            .issuer_name(self.issuer)
            .public_key(self.key)
            .serial_number(self.serial)
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
        )
        for value, critical in self.extensions:
            builder = builder.add_extension(value, critical=critical)
        return builder.sign(THROW_AWAY, self.hash)

    def without(self, oid: x509.ObjectIdentifier) -> "Parts":
        return replace(self, extensions=[one for one in self.extensions if one[0].oid != oid])

    def instead(self, value: x509.ExtensionType, *, critical: bool = False) -> "Parts":
        changed = self.without(value.oid)
        changed.extensions.append((value, critical))
        return changed

    def named(self, oid: x509.ObjectIdentifier, text: str | None) -> "Parts":
        """With another value of an attribute of the subject, or without it."""
        kept = [
            one if one.oid != oid else x509.NameAttribute(oid, text)
            for one in self.subject
            if one.oid != oid or text is not None
        ]
        return replace(self, subject=kept)


def other_access(parts: Parts) -> Parts:
    place = x509.UniformResourceIdentifier("http://127.0.0.1:1/ocsp")
    found = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
    return parts.instead(x509.AuthorityInformationAccess([found]))


def other_list(parts: Parts) -> Parts:
    place = x509.UniformResourceIdentifier(f"{BASE_URL}/crl/issuing-seal.crl")
    point = x509.DistributionPoint([place], None, None, None)
    return parts.instead(x509.CRLDistributionPoints([point]))


def usage(**changes: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: changes.get(name, False) for name in KEY_USAGES})


COMMITMENT = {"content_commitment": True}
STRANGER = ec.generate_private_key(ec.SECP256R1()).public_key()
SMALL = rsa.generate_private_key(65537, 2048).public_key()


MUTATIONS: dict[str, tuple[Callable[[Parts], Parts], str]] = {
    "no statements": (lambda p: p.without(QC_STATEMENTS), "own.statements"),
    "other statements": (
        lambda p: p.instead(x509.UnrecognizedExtension(QC_STATEMENTS, b"\x30\x00")),
        "own.statements",
    ),
    "no serialNumber": (lambda p: p.named(NameOID.SERIAL_NUMBER, None), "own.subject"),
    "no givenName": (lambda p: p.named(NameOID.GIVEN_NAME, None), "own.subject"),
    "no surname": (lambda p: p.named(NameOID.SURNAME, None), "own.subject"),
    "no common name": (lambda p: p.named(NameOID.COMMON_NAME, None), "own.subject"),
    "a name with a blank before it": (
        lambda p: p.named(NameOID.GIVEN_NAME, " Aydan"),
        "own.subject",
    ),
    "another order of names": (
        lambda p: replace(p, subject=list(reversed(p.subject))),
        "own.subject",
    ),
    "another country": (lambda p: p.named(NameOID.COUNTRY_NAME, "TR"), "own.country"),
    "a number of another country": (
        lambda p: p.named(NameOID.SERIAL_NUMBER, "PNOTR-1ABCDE2"),
        "own.natural_person",
    ),
    "a FIN that cannot be": (
        lambda p: p.named(NameOID.SERIAL_NUMBER, "PNOAZ-1ABCDEF2"),
        "own.natural_person",
    ),
    "a FIN in small letters": (
        lambda p: p.named(NameOID.SERIAL_NUMBER, "PNOAZ-1abcde2"),
        "own.natural_person",
    ),
    "no list": (lambda p: p.without(x509.CRLDistributionPoints.oid), "own.crl_pointer"),
    "another's list": (other_list, "own.crl_pointer"),
    "no access": (lambda p: p.without(x509.AuthorityInformationAccess.oid), "own.access"),
    "another's responder": (other_access, "own.access"),
    "no policies": (lambda p: p.without(x509.CertificatePolicies.oid), "own.policies"),
    "one policy too few": (
        lambda p: p.instead(
            x509.CertificatePolicies(
                [x509.PolicyInformation(x509.ObjectIdentifier("0.4.0.194112.1.2"), None)]
            )
        ),
        "own.policies",
    ),
    "a purpose": (
        lambda p: p.instead(x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")])),
        "own.purposes",
    ),
    "signs certificates": (
        lambda p: p.instead(usage(key_cert_sign=True, **COMMITMENT), critical=True),
        "own.key_usage",
    ),
    "enciphers": (
        lambda p: p.instead(usage(key_encipherment=True, **COMMITMENT), critical=True),
        "own.key_usage",
    ),
    "key usage that may be passed over": (
        lambda p: p.instead(usage(**COMMITMENT), critical=False),
        "own.key_usage",
    ),
    "is an authority": (
        lambda p: p.instead(x509.BasicConstraints(ca=True, path_length=0), critical=True),
        "own.authority",
    ),
    "is not asked about": (lambda p: p.instead(x509.OCSPNoCheck()), "own.no_check"),
    "names of machines": (
        lambda p: p.instead(x509.SubjectAlternativeName([x509.DNSName("x.gov.az")])),
        "own.alternative_names",
    ),
    "an extension nobody asked for": (
        lambda p: p.instead(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\0")
        ),
        "own.extension_unexpected",
    ),
    "a short serial number": (lambda p: replace(p, serial=1 << 40), "own.serial_short"),
    "a life that is too long": (
        lambda p: replace(p, not_after=p.not_after + timedelta(days=1)),
        "own.validity_long",
    ),
    "another hash": (lambda p: replace(p, hash=hashes.SHA256()), "own.signature_algorithm"),
    "a weak key": (lambda p: replace(p, key=SMALL), "own.key_unaccepted"),
    "another's key identifier": (
        lambda p: p.instead(x509.SubjectKeyIdentifier.from_public_key(STRANGER)),
        "own.subject_key_identifier",
    ),
    "another issuer's identifier": (
        lambda p: p.instead(x509.AuthorityKeyIdentifier.from_issuer_public_key(STRANGER)),
        "own.authority_key_identifier",
    ),
    "no key identifier": (
        lambda p: p.without(x509.SubjectKeyIdentifier.oid),
        "own.subject_key_identifier",
    ),
}


def surroundings(founded: Founded, issuer: str = "issuing-person") -> Surroundings:
    key = founded.certificate(issuer).public_key()
    return Surroundings(issuer, key, load_authority(), BASE_URL)


def test_a_certificate_as_it_is_issued_breaks_no_rule(founded: Founded, aydan: Enrolee) -> None:
    profile, again = load_profile("person-signature"), Parts.of(aydan.signature).build()

    assert own_findings(again, profile, surroundings(founded)) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_our_own_rules_see_each_change(founded: Founded, aydan: Enrolee, name: str) -> None:
    change, finding = MUTATIONS[name]
    certificate = change(Parts.of(aydan.signature)).build()

    with pytest.raises(Refused, match=finding):
        lint.gate(
            certificate,
            certificate.public_bytes(Encoding.DER),
            load_profile("person-signature"),
            surroundings(founded),
        )


def test_the_key_of_the_issuer_is_not_certified_again(founded: Founded, aydan: Enrolee) -> None:
    issuer = founded.certificate("issuing-person").public_key()
    certificate = replace(Parts.of(aydan.signature), key=issuer).build()

    found = own_findings(certificate, load_profile("person-signature"), surroundings(founded))

    assert found == ["own.key_of_issuer", "own.subject_key_identifier"]


@pytest.mark.parametrize(
    "names",
    [
        [x509.DNSName("*.gov.az")],
        [x509.DNSName("Node.gov.az")],
        [x509.DNSName("node..az")],
        [x509.DNSName("node.gov.az"), x509.DNSName("node.gov.az")],
        [x509.IPAddress(ip_address("0.0.0.0"))],
        [x509.IPAddress(ip_address("224.0.0.1"))],
        [x509.RFC822Name("a@gov.az")],
        [x509.UniformResourceIdentifier("http://node.gov.az")],
    ],
)
def test_a_node_is_named_by_machines_that_can_be_meant(
    founded: Founded, names: list[x509.GeneralName]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    node = founded.centre.issue_node_certificate(
        csr(key), body="idda", organization="X", name="n", addresses=("node.gov.az",)
    )[0]
    certificate = Parts.of(node).instead(x509.SubjectAlternativeName(names)).build()

    found = own_findings(
        certificate, load_profile("tls-node"), surroundings(founded, "issuing-infrastructure")
    )

    assert found == ["own.alternative_names"]


def test_a_pointer_to_the_practice_statement_is_there_where_the_profile_says_so(
    founded: Founded, aydan: Enrolee
) -> None:
    profile = replace(load_profile("person-signature"), practice_statement=True)
    pointed = x509.CertificatePolicies(
        [
            x509.PolicyInformation(x509.ObjectIdentifier(oid), [f"{BASE_URL}/cps"])
            for oid in profile.policies
        ]
    )
    certificate = Parts.of(aydan.signature).instead(pointed).build()
    encoded = certificate.public_bytes(Encoding.DER)

    lint.gate(certificate, encoded, profile, surroundings(founded))
    assert set(lint.foreign_findings(encoded, profile.lint)) == {
        "pkix.certificate_policies_policy_has_qualifier",
        "etsi.internal_domain_name",  # the tests answer at 127.0.0.1
    }
