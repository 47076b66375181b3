"""What a revocation list is for: points, scope, reasons. RFC 5280 section 6.3.3 (b)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509

from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.names import Name, comparable
from pencere.documents.validation.status import ALL_REASONS

Names = frozenset[object]

REASONS = {
    x509.ReasonFlags.unspecified: "unspecified",
    x509.ReasonFlags.key_compromise: "key_compromise",
    x509.ReasonFlags.ca_compromise: "ca_compromise",
    x509.ReasonFlags.affiliation_changed: "affiliation_changed",
    x509.ReasonFlags.superseded: "superseded",
    x509.ReasonFlags.cessation_of_operation: "cessation_of_operation",
    x509.ReasonFlags.certificate_hold: "certificate_hold",
    x509.ReasonFlags.privilege_withdrawn: "privilege_withdrawn",
    x509.ReasonFlags.aa_compromise: "aa_compromise",
    x509.ReasonFlags.remove_from_crl: "remove_from_crl",
}


class Scoped(Protocol):
    """What matters of a list here."""

    issuer: Name
    issuer_rdns: x509.Name
    base_number: int | None
    scope: x509.IssuingDistributionPoint | None


@dataclass(frozen=True)
class Point:
    """A distribution point: its names, who issues its list, which reasons it has."""

    names: Names
    issuers: frozenset[Name]
    reasons: frozenset[str]


def points(certificate: Certificate) -> Iterator[Point]:
    """The distribution points that it names, then the one it need not name: its issuer's."""
    named = certificate.extension(x509.CRLDistributionPoints)
    for one in named or ():
        issuers = frozenset(
            comparable(name.value)
            for name in one.crl_issuer or ()
            if isinstance(name, x509.DirectoryName)
        )
        if one.crl_issuer and not issuers:
            continue
        reasons = (
            frozenset(REASONS[reason] for reason in one.reasons) if one.reasons else ALL_REASONS
        )
        names = _point_names(one.full_name, one.relative_name, one.crl_issuer, certificate)
        if not one.full_name and not one.relative_name:
            names = frozenset(_comparable_name(name) for name in one.crl_issuer or ())
        yield Point(names, issuers, reasons)
    yield Point(frozenset({("directory", certificate.issuer)}), frozenset(), ALL_REASONS)


def reasons_in_scope(one: Scoped, point: Point, certificate: Certificate) -> frozenset[str] | None:
    """Return the reasons a list has for a certificate at a point; None when it is not for it."""
    scope = one.scope
    if one.base_number is not None or not _is_by_right_issuer(one, point, certificate):
        return None
    if scope is None:
        return point.reasons & ALL_REASONS
    if not _is_about_kind(scope, certificate):
        return None
    if (scope.full_name or scope.relative_name) and not _scope_names(scope, one) & point.names:
        return None
    if scope.only_some_reasons:
        only = frozenset(REASONS[reason] for reason in scope.only_some_reasons)
        return only & point.reasons & ALL_REASONS
    return point.reasons & ALL_REASONS


def _is_by_right_issuer(one: Scoped, point: Point, certificate: Certificate) -> bool:
    if not point.issuers:
        return one.issuer == certificate.issuer
    return one.issuer in point.issuers and one.scope is not None and one.scope.indirect_crl


def _is_about_kind(scope: x509.IssuingDistributionPoint, certificate: Certificate) -> bool:
    if scope.only_contains_attribute_certs:
        return False
    if certificate.is_authority:
        return not scope.only_contains_user_certs
    return not scope.only_contains_ca_certs


def _scope_names(scope: x509.IssuingDistributionPoint, one: Scoped) -> Names:
    if scope.full_name:
        return frozenset(_comparable_name(name) for name in scope.full_name)
    assert scope.relative_name is not None  # noqa: S101 - one of the two is there
    return frozenset({_relative(one.issuer_rdns, scope.relative_name)})


def _point_names(
    full: list[x509.GeneralName] | None,
    relative: x509.RelativeDistinguishedName | None,
    issuers: list[x509.GeneralName] | None,
    certificate: Certificate,
) -> Names:
    if full:
        return frozenset(_comparable_name(name) for name in full)
    if relative is None:
        return frozenset()
    bases = [one.value for one in issuers or () if isinstance(one, x509.DirectoryName)]
    return frozenset(_relative(base, relative) for base in bases or [certificate.x509.issuer])


def _relative(base: x509.Name, last: x509.RelativeDistinguishedName) -> object:
    return ("directory", comparable(x509.Name([*base.rdns, last])))


def _comparable_name(name: x509.GeneralName) -> object:
    if isinstance(name, x509.DirectoryName):
        return ("directory", comparable(name.value))
    return (type(name).__name__, name.value)
