"""Payment providers, each behind the same protocol."""

from functools import cache

from django.conf import settings

from pencere.kernel.errors import Missing
from pencere.web.payments.providers.protocol import Provider
from pencere.web.payments.providers.sandbox import SandboxBank

DEFAULT = "bank"


@cache
def provider(name: str) -> Provider:
    """Return the provider of this name, else raise Missing("provider.unknown")."""
    if name != DEFAULT:
        raise Missing("provider.unknown", provider=name[:32])
    installation = settings.INSTALLATION
    return SandboxBank(address=installation.address("bank"), secret=installation.secret("bank"))
