"""From a profile and the facts of a holder to the exact bytes that will be signed.

The to-be-signed certificate is made with a throw-away key of the issuer's kind (the way Boulder
does it): the same bytes are recorded, linted, and only then signed with the real key.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from pencere.kernel.errors import Invalid
from pencere.trust import der
from pencere.trust.algorithms import P256, P384, Algorithm, PrivateKey, PublicKey, algorithm_of
from pencere.trust.partitions import address, shard_of
from pencere.trust.profile import Authority, Profile, Statements

ATTRIBUTES = {
    "country": NameOID.COUNTRY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organization_identifier": NameOID.ORGANIZATION_IDENTIFIER,
    "surname": NameOID.SURNAME,
    "given_name": NameOID.GIVEN_NAME,
    "serial_number": NameOID.SERIAL_NUMBER,
    "common_name": NameOID.COMMON_NAME,
}
KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
QC_STATEMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
_QCS_V2 = "1.3.6.1.5.5.7.11.2"  # RFC 3739 section 3.2.6.1


@dataclass(frozen=True)
class Holder:
    """Who or what a certificate is about.

    `subject` maps the attribute names of `ATTRIBUTES` to their values; what the profile
    demands and is not there, or is there and not demanded, is refused. `alternative_names`
    are DNS names and IP addresses.
    """

    subject: Mapping[str, str]
    public_key: PublicKey
    alternative_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class IssuerFacts:
    """What is needed of an issuer to write its name into a certificate."""

    name: str
    public_key: PublicKey
    subject: x509.Name
    not_after: datetime | None


def subject_of(profile: Profile, holder: Holder) -> x509.Name:
    """Return the subject in the order of the profile."""
    if set(holder.subject) != set(profile.subject):
        raise Invalid(
            "certificate.subject",
            profile=profile.name,
            given=",".join(sorted(holder.subject)),
            expected=",".join(profile.subject),
        )
    try:
        return x509.Name(
            [x509.NameAttribute(ATTRIBUTES[name], holder.subject[name]) for name in profile.subject]
        )
    except ValueError as error:
        raise Invalid("certificate.subject", profile=profile.name, reason="length") from error


@dataclass(frozen=True)
class Draft:
    """Everything that goes into one certificate. The instants are aware UTC, whole seconds."""

    profile: Profile
    authority: Authority
    holder: Holder
    issuer: IssuerFacts
    serial: int
    not_before: datetime
    not_after: datetime
    base_url: str

    def linting_certificate(self) -> x509.Certificate:
        """Return it signed by a throw-away key: its TBS bytes are the ones to sign."""
        profile, holder, issuer = self.profile, self.holder, self.issuer
        ends = min(self.not_after, issuer.not_after) if issuer.not_after else self.not_after
        builder = (
            x509.CertificateBuilder()
            .serial_number(self.serial)
            .subject_name(subject_of(profile, holder))
            .issuer_name(issuer.subject)
            .public_key(holder.public_key)
            .not_valid_before(self.not_before)
            .not_valid_after(ends)
        )
        for value, critical in (
            (x509.BasicConstraints(ca=profile.ca, path_length=profile.path_length), True),
            (_key_usage(profile), True),
            (x509.SubjectKeyIdentifier.from_public_key(holder.public_key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key), False),
            *_further_extensions(self),
        ):
            builder = builder.add_extension(value, critical=critical)
        algorithm = algorithm_of(issuer.public_key)
        return builder.sign(_throw_away_key(algorithm), algorithm.hash)


def assemble(tbs: bytes, signature: bytes, algorithm: Algorithm) -> bytes:
    """Return the DER of a certificate or list from its TBS bytes and the signature over them."""
    return der.sequence(tbs, algorithm.identifier, der.bit_string(signature))


@cache
def _throw_away_key(algorithm: Algorithm) -> PrivateKey:
    # In a certificate ECDSA is named with its hash, not its curve: the fast curve serves both.
    return (P256 if algorithm in (P256, P384) else algorithm).generate()


def _key_usage(profile: Profile) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in profile.key_usage for name in KEY_USAGES})


def _further_extensions(draft: Draft) -> list[tuple[x509.ExtensionType, bool]]:
    profile = draft.profile
    found: list[tuple[x509.ExtensionType, bool]] = []
    if profile.policies:
        found.append((_policies(profile, draft.authority), False))
    if usage := profile.extended_key_usage:
        purposes = [x509.ObjectIdentifier(oid) for oid in usage.purposes]
        found.append((x509.ExtendedKeyUsage(purposes), usage.critical))
    if profile.alternative_names:
        found.append((_alternative_names(draft.holder), False))
    found += _status(draft)
    if profile.no_check:
        found.append((x509.OCSPNoCheck(), False))
    if profile.statements:
        statements = x509.UnrecognizedExtension(
            QC_STATEMENTS, qc_statements(profile.statements, draft.authority)
        )
        found.append((statements, False))
    return found


def _policies(profile: Profile, authority: Authority) -> x509.CertificatePolicies:
    # RFC 5280 section 4.2.1.4 recommends bare identifiers, so a pointer stands only where wanted.
    pointer = [authority.practice_statement] if profile.practice_statement else None
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(oid), pointer) for oid in profile.policies]
    )


def _alternative_names(holder: Holder) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    for name in holder.alternative_names:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            names.append(x509.DNSName(name))
    if not names:
        raise Invalid("certificate.alternative_names")
    return x509.SubjectAlternativeName(names)


def _status(draft: Draft) -> list[tuple[x509.ExtensionType, bool]]:
    status, issuer, base_url = draft.profile.status, draft.issuer, draft.base_url
    access = []
    found: list[tuple[x509.ExtensionType, bool]] = []
    if status.ocsp:
        access.append((AuthorityInformationAccessOID.OCSP, f"{base_url}/ocsp"))
    if status.issuer:
        access.append(
            (AuthorityInformationAccessOID.CA_ISSUERS, f"{base_url}/ca/{issuer.name}.crt")
        )
    if access:
        descriptions = [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
            for method, url in access
        ]
        found.append((x509.AuthorityInformationAccess(descriptions), False))
    if status.crl:
        part = shard_of(issuer.name, draft.serial)
        name = x509.UniformResourceIdentifier(address(base_url, issuer.name, part))
        point = x509.DistributionPoint([name], None, None, None)
        found.append((x509.CRLDistributionPoints([point]), False))
    return found


def qc_statements(statements: Statements, authority: Authority) -> bytes:
    """Return the QCStatements extension (EN 319 412-5 section 4, RFC 3739 section 3.2.6)."""
    found = []
    if statements.compliance:
        found.append(der.sequence(der.object_identifier("0.4.0.1862.1.1")))
    if statements.device:
        found.append(der.sequence(der.object_identifier("0.4.0.1862.1.4")))
    if statements.disclosure:
        documents = [
            der.sequence(
                der.tlv(0x16, one.url.encode("ascii")), der.tlv(0x13, one.language.encode("ascii"))
            )
            for one in authority.disclosure_statements
        ]
        found.append(
            der.sequence(der.object_identifier("0.4.0.1862.1.5"), der.sequence(*documents))
        )
    if statements.type:
        kind = der.sequence(der.object_identifier(statements.type))
        found.append(der.sequence(der.object_identifier("0.4.0.1862.1.6"), kind))
    if statements.legislation:
        countries = der.sequence(der.tlv(0x13, authority.country.encode("ascii")))
        found.append(der.sequence(der.object_identifier("0.4.0.1862.1.7"), countries))
    if statements.semantics:
        semantics = der.sequence(der.object_identifier(statements.semantics))
        found.append(der.sequence(der.object_identifier(_QCS_V2), semantics))
    return der.sequence(*found)
