"""The gate before the signature: pkilint's rules and our own for what it does not see.

pkilint takes half a second and some 60 MiB to load, so only a process that issues loads it,
at its first certificate.
"""

from functools import cache
from typing import Any

from cryptography import x509

from pencere.kernel.errors import Refused
from pencere.trust.own_lint import own_findings
from pencere.trust.profile import Profile
from pencere.trust.surroundings import Surroundings

# An installation on one machine answers at 127.0.0.1, and its certificates must say so. Only
# then is the rule against addresses without a public name passed over.
_OF_LOOPBACK = "etsi.internal_domain_name"
# RFC 5280 section 4.2.1.4 recommends bare policy identifiers and pkilint gives notice of any
# qualifier: passed over only where a profile asks for the pointer to the practice statement.
_OF_POINTER = "pkix.certificate_policies_policy_has_qualifier"


def gate(
    certificate: x509.Certificate, encoded: bytes, profile: Profile, surroundings: Surroundings
) -> None:
    """Let a certificate through to the key or refuse it.

    Raises:
        Refused: `certificate.lint` with the codes of all findings at NOTICE or above.
    """
    found = set(own_findings(certificate, profile, surroundings))
    passed_over = set()
    if surroundings.is_loopback:
        passed_over.add(_OF_LOOPBACK)
    if profile.practice_statement:
        passed_over.add(_OF_POINTER)
    if profile.lint != "none":
        found |= set(foreign_findings(encoded, profile.lint)) - passed_over
    if found:
        raise Refused("certificate.lint", profile=profile.name, findings=", ".join(sorted(found)))


def foreign_findings(encoded: bytes, kind: str) -> list[str]:
    """Return what pkilint finds at NOTICE or above."""
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
