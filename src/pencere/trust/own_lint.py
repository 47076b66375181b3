"""Our own rules: a certificate holds exactly what its profile says, no less and no more.

pkilint lets pass what a profile demands and a standard only allows: statements, names or pointers
that are missing (seen by mutation tests). Each rule is one line of a table, with its code.
"""

import ipaddress
import re

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin
from pencere.trust.algorithms import algorithm_of
from pencere.trust.contents import ATTRIBUTES, KEY_USAGES, QC_STATEMENTS, qc_statements
from pencere.trust.partitions import address, shard_of
from pencere.trust.profile import Profile
from pencere.trust.surroundings import Surroundings

_NATURAL = re.compile(r"PNO([A-Z]{2})-(.{1,50})")  # EN 319 412-1 section 5.1.3
_LEGAL = re.compile(r"(?:NTR|VAT|GOV)([A-Z]{2})-([A-Za-z0-9._-]{1,60})")  # section 5.1.4
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_CHROME = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.KeyUsage)


def own_findings(
    certificate: x509.Certificate, profile: Profile, surroundings: Surroundings
) -> list[str]:
    """Return the codes of the rules that a certificate breaks."""
    try:
        extensions = {one.oid: one for one in certificate.extensions}
    except (ValueError, x509.DuplicateExtension) as error:
        return [f"own.extensions_{type(error).__name__.lower()}"]
    holds = {
        **_of_body(certificate, profile, surroundings),
        **_of_keys(certificate, extensions, profile, surroundings),
        **_of_use(extensions, profile),
        **_of_pointers(certificate, extensions, profile, surroundings),
        **_of_names(certificate, extensions, profile, surroundings),
    }
    return [code for code, is_so in holds.items() if not is_so]


_Extensions = dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]


def _of_body(
    certificate: x509.Certificate, profile: Profile, surroundings: Surroundings
) -> dict[str, bool]:
    serial = certificate.serial_number
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    signed_as = certificate.signature_algorithm_oid.dotted_string
    return {
        "own.version": certificate.version is x509.Version.v3,
        # CA/B BR 7.1: 64 bits from a CSPRNG. RFC 5280 4.1.2.2: 20 octets at most.
        "own.serial_short": serial.bit_length() >= 64,
        "own.serial_long": serial.bit_length() < 160,
        "own.validity_long": 0 <= life.total_seconds() < profile.days * 86_400,
        "own.signature_algorithm": signed_as == algorithm_of(surroundings.issuer_key).oid,
    }


def _of_keys(
    certificate: x509.Certificate,
    extensions: _Extensions,
    profile: Profile,
    surroundings: Surroundings,
) -> dict[str, bool]:
    key, issuer = certificate.public_key(), surroundings.issuer_key
    is_self_signed = certificate.issuer == certificate.subject
    try:
        kind = algorithm_of(key).name
    except Invalid:
        kind = "unknown"
    return {
        "own.key_unaccepted": kind in profile.accepts,
        "own.key_of_issuer": is_self_signed or key != issuer,
        "own.subject_key_identifier": _value(extensions, x509.SubjectKeyIdentifier)
        == x509.SubjectKeyIdentifier.from_public_key(key),
        "own.authority_key_identifier": _value(extensions, x509.AuthorityKeyIdentifier)
        == x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer),
    }


def _of_use(extensions: _Extensions, profile: Profile) -> dict[str, bool]:
    basic = x509.BasicConstraints(ca=profile.ca, path_length=profile.path_length)
    usage = x509.KeyUsage(**{name: name in profile.key_usage for name in KEY_USAGES})
    purposes = profile.extended_key_usage
    given = _value(extensions, x509.ExtendedKeyUsage)
    found = [one.dotted_string for one in given] if isinstance(given, x509.ExtendedKeyUsage) else []
    policies = _value(extensions, x509.CertificatePolicies)
    named = (
        [one.policy_identifier.dotted_string for one in policies]
        if isinstance(policies, x509.CertificatePolicies)
        else []
    )
    return {
        "own.authority": _value(extensions, x509.BasicConstraints) == basic
        and extensions[x509.BasicConstraints.oid].critical,
        "own.key_usage": _value(extensions, x509.KeyUsage) == usage
        and extensions[x509.KeyUsage.oid].critical,
        "own.purposes": found == list(purposes.purposes if purposes else ())
        and (
            given is None
            or extensions[x509.ExtendedKeyUsage.oid].critical
            is bool(purposes and purposes.critical)
        ),
        "own.policies": named == list(profile.policies),
        "own.no_check": (x509.OCSPNoCheck.oid in extensions) == profile.no_check,
    }


