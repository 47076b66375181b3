"""What the trusted lists say of whoever issued a signer's certificate, at the time it counts.

A signature is called qualified when its certificate says so (EN 319 412-5) and the service that
issued it was recognised for that, both when the certificate was issued and when it was used.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pencere.documents.validation import certificate as certificates
from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.path import Outcome
from pencere.documents.validation.report import Quality
from pencere.kernel.errors import PencereError
from pencere.trust.trusted_list import Service, TrustedList, load

_STATEMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
# id-etsi-qcs-QcCompliance, as the OBJECT IDENTIFIER in the statement is encoded.
_COMPLIANCE = bytes.fromhex("060604008e460101")
# id-etsi-qcs-QcSSCD: the key is in a qualified signature or seal creation device.
_DEVICE = bytes.fromhex("060604008e460104")


@dataclass(frozen=True)
class Services:
    """The services of all lists that could be believed; `warnings` name those that could not."""

    lists: tuple[TrustedList, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        lists: Iterable[bytes],
        signers: Iterable[x509.Certificate],
        anchors: Iterable[x509.Certificate],
        at: datetime,
    ) -> "Services":
        """Read and verify lists; one that fails is left out and warned of."""
        read, warnings = [], []
        trusted, roots = tuple(signers), tuple(anchors)
        for one in lists:
            try:
                read.append(load(one, at=at, signers=trusted, anchors=roots))
            except PencereError as error:
                warnings.append(error.code)
        return cls(tuple(read), tuple(dict.fromkeys(warnings)))

    @property
    def anchors(self) -> tuple[Certificate, ...]:
        """Every certificate of a service that was ever recognised."""
        found = [
            der
            for one in self.lists
            for service in one.services
            if any(period.is_recognised for period in service.periods)
            for der in service.certificates
        ]
        return tuple(dict.fromkeys(certificates.readable(found)))

    def is_recognised(self, anchor: Certificate, at: datetime) -> bool:
        """Say whether a certificate was of a recognised service at an instant."""
        return any(
            service.period(at) is not None and service.was_recognised(at)
            for _, service in self._services((anchor,))
        )

    def quality(self, outcome: Outcome | None, used_at: datetime) -> Quality | None:
        """Return what the lists say of the issuer of the first certificate of a path."""
        if outcome is None or not outcome.path:
            return None
        leaf, issuers = outcome.path[0], outcome.path[1:]
        for listed, service in self._services(issuers):
            period = service.period(used_at)
            if not service.is_issuing or period is None:
                continue
            is_qualified = (
                service.was_recognised(used_at)
                and service.was_recognised(leaf.not_before)
                and _says(leaf, _COMPLIANCE)
            )
            return Quality(
                service.name.az if service.name else "",
                period.status,
                service.type,
                is_qualified,
                listed.territory,
                is_qualified and _says(leaf, _DEVICE),
            )
        return None

    def _services(self, issuers: Iterable[Certificate]) -> Iterable[tuple[TrustedList, Service]]:
        wanted = {one.der for one in issuers}
        for listed in self.lists:
            for service in listed.services:
                if wanted & set(service.certificates):
                    yield listed, service


def _says(certificate: Certificate, statement: bytes) -> bool:
    found = certificate.extensions.get(_STATEMENTS)
    value = None if found is None else found.value
    return isinstance(value, x509.UnrecognizedExtension) and statement in value.value
