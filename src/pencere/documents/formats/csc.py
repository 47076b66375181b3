"""A key in a remote service, Cloud Signature Consortium API v1: one activation, many digests."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from pencere.documents.formats import algorithms
from pencere.documents.formats.signer import check_signature, scheme_of
from pencere.documents.remote import SealService


@dataclass(frozen=True)
class CscSigner:
    """The credential of `service`; `pin` and `otp` where it asks for them."""

    service: SealService
    pin: str | None = None
    otp: str | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""
        return self.service.certificates()[0]

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """Certificates above it, nearest first."""
        return self.service.certificates()[1:]

    @property
    def most_digests(self) -> int:
        """How many digests one activation may cover, as the service says."""
        return self.service.most_digests()

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """Return one signature for each digest, each checked with the certificate."""
        certificate = self.certificate
        scheme = scheme_of(certificate)
        signatures = self.service.sign_digests(
            digests,
            algorithms.oid_of(scheme),
            digest_algorithm=algorithms.DIGEST_OIDS[scheme.digest],
            pin=self.pin,
            otp=self.otp,
        )
        for one, signature in zip(digests, signatures, strict=True):
            check_signature(certificate.public_key(), scheme, one, signature)
        return signatures
