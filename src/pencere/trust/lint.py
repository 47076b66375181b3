"""The gate before the signature: pkilint's rules and our own for what it does not see.

pkilint takes half a second and some 60 MiB to load, so only a process that issues loads it,
at its first certificate.
"""

from functools import cache
from typing import Any

from cryptography import x509

from pencere.kernel.errors import Refused
from pencere.trust.contents import QC_STATEMENTS
from pencere.trust.profile import Profile

# An installation on one machine answers at 127.0.0.1, and its certificates must say so. Only
# then is the rule against addresses without a public name passed over.
_OF_LOOPBACK = "etsi.internal_domain_name"


def gate(
    certificate: x509.Certificate, encoded: bytes, profile: Profile, *, is_loopback: bool = False
) -> None:
    """Let a certificate through to the key or refuse it.

    `is_loopback` says that status is answered at a loopback address.

    Raises:
        Refused: `certificate.lint` with the codes of all findings at NOTICE or above.
    """
    found = {*_foreign_findings(encoded, profile.lint), *own_findings(certificate, profile)}
    findings = sorted(found - {_OF_LOOPBACK} if is_loopback else found)
    if findings:
        raise Refused("certificate.lint", profile=profile.name, findings=", ".join(findings))


def own_findings(certificate: x509.Certificate, profile: Profile) -> list[str]:
    """Return what our profile demands and pkilint lets pass (seen by mutation tests)."""
    extensions = certificate.extensions
    present = {extension.oid for extension in extensions}
    demanded = {
        "own.statements_absent": (profile.statements is not None, QC_STATEMENTS),
        "own.crl_pointer_absent": (profile.status.crl, x509.CRLDistributionPoints.oid),
        "own.access_absent": (
            profile.status.ocsp or profile.status.issuer,
            x509.AuthorityInformationAccess.oid,
        ),
        "own.policies_absent": (bool(profile.policies), x509.CertificatePolicies.oid),
        "own.purpose_absent": (
            profile.extended_key_usage is not None,
            x509.ExtendedKeyUsage.oid,
        ),
        "own.no_check_absent": (profile.no_check, x509.OCSPNoCheck.oid),
        "own.alternative_names_absent": (
            profile.alternative_names,
            x509.SubjectAlternativeName.oid,
        ),
    }
    findings = [code for code, (wanted, oid) in demanded.items() if wanted and oid not in present]
    if len(list(certificate.subject)) != len(profile.subject):
        findings.append("own.subject_incomplete")
    if extensions.get_extension_for_class(x509.BasicConstraints).value.ca != profile.ca:
        findings.append("own.authority")
    if certificate.serial_number.bit_length() < 64:  # CA/B BR 7.1: 64 bits from a CSPRNG
        findings.append("own.serial_short")
    return findings


def _foreign_findings(encoded: bytes, kind: str) -> list[str]:
    from pkilint import finding_filter, loader, validation  # noqa: PLC0415 -- slow, see above

    document = loader.load_der_certificate(encoded, "to be signed")
    container, filters = _validators(kind)
    results = container.validate(document.root)
    results, _ = finding_filter.filter_results(filters, results)
    limit = validation.ValidationFindingSeverity.NOTICE
    return [
        finding.finding.code
        for result in results
        for finding in result.finding_descriptions
        if finding.finding.severity <= limit  # 0 is the gravest
    ]


@cache
def _validators(kind: str) -> tuple[Any, Any]:
    from pkilint import etsi  # noqa: PLC0415 -- slow, see above
    from pkilint.etsi.etsi_constants import CertificateType  # noqa: PLC0415
    from pkilint.pkix import certificate, extension, name  # noqa: PLC0415

    if kind == "pkix":
        validators = [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ]
        decoders = certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        )
        return certificate.create_pkix_certificate_validator_container(decoders, validators), []
    chosen = CertificateType[kind]
    container = certificate.create_pkix_certificate_validator_container(
        etsi.create_decoding_validators(chosen), etsi.create_validators(chosen)
    )
    return container, etsi.create_etsi_finding_filters(chosen)
