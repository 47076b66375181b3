"""Whose certificates of persons the portal believes, and where it asks about their status."""

from functools import cache

from cryptography import x509
from django.conf import settings

from pencere.trust.validation import OcspClient, StatusSource

# Public certificates in `data/pki` on the path of a person's certificate.
NAMES = ("root", "issuing-person")

# Where a provider with an authority of its own stands: its root and issuing authorities, PEM.
SIMA = "sima-anchors.pem"


@cache
def anchors() -> tuple[x509.Certificate, ...]:
    """Return the state's root and its issuing authority of persons."""
    pki = settings.INSTALLATION.pki
    return tuple(
        x509.load_pem_x509_certificate((pki / f"{name}.crt").read_bytes()) for name in NAMES
    )


@cache
def anchors_of_sima() -> tuple[x509.Certificate, ...]:
    """Return those, and SİMA's own where the installation has them."""
    own = settings.INSTALLATION.pki / SIMA
    if not own.exists():
        return anchors()
    return (*anchors(), *x509.load_pem_x509_certificates(own.read_bytes()))


@cache
def status_source() -> StatusSource:
    """Return what asks the responders; one for all threads, so that it remembers authorities."""
    return OcspClient()