def _of_pointers(
    certificate: x509.Certificate,
    extensions: _Extensions,
    profile: Profile,
    surroundings: Surroundings,
) -> dict[str, bool]:
    base, issuer, status = surroundings.base_url, surroundings.issuer_name, profile.status
    wanted = set()
    if status.ocsp:
        wanted.add((AuthorityInformationAccessOID.OCSP, f"{base}/ocsp"))
    if status.issuer:
        wanted.add((AuthorityInformationAccessOID.CA_ISSUERS, f"{base}/ca/{issuer}.crt"))
    access = _value(extensions, x509.AuthorityInformationAccess)
    found = (
        {(one.access_method, str(one.access_location.value)) for one in access}
        if isinstance(access, x509.AuthorityInformationAccess)
        else set()
    )
    points = _value(extensions, x509.CRLDistributionPoints)
    lists = (
        [str(name.value) for point in points for name in point.full_name or ()]
        if isinstance(points, x509.CRLDistributionPoints)
        else []
    )
    shard = shard_of(issuer, certificate.serial_number)
    return {
        "own.access": found == wanted,
        "own.crl_pointer": lists == ([address(base, issuer, shard)] if status.crl else []),
    }


def _of_names(
    certificate: x509.Certificate,
    extensions: _Extensions,
    profile: Profile,
    surroundings: Surroundings,
) -> dict[str, bool]:
    country = surroundings.authority.country
    subject = {one.oid: str(one.value) for one in certificate.subject}
    statements = extensions.get(QC_STATEMENTS)
    wanted = (
        qc_statements(profile.statements, surroundings.authority) if profile.statements else None
    )
    found = statements.value.public_bytes() if statements else None
    return {
        "own.subject": [one.oid for one in certificate.subject]
        == [ATTRIBUTES[name] for name in profile.subject]
        and all(value.strip() == value and value for value in subject.values()),
        "own.country": subject.get(ATTRIBUTES["country"]) == country,
        "own.natural_person": _is_natural(subject.get(ATTRIBUTES["serial_number"]), country),
        "own.legal_person": _is_legal(subject.get(ATTRIBUTES["organization_identifier"]), country),
        "own.statements": found == wanted,
        "own.alternative_names": _are_names(extensions, profile),
        "own.extension_unexpected": set(extensions) <= _expected(profile),
    }


def _value(extensions: _Extensions, kind: type[x509.ExtensionType]) -> x509.ExtensionType | None:
    found = extensions.get(kind.oid)
    return found.value if found else None


def _is_natural(identifier: str | None, country: str) -> bool:
    """Say whether serialNumber names a natural person of the country, by a FIN that can be."""
    if identifier is None:
        return True
    match = _NATURAL.fullmatch(identifier)
    if match is None or match[1] != country:
        return False
    try:
        return country != "AZ" or parse_fin(match[2]) == match[2]
    except Invalid:
        return False


def _is_legal(identifier: str | None, country: str) -> bool:
    match = _LEGAL.fullmatch(identifier) if identifier is not None else None
    return identifier is None or (match is not None and match[1] == country)


def _are_names(extensions: _Extensions, profile: Profile) -> bool:
    """Say whether alternative names are hosts or addresses of machines that can be meant."""
    names = _value(extensions, x509.SubjectAlternativeName)
    if not isinstance(names, x509.SubjectAlternativeName):
        return not profile.alternative_names
    if not profile.alternative_names or len(list(names)) != len({str(one.value) for one in names}):
        return False
    return all(
        _is_machine(one.value)
        if isinstance(one, x509.IPAddress)
        else isinstance(one, x509.DNSName) and _HOST.fullmatch(one.value) is not None
        for one in names
    )


def _is_machine(address_: object) -> bool:
    if not isinstance(address_, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return False  # a network
    return not (address_.is_multicast or address_.is_unspecified or address_.is_reserved)


def _expected(profile: Profile) -> set[x509.ObjectIdentifier]:
    status = profile.status
    wanted = {
        x509.BasicConstraints.oid: True,
        **{kind.oid: True for kind in _CHROME},
        x509.CertificatePolicies.oid: bool(profile.policies),
        x509.ExtendedKeyUsage.oid: profile.extended_key_usage is not None,
        x509.SubjectAlternativeName.oid: profile.alternative_names,
        x509.AuthorityInformationAccess.oid: status.ocsp or status.issuer,
        x509.CRLDistributionPoints.oid: status.crl,
        x509.OCSPNoCheck.oid: profile.no_check,
        QC_STATEMENTS: profile.statements is not None,
    }
    return {oid for oid, is_wanted in wanted.items() if is_wanted}
